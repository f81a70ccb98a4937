/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Its init and exit functions are weak; struct module refers to them. */
#include "module.h"

MODULE("weak_init", "Dual MIT/GPL");

static int started;

int weak_init_started(void)
{
	return started;
}
EXPORT(weak_init_started);

__attribute__((weak)) int init_module(void)
{
	started = 1;
	return 0;
}

__attribute__((weak)) void cleanup_module(void)
{
	_printk("weak_init: exit\n");
}

THIS_MODULE(init_module, cleanup_module);
