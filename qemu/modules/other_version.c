/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Compiled for another version of a function that the kernel exports. */
#include "module.h"

MODULE("other_version", "Dual MIT/GPL");

/* What a build of Linux adds to a module: a CRC, and the name of what is imported. */
static const struct {
	unsigned long crc;
	char name[64 - sizeof(long)];
} versions[] __attribute__((section("__versions"), used)) = {
	{ 0x12345678, "_printk" },
};

IN_INIT int init_module(void)
{
	_printk("other_version: init\n");
	return 0;
}
