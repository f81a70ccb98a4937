/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Imports the namespace of named_owner, which is not to be had so. */
#include "module.h"

MODULE("named_thief", "Dual MIT/GPL");
MODINFO(import_ns, "module:named-user,other-*");

int for_named(void);

int init_module(void)
{
	return for_named() == 7 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
