/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* While this is loaded, hello cannot be unloaded. */
#include "module.h"

MODULE("uses_hello", "Dual MIT/GPL");

int hello_add(int a, int b);
int hello_gpl_only(void);

/* 3 * n, computed by hello. */
int triple(int n)
{
	return hello_add(hello_add(n, n), n);
}
EXPORT(triple);

int init_module(void)
{
	return hello_gpl_only() == 42 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
