/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module that does not say how it is called. */
#include "module.h"

MODINFO(license, "Dual MIT/GPL");

int init_module(void)
{
	return 0;
}
