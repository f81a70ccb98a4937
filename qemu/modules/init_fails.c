/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A driver that does not find its device: everything that loading did has to be undone. */
#include "module.h"

MODULE("init_fails", "Dual MIT/GPL");

int hello_calls(void);

int from_init_fails(void)
{
	return hello_calls();
}
EXPORT(from_init_fails);

int init_module(void)
{
	return -ENODEV;
}

void cleanup_module(void)
{
	_printk("init_fails: exit must not run after a failed init\n");
}
