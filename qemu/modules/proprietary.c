/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Its licence is not one of those that GPL-only exports are for. */
#include "module.h"

MODULE("proprietary", "Proprietary");

int hello_gpl_only(void);

int init_module(void)
{
	return hello_gpl_only() == 42 ? 0 : -EIO;
}
