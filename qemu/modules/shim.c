/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Says that it is free, and stands between a proprietary module and what is for free ones only. */
#include "module.h"

MODULE("shim", "Dual MIT/GPL");

int of_proprietary(void);
int hello_gpl_only(void);

int shim(void)
{
	return of_proprietary() + hello_gpl_only();
}
EXPORT(shim);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
