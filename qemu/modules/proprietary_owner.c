/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A proprietary module that exports something to everybody. */
#include "module.h"

MODULE("proprietary_owner", "Proprietary");

int of_proprietary(void)
{
	return 1;
}
EXPORT(of_proprietary);

int init_module(void)
{
	return 0;
}

void cleanup_module(void)
{
}
