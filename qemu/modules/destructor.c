/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counts on a destructor that runs after exit. */
#include "module.h"

MODULE("destructor", "Dual MIT/GPL");

__attribute__((destructor)) static void destruct(void)
{
	_printk("destructor: destructed\n");
}

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
