/* What the translator's C is written in. Every translation begins with this text. */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef unsigned char *pointer;

/*
 * Memory accesses. They may alias anything, and promise no more alignment than the IR does: none
 * (_at1), or that of GCC's C ABI, which is never more than two bytes (_at2).
 */
#define ACCESS_TYPES(type) \
	typedef type type##_at1 __attribute__((may_alias, aligned(1))); \
	typedef type type##_at2 __attribute__((may_alias))
ACCESS_TYPES(u8);
ACCESS_TYPES(u16);
ACCESS_TYPES(u32);
ACCESS_TYPES(u64);
ACCESS_TYPES(pointer);
ACCESS_TYPES(float);
ACCESS_TYPES(double);

#define INLINE static inline __attribute__((always_inline, unused))
#define OUTLINE static __attribute__((noinline, unused))

/* Integers of a width for which C has no type, up to 64 bits: as many bytes as they need. */

INLINE u64 load_bytes(pointer from, int count)
{
	u64 value = 0;

	for (int i = 0; i < count; i++)
		value = value << 8 | from[i];
	return value;
}

INLINE void store_bytes(pointer to, int count, u64 value)
{
	for (int i = count; i-- > 0; value >>= 8)
		to[i] = (u8)value;
}

INLINE u64 reverse_bits(u64 value)
{
	value = (value & 0x5555555555555555ull) << 1 | (value >> 1 & 0x5555555555555555ull);
	value = (value & 0x3333333333333333ull) << 2 | (value >> 2 & 0x3333333333333333ull);
	value = (value & 0x0f0f0f0f0f0f0f0full) << 4 | (value >> 4 & 0x0f0f0f0f0f0f0f0full);
	return __builtin_bswap64(value);
}

/* Floating point by its bits. */

INLINE float float_of_bits(u32 bits)
{
	union { u32 bits; float number; } both = { bits };
	return both.number;
}

INLINE u32 bits_of_float(float number)
{
	union { float number; u32 bits; } both = { number };
	return both.bits;
}

INLINE double double_of_bits(u64 bits)
{
	union { u64 bits; double number; } both = { bits };
	return both.number;
}

INLINE u64 bits_of_double(double number)
{
	union { double number; u64 bits; } both = { number };
	return both.bits;
}

/*
 * Integers of 65 to 256 bits: eight words, the least significant first. Between operations the
 * bits beyond the width of the IR's type are zero; the translator masks results that may set them.
 */

#define WIDE_WORDS 8
#define WIDE_BITS 256

typedef struct { u32 word[WIDE_WORDS]; } wide;

#define EACH_WORD(i) (int i = 0; i < WIDE_WORDS; i++)

INLINE wide wide_from(u64 value)
{
	return (wide){ { (u32)value, (u32)(value >> 32) } };
}

INLINE u64 wide_low(wide a)
{
	return (u64)a.word[1] << 32 | a.word[0];
}

/* Clears, or sets to the bits of `fill`, everything above the low `width` bits. */
INLINE wide wide_filled(wide a, int width, u32 fill)
{
	for EACH_WORD(i) {
		int kept = width - 32 * i;

		if (kept <= 0)
			a.word[i] = fill;
		else if (kept < 32)
			a.word[i] = (a.word[i] & ((1u << kept) - 1)) | fill << kept;
	}
	return a;
}

OUTLINE wide wide_mask(wide a, int width)
{
	return wide_filled(a, width, 0);
}

OUTLINE wide wide_signed(wide a, int width)
{
	u32 sign = a.word[(width - 1) / 32] >> (width - 1) % 32 & 1;

	return wide_filled(a, width, -sign);
}

OUTLINE wide wide_add(wide a, wide b)
{
	u64 carry = 0;

	for EACH_WORD(i) {
		carry += (u64)a.word[i] + b.word[i];
		a.word[i] = (u32)carry;
		carry >>= 32;
	}
	return a;
}

