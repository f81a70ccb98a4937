/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* As shim, with one more module in between. */
#include "module.h"

MODULE("second_shim", "Dual MIT/GPL");

int by_way_of_free(void);
int hello_gpl_only(void);

int second_shim(void)
{
	return hello_gpl_only() + by_way_of_free();
}
EXPORT(second_shim);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
