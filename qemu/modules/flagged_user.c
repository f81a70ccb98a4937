/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Uses what the flags of flagged_owner keep for free modules. */
#include "module.h"

MODULE("flagged_user", "Dual MIT/GPL");

int flagged_for_gpl(void);

int init_module(void)
{
	return flagged_for_gpl() == 7 ? 0 : -EIO;
}

void cleanup_module(void)
{
}
