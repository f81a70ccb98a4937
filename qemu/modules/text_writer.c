/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes to its own code: a fault. */
#include "module.h"

MODULE("text_writer", "Dual MIT/GPL");

int init_module(void)
{
	*(volatile uint8_t *)(uintptr_t)init_module = 0;
	_printk("text_writer: the code could be written\n");
	return 0;
}
