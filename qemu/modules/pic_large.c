/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Position-independent code that is compiled for the large code model, where there is one. */
#include "pic.h"

MODULE("pic_large", "Dual MIT/GPL");
