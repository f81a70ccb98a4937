/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls a function only if somebody exports it. */
#include "module.h"

MODULE("weak", "Dual MIT/GPL");

__attribute__((weak)) int perhaps_exported(void);

int weak_is_resolved(void)
{
	return perhaps_exported != NULL;
}
EXPORT(weak_is_resolved);

int weak_call(void)
{
	return perhaps_exported != NULL ? perhaps_exported() : 7;
}
EXPORT(weak_call);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
