/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Exports as modules of Linux 7.1 and later do: who may use what is in a table of flags. */
#include "module.h"

MODULE("flagged_owner", "Dual MIT/GPL");

int flagged_for_all(void)
{
	return 5;
}
EXPORT_FLAGGED(flagged_for_all, 0);

int flagged_for_gpl(void)
{
	return 7;
}
EXPORT_FLAGGED(flagged_for_gpl, 1);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