OUTLINE wide wide_not(wide a)
{
	for EACH_WORD(i)
		a.word[i] = ~a.word[i];
	return a;
}

OUTLINE wide wide_negate(wide a)
{
	return wide_add(wide_not(a), wide_from(1));
}

OUTLINE wide wide_sub(wide a, wide b)
{
	return wide_add(a, wide_negate(b));
}

OUTLINE wide wide_and(wide a, wide b)
{
	for EACH_WORD(i)
		a.word[i] &= b.word[i];
	return a;
}

OUTLINE wide wide_or(wide a, wide b)
{
	for EACH_WORD(i)
		a.word[i] |= b.word[i];
	return a;
}

OUTLINE wide wide_xor(wide a, wide b)
{
	for EACH_WORD(i)
		a.word[i] ^= b.word[i];
	return a;
}

OUTLINE wide wide_mul(wide a, wide b)
{
	wide product = { { 0 } };

	for EACH_WORD(j) {
		u64 carry = 0;

		for (int i = 0; i + j < WIDE_WORDS; i++) {
			carry += (u64)a.word[i] * b.word[j] + product.word[i + j];
			product.word[i + j] = (u32)carry;
			carry >>= 32;
		}
	}
	return product;
}

OUTLINE wide wide_shl(wide a, u32 count)
{
	wide shifted;
	int words = count / 32, bits = count % 32;

	for EACH_WORD(i) {
		u32 high = i >= words ? a.word[i - words] : 0;
		u32 low = i > words ? a.word[i - words - 1] : 0;

		shifted.word[i] = bits ? high << bits | low >> (32 - bits) : high;
	}
	return shifted;
}

INLINE wide wide_shifted_right(wide a, u32 count, u32 fill)
{
	wide shifted;
	int words = count / 32, bits = count % 32;

	for EACH_WORD(i) {
		u32 low = i + words < WIDE_WORDS ? a.word[i + words] : fill;
		u32 high = i + words + 1 < WIDE_WORDS ? a.word[i + words + 1] : fill;

		shifted.word[i] = bits ? low >> bits | high << (32 - bits) : low;
	}
	return shifted;
}

OUTLINE wide wide_lshr(wide a, u32 count)
{
	return wide_shifted_right(a, count, 0);
}

INLINE int wide_is_negative(wide a)
{
	return a.word[WIDE_WORDS - 1] >> 31;
}

/* `a` is sign-extended to all its words. */
OUTLINE wide wide_ashr(wide a, u32 count)
{
	return wide_shifted_right(a, count, wide_is_negative(a) ? ~0u : 0);
}

/* How far to shift by `count` modulo the 256 bits there are; more is undefined in the IR. */
INLINE u32 wide_count(wide count)
{
	return count.word[0] % WIDE_BITS;
}

OUTLINE u8 wide_equal(wide a, wide b)
{
	for EACH_WORD(i)
		if (a.word[i] != b.word[i])
			return 0;
	return 1;
}

OUTLINE u8 wide_below(wide a, wide b)
{
	for (int i = WIDE_WORDS; i-- > 0;)
		if (a.word[i] != b.word[i])
			return a.word[i] < b.word[i];
	return 0;
}

/* Both are sign-extended to all their words. */
OUTLINE u8 wide_less(wide a, wide b)
{
	a.word[WIDE_WORDS - 1] ^= 1u << 31;
	b.word[WIDE_WORDS - 1] ^= 1u << 31;
	return wide_below(a, b);
}

OUTLINE u32 wide_leading_zeros(wide a, int width)
{
	for (int i = width; i-- > 0;)
		if (a.word[i / 32] >> i % 32 & 1)
			return width - 1 - i;
	return width;
}

OUTLINE u32 wide_trailing_zeros(wide a, int width)
{
	for (int i = 0; i < width; i++)
		if (a.word[i / 32] >> i % 32 & 1)
			return i;
	return width;
}

