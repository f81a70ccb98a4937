/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Imports the namespace whose function it calls. */
#include "module.h"

MODULE("namespace_member", "Dual MIT/GPL");
MODINFO(import_ns, "SAMPLES");

int in_namespace(void);

int init_module(void)
{
	return in_namespace() == 11 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
