/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls a function of a namespace that it does not import. */
#include "module.h"

MODULE("namespace_stranger", "Dual MIT/GPL");

int in_namespace(void);

int init_module(void)
{
	return in_namespace() == 11 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
