/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Uses symbols by name, as Linux's symbol_get and symbol_put do. */
#include "module.h"

MODULE("symbol_get", "Dual MIT/GPL");

/* Exported by the test kernel, as by Linux. */
void *__symbol_get(const char *name);
void __symbol_put(const char *name);
void symbol_put_addr(void *address);

static void *address;

/* Whether there is such a symbol, whose module then stays. */
int get(const char *name)
{
	void *got = __symbol_get(name);

	if (!got)
		return 0;
	address = got;
	return 1;
}
EXPORT(get);

/* What the function that has been got last makes of two numbers. */
int use(int a, int b)
{
	return ((int (*)(int, int))address)(a, b);
}
EXPORT(use);

void put(const char *name)
{
	__symbol_put(name);
}
EXPORT(put);

void put_address(void)
{
	symbol_put_addr(address);
}
EXPORT(put_address);

int init_module(void)
{
	/* Its own are for nobody yet. */
	return get("use") ? -EIO : 0;
}

void cleanup_module(void)
{
}
