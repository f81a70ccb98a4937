/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A function that does nothing, as the kernel's own return_at_once. */
#include "module.h"

MODULE("returns", "Dual MIT/GPL");

void module_return_at_once(void)
{
}
EXPORT(module_return_at_once);
