/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Is not called as the namespace of named_owner asks. */
#include "module.h"

MODULE("named_stranger", "Dual MIT/GPL");

int for_named(void);

int init_module(void)
{
	return for_named() == 7 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
