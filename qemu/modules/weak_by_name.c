/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Its init and exit functions are weak, and there is no struct module that refers to them. */
#include "module.h"

MODULE("weak_by_name", "Dual MIT/GPL");

static int started;

int weak_by_name_started(void)
{
	return started;
}
EXPORT(weak_by_name_started);

__attribute__((weak)) int init_module(void)
{
	started = 1;
	return 0;
}

__attribute__((weak)) void cleanup_module(void)
{
	_printk("weak_by_name: exit\n");
}
