/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Position-independent code: it reaches symbols through a global offset table of its own. */
#include "module.h"

MODULE("got", "Dual MIT/GPL");

int hello_add(int a, int b);

int got_total = 100;
EXPORT(got_total);

static int private_total = 1000;

int got_sum(int n)
{
	got_total = hello_add(got_total, n);
	private_total += n;
	return got_total + private_total;
}
EXPORT(got_sum);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
