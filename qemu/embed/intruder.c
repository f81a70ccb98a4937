/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module that does what no page allows: it writes to its code, or runs its data. */
#include "module.h"

MODULE("intruder", "Dual MIT/GPL");

void print_line(const char *line);

static char data[] = { '\xc3' }; /* the instruction ret */

int init_module(void)
{
#ifdef WRITES_CODE
	print_line("intruder: writes to its code");
	*(volatile char *)init_module = *data;
#else
	print_line("intruder: runs its data");
	((void (*)(void))data)();
#endif
	print_line("intruder: was not stopped");
	return 0;
}
