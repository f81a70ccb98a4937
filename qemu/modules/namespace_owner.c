/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Exports something to those only who ask for its namespace. */
#include "module.h"

MODULE("namespace_owner", "Dual MIT/GPL");

int in_namespace(void)
{
	return 11;
}
EXPORT_TO(in_namespace, "SAMPLES");

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
