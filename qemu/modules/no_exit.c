/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Starts, but has no way to stop: it can only be removed by force. */
#include "module.h"

MODULE("no_exit", "Dual MIT/GPL");

int init_module(void)
{
	return 0;
}
