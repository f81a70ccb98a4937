/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Functions whose arguments are in registers, on the stack, and in both, by the kernel's ABI. */
#include "module.h"

MODULE("arguments", "Dual MIT/GPL");

/* Each argument shows in a digit of its own. */
uint64_t arguments_mixed(int a, uint64_t b, int c, uint64_t d, int e, int f, uint64_t g, int h)
{
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f + 1000000 * g +
	       10000000ull * h;
}
EXPORT(arguments_mixed);

/* On i386 `c` does not fit the one register that is left, so that it and all after it go to the
   stack. */
int arguments_one_register_left(int a, int b, uint64_t c, int d)
{
	return a * 1000 + b * 100 + (int)(c >> 32) * 10 + d;
}
EXPORT(arguments_one_register_left);

uint64_t arguments_difference(uint64_t a, uint64_t b)
{
	return a - b;
}
EXPORT(arguments_difference);

/* What the kernel prints for each conversion; its length comes back. */
int arguments_printed(void)
{
	return _printk("\0016%s %d|%5d|%05x|%llu|%lu|%c|%%|%X\n", "text", -3, 42, 0xbeef,
		       12345678901234ull, 99ul, 'q', 0xCAFE);
}
EXPORT(arguments_printed);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
