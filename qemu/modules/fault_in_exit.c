/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads where nothing is in its exit function. */
#include "module.h"

MODULE("fault_in_exit", "Dual MIT/GPL");

IN_INIT int init_module(void)
{
	return 0;
}

IN_EXIT void cleanup_module(void)
{
	(void)*(const volatile int *)-4096L;
}
