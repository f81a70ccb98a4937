/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Refers to the kernel with a field that is too small for the value. */
#include "module.h"

MODULE("out_of_reach", "Dual MIT/GPL");

#if defined(__x86_64__)
/* 32 bits that are not sign-extended: no kernel address in the topmost 2 GiB is so small. */
__asm__(".text\n"
	".globl reach\n"
	"reach: movl $memcpy, %eax\n"
	"ret");
#elif defined(__i386__)
/* 32 bits reach everything here, so a field of 16. */
__asm__(".text\n"
	".globl reach\n"
	"reach: movw $memcpy, %ax\n"
	"ret");
#elif defined(__m68k__)
/* 16 bits relative to the place, but the kernel is further away than 32 KiB. */
__asm__(".text\n"
	".globl reach\n"
	"reach: bsr.w memcpy\n"
	"rts");
#endif

int reach(void);

int init_module(void)
{
	return reach();
}
