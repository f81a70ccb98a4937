/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Its exit function is in memory that is freed after init. */
#include "module.h"

MODULE("exit_in_init", "Dual MIT/GPL");

int init_module(void)
{
	return 0;
}

IN_INIT void cleanup_module(void)
{
	_printk("exit_in_init: exit\n");
}
