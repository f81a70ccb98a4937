/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls what nobody exports. */
#include "module.h"

MODULE("unknown_symbol", "Dual MIT/GPL");

int nobody_exports_this(void);

int init_module(void)
{
	return nobody_exports_this();
}
