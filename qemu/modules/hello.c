/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module with init, exit and exports: the others in this folder use it. */
#include "module.h"

MODULE("hello", "Dual MIT/GPL");

static int calls;

int hello_add(int a, int b)
{
	calls++;
	return a + b;
}
EXPORT(hello_add);

int hello_calls(void)
{
	return calls;
}
EXPORT(hello_calls);

int hello_gpl_only(void)
{
	return 42;
}
EXPORT_GPL(hello_gpl_only);

IN_INIT int init_module(void)
{
	_printk("hello: init\n");
	return 0;
}

IN_EXIT void cleanup_module(void)
{
	_printk("hello: exit\n");
}
