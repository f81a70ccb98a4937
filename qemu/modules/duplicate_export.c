/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Exports a name that hello exports already. */
#include "module.h"

MODULE("duplicate_export", "Dual MIT/GPL");

int hello_add(int a, int b)
{
	return a - b;
}
EXPORT(hello_add);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
