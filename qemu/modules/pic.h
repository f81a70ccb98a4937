/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What position-independent code does under every code model: calls and data, its own and of
 * others, addresses of both, and data that count as large. */
#ifndef PIC_H
#define PIC_H

#include "module.h"

int hello_add(int a, int b);

/* Others could take the place of these, for all that the compiler knows. */
int pic_total = 100;
EXPORT(pic_total);

static int private_total = 1000;

/* Large, for the medium code model. */
enum { LARGE = 1 << 17 };
uint8_t pic_large_bss[LARGE];
static uint8_t private_large_data[LARGE] = { 1, 2, 3 };

int pic_add_to_total(int n)
{
	pic_total = hello_add(pic_total, n);
	return pic_total;
}
EXPORT(pic_add_to_total);

static __attribute__((noipa)) int add_to_private_total(int n)
{
	private_total += n;
	return private_total;
}

/* Addresses in data, which the loader fills in. */
static int (*const adders[])(int) = { pic_add_to_total, add_to_private_total };

int pic_sum(int n)
{
	return pic_add_to_total(n) + add_to_private_total(n);
}
EXPORT(pic_sum);

int pic_by_pointer(int index, int n)
{
	return adders[index](n);
}
EXPORT(pic_by_pointer);

/* A function whose address comes from the code, be it of another module, of this one, or local. */
void *pic_address(int which)
{
	switch (which) {
	case 0:
		return (void *)(uintptr_t)hello_add;
	case 1:
		return (void *)(uintptr_t)pic_sum;
	default:
		return (void *)(uintptr_t)add_to_private_total;
	}
}

int pic_call_address(int which, int n)
{
	return which == 0 ? ((int (*)(int, int))(uintptr_t)pic_address(0))(n, n)
			  : ((int (*)(int))(uintptr_t)pic_address(which))(n);
}
EXPORT(pic_call_address);

/* The first and last bytes of what is large, which `n` is written to before. */
int pic_large(int n)
{
	pic_large_bss[LARGE - 1] += n;
	private_large_data[LARGE - 1] += n;
	return pic_large_bss[0] + pic_large_bss[LARGE - 1] * 10 + private_large_data[0] * 100 +
	       private_large_data[LARGE - 1] * 1000;
}
EXPORT(pic_large);

int init_module(void)
{
	_printk("%s\n", "pic: init");
	return 0;
}

void cleanup_module(void)
{
	_printk("%s\n", "pic: exit");
}

#endif
