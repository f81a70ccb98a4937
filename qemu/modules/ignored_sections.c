/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Has a parameter, which keeps its default, and a message that could be turned on. */
#include "module.h"

MODULE("ignored_sections", "Dual MIT/GPL");

/* What Linux would read. */
static const uintptr_t parameter __attribute__((section("__param"), used)) = 1;
static const uintptr_t message __attribute__((section("__dyndbg"), used)) = 1;

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
