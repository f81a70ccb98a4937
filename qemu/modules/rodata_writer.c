/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes to its own constants: a fault. */
#include "module.h"

MODULE("rodata_writer", "Dual MIT/GPL");

static const int constants[] = { 1, 2, 3, 4 };

int init_module(void)
{
	*(volatile int *)constants = 5;
	_printk("rodata_writer: the constants could be written\n");
	return 0;
}
