/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* 8 MiB of data that take no room in the file and have to start as zeros. */
#include "module.h"

MODULE("large_bss", "Dual MIT/GPL");

enum { LENGTH = 8 << 20 };

static uint8_t area[LENGTH];

/* How many bytes hold another value than `expected`. */
int bss_differing(int expected)
{
	int count = 0;
	for (size_t i = 0; i < LENGTH; i++)
		count += area[i] != (uint8_t)expected;
	return count;
}
EXPORT(bss_differing);

int init_module(void)
{
	if (bss_differing(0) != 0)
		return -EIO;
	/* The next load must not find these. */
	for (size_t i = 0; i < LENGTH; i++)
		area[i] = 0xa5;
	return 0;
}

void cleanup_module(void)
{
}
