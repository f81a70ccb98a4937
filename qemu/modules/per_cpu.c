/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Has a variable of which each processor is to have its own. */
#include "module.h"

MODULE("per_cpu", "Dual MIT/GPL");

int per_cpu_variable __attribute__((section(".data..percpu"))) = 5;

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
