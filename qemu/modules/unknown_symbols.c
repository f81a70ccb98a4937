/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls three functions that nobody exports, and one that may be missing. */
#include "module.h"

MODULE("unknown_symbols", "Dual MIT/GPL");

int nobody_exports_this(void);
int nor_this(void);
int nor_that(void);
__attribute__((weak)) int perhaps_exported(void);

int init_module(void)
{
	return nobody_exports_this() + nor_this() + nor_that() + (perhaps_exported != NULL);
}
