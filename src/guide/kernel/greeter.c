/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module: it calls the kernel, keeps a count, and lets the kernel call it. */
#include "module.h"

MODULE("greeter", "Dual MIT/GPL");

/* The kernel exports it. */
void print_line(const char *line);

static unsigned int greetings;

unsigned int greet(unsigned int times)
{
	for (; times > 0; times--, greetings++)
		print_line("greeter: hello, kernel");
	return greetings;
}
EXPORT(greet);

int init_module(void)
{
	print_line("greeter: init");
	return 0;
}

void cleanup_module(void)
{
	print_line("greeter: exit");
}
