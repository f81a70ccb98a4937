/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Is called as one of the patterns in the namespace of named_owner. It imports nothing. */
#include "module.h"

MODULE("other_user", "Dual MIT/GPL");

int for_named(void);

int init_module(void)
{
	return for_named() == 7 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
