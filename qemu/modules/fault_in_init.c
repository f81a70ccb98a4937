/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads where nothing is in its init function. */
#include "module.h"

MODULE("fault_in_init", "Dual MIT/GPL");

int fault_in_init_answer(void)
{
	return 42;
}
EXPORT(fault_in_init_answer);

IN_INIT int init_module(void)
{
	return *(const volatile int *)-4096L;
}
