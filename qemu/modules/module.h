/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the modules in this folder know of the test kernel.
 */
#ifndef MODULE_H
#define MODULE_H

#include "../../src/guide/module.h"

/* Errors that an init function can return, as in Linux, negated. */
enum { EIO = 5, ENODEV = 19 };

/* Exported by the test kernel: prints a text. */
int _printk(const char *format, ...);

#endif
