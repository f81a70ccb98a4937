/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls functions that do nothing: its own, the kernel's and another module's. */
#include "module.h"

MODULE("calls", "Dual MIT/GPL");

void return_at_once(void);
void module_return_at_once(void);

static __attribute__((noipa)) void own_return_at_once(void)
{
}

/* The loops differ in what they call only. */
#define CALLS(name, function) \
	void name(unsigned int count) \
	{ \
		while (count-- > 0) \
			function(); \
	} \
	EXPORT(name)

CALLS(calls_of_own, own_return_at_once);
CALLS(calls_of_kernel, return_at_once);
CALLS(calls_of_module, module_return_at_once);
