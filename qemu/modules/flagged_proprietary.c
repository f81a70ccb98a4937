/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Not free, uses what the flags of flagged_owner leave to everybody. */
#include "module.h"

MODULE("flagged_proprietary", "Proprietary");

int flagged_for_all(void);

int init_module(void)
{
	return flagged_for_all() == 5 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
