/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Faults that it expects, one for each type of entry that Debian's modules have, and some that it does not.
 */
#include "module.h"

MODULE("faults", "Dual MIT/GPL");

/* Where nothing is mapped on any of the machines. */
#define NOWHERE ((const int *)-4096L)

enum { EFAULT = 14 };

#if defined(__m68k__)

/* A fault at one label goes on at another. */
#define EXPECT(from, to) \
	".pushsection __ex_table, \"a\"\n" \
	".balign 4\n" \
	".long " from ", " to "\n" \
	".popsection\n"

static inline int read(const int *address)
{
	int value;

	__asm__ volatile("1: move.l (%1), %0\n"
			 "	bra.s 3f\n"
			 "2:	moveq %2, %0\n"
			 "3:\n" EXPECT("1b", "2b")
			 : "=d"(value) : "a"(address), "i"(-EFAULT));
	return value;
}

int faults_read(const int *address)
{
	return read(address);
}
EXPORT(faults_read);

/* What is written before and after stays in order; the stack and the registers are as they were. */
int faults_write(int *address, int *other)
{
	int result = 0;

	__asm__ volatile("	move.l #5, (%2)\n"
			 "1:	move.l %3, (%1)\n"
			 "	bra.s 3f\n"
			 "2:	moveq %4, %0\n"
			 "3:	addq.l #2, (%2)\n" EXPECT("1b", "2b")
			 : "+d"(result) : "a"(address), "a"(other), "d"(7), "i"(-EFAULT) : "memory");
	return result ? result : *other;
}
EXPORT(faults_write);

/* A fault of another kind: its frame has another format. */
int faults_divide(int dividend, int divisor)
{
	__asm__ volatile("1:	divs.l %1, %0\n"
			 "	bra.s 3f\n"
			 "2:	moveq %2, %0\n"
			 "3:\n" EXPECT("1b", "2b")
			 : "+d"(dividend) : "d"(divisor), "i"(-EFAULT));
	return dividend;
}
EXPORT(faults_divide);

#else

/*
 * A fault at one label goes on at another, after what the type asks for: with a register, flags and a
 * number.
 */
#define EXPECT(from, to, type, reg, flags, number) \
	".pushsection __ex_table, \"a\"\n" \
	".balign 4\n" \
	".long " from " - ., " to " - .\n" \
	".long (" #type ") | (" #reg ") << 8 | (" #flags ") << 12 | ((" #number ") & 0xffff) << 16\n" \
	".popsection\n"

/* Type 3, for memory of processes: the code says what becomes of the result. */
static inline int read(const int *address)
{
	int value;

	__asm__ volatile("1:	movl (%1), %0\n"
			 "	jmp 3f\n"
			 "2:	movl %2, %0\n"
			 "3:\n" EXPECT("1b", "2b", 3, 0, 0, 0)
			 : "=r"(value) : "r"(address), "i"(-EFAULT));
	return value;
}

int faults_read(const int *address)
{
	return read(address);
}
EXPORT(faults_read);

/* Type 1: nothing but the jump. */
int faults_write(int *address, int *other)
{
	int result = 0;

	__asm__ volatile("	movl $5, (%2)\n"
			 "1:	movl $7, (%1)\n"
			 "	jmp 3f\n"
			 "2:	movl %3, %0\n"
			 "3:	addl $2, (%2)\n" EXPECT("1b", "2b", 1, 0, 0, 0)
			 : "+r"(result) : "r"(address), "r"(other), "i"(-EFAULT) : "memory");
	return result ? result : *other;
}
EXPORT(faults_write);

/* Type 1 with the flag that clears ax, and with both: a sum of what is left. */
int faults_clear(const int *address)
{
	int ax = 100, dx = 10, both_ax = 1000, both_dx = 10000;

	__asm__ volatile("1:	movl (%2), %%ecx\n"
			 "2:\n" EXPECT("1b", "2b", 1, 0, 1, 0)
			 : "+a"(ax), "+d"(dx) : "r"(address) : "ecx");
	__asm__ volatile("1:	movl (%2), %%ecx\n"
			 "2:\n" EXPECT("1b", "2b", 1, 0, 3, 0)
			 : "+a"(both_ax), "+d"(both_dx) : "r"(address) : "ecx");
	return ax + dx + both_ax + both_dx;
}
EXPORT(faults_clear);

/* Type 5: fs, which is to be what nothing is, becomes 0. */
int faults_fs(int selector)
{
	int fs;

	__asm__ volatile("	movl $0x10, %0\n"
			 "	movl %0, %%fs\n"
			 "1:	movl %1, %%fs\n"
			 "2:	movl %%fs, %0\n" EXPECT("1b", "2b", 5, 0, 0, 0)
			 : "=&r"(fs) : "r"(selector));
	return fs;
}
EXPORT(faults_fs);

