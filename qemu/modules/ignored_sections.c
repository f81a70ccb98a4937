/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Has a message that could be turned on, and a place of a warning. */
#include "module.h"

MODULE("ignored_sections", "Dual MIT/GPL");

/* What Linux would read. */
static const uintptr_t warning __attribute__((section("__bug_table"), used)) = 1;
static const uintptr_t message __attribute__((section("__dyndbg"), used)) = 1;

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
