/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Exports something to modules of certain names only, as Linux 6.16's EXPORT_SYMBOL_FOR_MODULES. */
#include "module.h"

MODULE("named_owner", "Dual MIT/GPL");

int for_named(void)
{
	return 7;
}
EXPORT_TO(for_named, "module:named-user,other-*");

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
