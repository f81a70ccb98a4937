/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Uses a proprietary module, and lets others use it. */
#include "module.h"

MODULE("uses_proprietary", "Dual MIT/GPL");

int of_proprietary(void);

int by_way_of_free(void)
{
	return of_proprietary();
}
EXPORT(by_way_of_free);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