OUTLINE u32 wide_ones(wide a)
{
	u32 ones = 0;

	for EACH_WORD(i)
		ones += __builtin_popcount(a.word[i]);
	return ones;
}

/* Long division, a bit at a time, from the dividend's highest bit down. */
INLINE wide wide_divided(wide a, wide b, int want_remainder)
{
	wide quotient = { { 0 } }, remainder = { { 0 } };

	for (int i = WIDE_BITS - wide_leading_zeros(a, WIDE_BITS); i-- > 0;) {
		remainder = wide_shl(remainder, 1);
		remainder.word[0] |= a.word[i / 32] >> i % 32 & 1;
		if (!wide_below(remainder, b)) {
			remainder = wide_sub(remainder, b);
			quotient.word[i / 32] |= 1u << i % 32;
		}
	}
	return want_remainder ? remainder : quotient;
}

OUTLINE wide wide_udiv(wide a, wide b)
{
	return wide_divided(a, b, 0);
}

OUTLINE wide wide_urem(wide a, wide b)
{
	return wide_divided(a, b, 1);
}

OUTLINE wide wide_magnitude(wide a)
{
	return wide_is_negative(a) ? wide_negate(a) : a;
}

OUTLINE wide wide_sdiv(wide a, wide b)
{
	wide quotient = wide_udiv(wide_magnitude(a), wide_magnitude(b));

	return wide_is_negative(a) != wide_is_negative(b) ? wide_negate(quotient) : quotient;
}

OUTLINE wide wide_srem(wide a, wide b)
{
	wide remainder = wide_urem(wide_magnitude(a), wide_magnitude(b));

	return wide_is_negative(a) ? wide_negate(remainder) : remainder;
}

OUTLINE wide wide_load(pointer from, int count)
{
	wide value = { { 0 } };

	for (int i = 0; i < count; i++) {
		int place = count - 1 - i;

		value.word[place / 4] |= (u32)from[i] << place % 4 * 8;
	}
	return value;
}

OUTLINE void wide_store(pointer to, int count, wide value)
{
	for (int i = 0; i < count; i++) {
		int place = count - 1 - i;

		to[i] = (u8)(value.word[place / 4] >> place % 4 * 8);
	}
}

OUTLINE wide wide_swap_bytes(wide a, int count)
{
	u8 bytes[WIDE_BITS / 8], swapped[WIDE_BITS / 8];

	wide_store(bytes, count, a);
	for (int i = 0; i < count; i++)
		swapped[i] = bytes[count - 1 - i];
	return wide_load(swapped, count);
}

OUTLINE wide wide_reverse_bits(wide a, int width)
{
	wide reversed = { { 0 } };

	for (int i = 0; i < width; i++) {
		int place = width - 1 - i;

		reversed.word[place / 32] |= (a.word[i / 32] >> i % 32 & 1) << place % 32;
	}
	return reversed;
}

/* The product of polynomials over GF(2). */
OUTLINE wide wide_carryless_mul(wide a, wide b, int width)
{
	wide product = { { 0 } };

	for (int i = 0; i < width; i++)
		if (b.word[i / 32] >> i % 32 & 1)
			product = wide_xor(product, wide_shl(a, i));
	return product;
}

/*
 * The nearest floating-point number to an unsigned integer of up to 128 bits. The 64 highest bits
 * are converted, with the lowest of them set if anything was left out, so that there is one
 * rounding only; the rest is multiplication by two, which is exact.
 */
#define WIDE_TO(type) \
OUTLINE type wide_to_##type(wide a) \
{ \
	int excess = 64 - (int)wide_leading_zeros(a, 128); \
	type result; \
	wide high; \
\
	if (excess <= 0) \
		return (type)wide_low(a); \
	high = wide_lshr(a, excess); \
	result = (type)(wide_low(high) | !wide_equal(wide_shl(high, excess), a)); \
	while (excess-- > 0) \
		result *= 2; \
	return result; \
}
WIDE_TO(float)
WIDE_TO(double)