/*
 * Types 8 to 11, for registers of the processor that this one does not have. QEMU lets nearly all be
 * read and written, so that here another instruction faults in the same place.
 */
int faults_wrmsr(const int *address)
{
	int ax = 3, dx = 4;

	__asm__ volatile("1:	movl (%2), %%eax\n"
			 "2:\n" EXPECT("1b", "2b", 8, 0, 0, 0)
			 : "+a"(ax), "+d"(dx) : "r"(address), "c"(0x1234));
	return ax * 10 + dx;
}
EXPORT(faults_wrmsr);

int faults_rdmsr(const int *address)
{
	int ax = 3, dx = 4;

	__asm__ volatile("1:	movl (%2), %%eax\n"
			 "2:\n" EXPECT("1b", "2b", 9, 0, 0, 0)
			 : "+a"(ax), "+d"(dx) : "r"(address), "c"(0x1234));
	return ax * 10 + dx;
}
EXPORT(faults_rdmsr);

int faults_wrmsr_safe(const int *address)
{
	int ax = 3, dx = 4, error = 0;

	__asm__ volatile("1:	movl (%3), %%eax\n"
			 "2:\n" EXPECT("1b", "2b", 10, 3, 0, 0)
			 : "+a"(ax), "+d"(dx), "+b"(error) : "r"(address));
	return ax == 3 && dx == 4 ? error : 1;
}
EXPORT(faults_wrmsr_safe);

int faults_rdmsr_safe(const int *address)
{
	int ax = 3, dx = 4, error = 0;

	__asm__ volatile("1:	movl (%3), %%eax\n"
			 "2:\n" EXPECT("1b", "2b", 11, 6, 0, 0)
			 : "+a"(ax), "+d"(dx), "+S"(error) : "r"(address));
	return ax == 0 && dx == 0 ? error : 1;
}
EXPORT(faults_rdmsr_safe);

/* Type 17: a register, here di and ax, becomes a number with its sign. */
int faults_number(const int *address)
{
	long di = 1, ax = 2;

	__asm__ volatile("1:	movl (%2), %%ecx\n"
			 "2:\n" EXPECT("1b", "2b", 17, 7, 0, -14)
			 "3:	movl (%2), %%ecx\n"
			 "4:\n" EXPECT("3b", "4b", 17, 0, 0, 1)
			 : "+D"(di), "+a"(ax) : "r"(address) : "ecx");
	return di * 100 + ax;
}
EXPORT(faults_number);

#if defined(__x86_64__)
/* The registers that i386 does not have, and an address that is not canonical. */
int faults_number_64(void)
{
	register long r13 __asm__("r13") = 1;
	register long r14 __asm__("r14") = 2;

	__asm__ volatile("1:	movl (%2), %%ecx\n"
			 "2:\n" EXPECT("1b", "2b", 17, 13, 0, -14)
			 "3:	movl (%2), %%ecx\n"
			 "4:\n" EXPECT("3b", "4b", 17, 14, 0, 1)
			 : "+r"(r13), "+r"(r14) : "r"(0xdead000000000000) : "ecx");
	return r13 * 100 + r14;
}
EXPORT(faults_number_64);

int faults_read_non_canonical(void)
{
	return read((const int *)0xdead000000000000);
}
EXPORT(faults_read_non_canonical);
#endif

/* A type that none of Debian's modules has: 16. */
int faults_unknown_type(const int *address)
{
	int value;

	__asm__ volatile("1:	movl (%1), %0\n"
			 "2:\n" EXPECT("1b", "2b", 16, 0, 0, 0)
			 : "=r"(value) : "r"(address));
	return value;
}
EXPORT(faults_unknown_type);

#endif

/* A fault that it does not expect. Some calls deep, so that there is something to trace. */
static __attribute__((noinline)) int touch_deep(const int *address, int depth)
{
	int value = depth > 0 ? touch_deep(address, depth - 1) : *(const volatile int *)address;

	__asm__ volatile("" : "+r"(value));
	return value + 1;
}

int faults_touch(const int *address)
{
	return touch_deep(address, 3);
}
EXPORT(faults_touch);

/* Goes astray. */
int faults_jump(void *address)
{
	int value = ((int (*)(void))address)();

	__asm__ volatile("" : "+r"(value));
	return value;
}
EXPORT(faults_jump);

IN_INIT int init_module(void)
{
	return read(NOWHERE) == -EFAULT ? 0 : -EIO;
}

IN_EXIT void cleanup_module(void)
{
}
