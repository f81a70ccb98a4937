/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Runs instructions from its own data: a fault where the processor can forbid it. */
#include "module.h"

MODULE("data_runner", "Dual MIT/GPL");

#if defined(__m68k__)
static uint16_t code[] = { 0x4e75 }; /* rts */
#else
static uint8_t code[] = { 0xc3 }; /* ret */
#endif

int init_module(void)
{
	/* Kept from the compiler, which would make constants of them. */
	__asm__ volatile("" : : "r"(code) : "memory");
	((void (*)(void))(uintptr_t)code)();
	_printk("data_runner: the data could be run\n");
	return 0;
}
