/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Its init and exit functions are local and called as they like; struct module refers to them. */
#include "module.h"

MODULE("local_init", "Dual MIT/GPL");

static int started;

int local_init_started(void)
{
	return started;
}
EXPORT(local_init_started);

IN_INIT static int on_start(void)
{
	started = 1;
	return 0;
}

IN_EXIT static void on_end(void)
{
	_printk("local_init: exit\n");
}

THIS_MODULE(on_start, on_end);
