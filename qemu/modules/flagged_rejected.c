/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Not free, uses what the flags of flagged_owner keep for free modules. */
#include "module.h"

MODULE("flagged_rejected", "Proprietary");

int flagged_for_gpl(void);

int init_module(void)
{
	return flagged_for_gpl() == 7 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
