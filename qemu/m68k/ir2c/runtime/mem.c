/*
 * The memory functions that GCC and rustc call without being asked to.
 *
 * They stand in for those of compiler_builtins, whose m68k code would come from LLVM. Weak, so that
 * a kernel may bring better ones. Compiled with -fno-tree-loop-distribute-patterns, or GCC would
 * turn each loop into a call of the function it is in. The 68020 and later read and write words at
 * any address, so only the speed depends on alignment, never the result.
 */

typedef __SIZE_TYPE__ size_t;
typedef unsigned char byte;
typedef unsigned int word __attribute__((may_alias, aligned(1)));

#define WEAK __attribute__((weak))

/* From the lowest address up: right also if the target starts below the source and overlaps it. */
static inline void copy_up(byte *to, const byte *from, size_t count)
{
	for (; count >= sizeof(word); count -= sizeof(word)) {
		*(word *)to = *(const word *)from;
		to += sizeof(word);
		from += sizeof(word);
	}
	while (count--)
		*to++ = *from++;
}

/* From the highest address down: right also if the target starts above the source. */
static inline void copy_down(byte *to, const byte *from, size_t count)
{
	to += count;
	from += count;
	for (; count >= sizeof(word); count -= sizeof(word)) {
		to -= sizeof(word);
		from -= sizeof(word);
		*(word *)to = *(const word *)from;
	}
	while (count--)
		*--to = *--from;
}

WEAK void *memcpy(void *to, const void *from, size_t count)
{
	copy_up(to, from, count);
	return to;
}

WEAK void *memmove(void *to, const void *from, size_t count)
{
	if ((size_t)to <= (size_t)from)
		copy_up(to, from, count);
	else
		copy_down(to, from, count);
	return to;
}

WEAK void *memset(void *to, int value, size_t count)
{
	byte *d = to;
	unsigned int pattern = (byte)value * 0x01010101u;

	for (; count >= sizeof(word); count -= sizeof(word)) {
		*(word *)d = pattern;
		d += sizeof(word);
	}
	while (count--)
		*d++ = (byte)value;
	return to;
}

WEAK int memcmp(const void *left, const void *right, size_t count)
{
	const byte *a = left;
	const byte *b = right;

	for (; count; count--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}

WEAK int bcmp(const void *left, const void *right, size_t count)
{
	return memcmp(left, right, count);
}

WEAK size_t strlen(const char *text)
{
	const char *end = text;

	while (*end)
		end++;
	return end - text;
}
