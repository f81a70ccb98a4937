/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Is called as the namespace of named_owner asks, where `-` is `_`. It imports nothing. */
#include "module.h"

MODULE("named_user", "Dual MIT/GPL");

int for_named(void);

int init_module(void)
{
	return for_named() == 7 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
