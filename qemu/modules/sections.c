/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Has something in every kind of section that the loader treats in its own way. */
#include "module.h"

MODULE("sections", "Dual MIT/GPL");

static int written_by_init RO_AFTER_INIT = 1;
static int needed_by_init IN_INIT_DATA = 41;
static int written_later;

int sections_read(void)
{
	return written_by_init + written_later;
}
EXPORT(sections_read);

int sections_write_data(int value)
{
	written_later = value;
	return value;
}
EXPORT(sections_write_data);

/* A fault: init is over. */
int sections_write_ro_after_init(int value)
{
	*(volatile int *)&written_by_init = value;
	return value;
}
EXPORT(sections_write_ro_after_init);

/* A fault: the memory has been freed. */
int sections_read_init_data(void)
{
	return *(volatile int *)&needed_by_init;
}
EXPORT(sections_read_init_data);

IN_INIT int init_module(void)
{
	written_by_init += needed_by_init;
	return 0;
}

IN_EXIT void cleanup_module(void)
{
	_printk("sections: exit\n");
}
