/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counts on a constructor that runs before init. */
#include "module.h"

MODULE("constructor", "Dual MIT/GPL");

static int constructed;

__attribute__((constructor)) static void construct(void)
{
	constructed = 1;
}

int init_module(void)
{
	return constructed ? 0 : -EIO;
}

void cleanup_module(void)
{
}
