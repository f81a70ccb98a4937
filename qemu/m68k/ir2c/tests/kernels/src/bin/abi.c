/* The C side of the calls between C and Rust. What Rust and C compute must agree. */

#include <stdarg.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef _Bool bool;

struct bytes1 { s8 a; };
struct bytes2 { s16 a; };
struct bytes3 { s8 a, b, c; };
struct bytes4 { int a; };
struct bytes6 { s16 a, b, c; };
struct bytes8 { int a, b; };
struct bytes12 { int a, b, c; };
struct long_in_struct { long long a; };
struct pointer_in_struct { void *a; };

/* Structs returned: in %d0, in %d0 and %d1, or through %a1. */

struct bytes1 c_returns_1(int x) { return (struct bytes1){ x }; }
struct bytes2 c_returns_2(int x) { return (struct bytes2){ x }; }
struct bytes3 c_returns_3(int x) { return (struct bytes3){ x, x + 1, x + 2 }; }
struct bytes4 c_returns_4(int x) { return (struct bytes4){ x }; }
struct bytes6 c_returns_6(int x) { return (struct bytes6){ x, x + 1, x + 2 }; }
struct bytes8 c_returns_8(int x) { return (struct bytes8){ x, x + 1 }; }
struct bytes12 c_returns_12(int x) { return (struct bytes12){ x, x + 1, x + 2 }; }
struct long_in_struct c_returns_long(int x)
{
	return (struct long_in_struct){ x * 0x100000001LL };
}
struct pointer_in_struct c_returns_pointer(void *x) { return (struct pointer_in_struct){ x }; }

/* Structs passed by value. */

int c_weighs(struct bytes1 a, struct bytes2 b, struct bytes3 c, struct bytes4 d, struct bytes6 e,
	     struct bytes8 f, struct bytes12 g, struct long_in_struct h,
	     struct pointer_in_struct i, int last)
{
	return a.a + b.a * 2 + c.a * 3 + c.b * 4 + c.c * 5 + d.a * 6 + e.a * 7 + e.b * 8 +
	       e.c * 9 + f.a * 10 + f.b * 11 + g.a * 12 + g.b * 13 + g.c * 14 +
	       (int)(h.a >> 32) * 15 + (int)h.a * 16 + (int)i.a * 17 + last * 18;
}

/* Narrow integers, pointers, long longs, floating point. */

s8 c_narrow(s8 a, u8 b, s16 c, u16 d, bool e)
{
	return a == -5 && b == 250 && c == -3000 && d == 65000 && e == 1 ? -7 : 99;
}
u8 c_u8(int x) { return x; }
s16 c_s16(int x) { return x; }
u16 c_u16(int x) { return x; }
bool c_bool(int x) { return x > 3; }
void *c_advance(char *p, int n) { return p + n; }
u64 c_u64(u8 a, u64 b, u8 c) { return b * a + c; }
double c_double(double a, float b, int c) { return a * b + c; }
float c_float(float a) { return a / 2; }

/* Calls back into Rust through pointers. */

s8 c_calls_narrow(s8 (*f)(s8, u8, s16, u16, bool), int zero)
{
	return f((s8)(zero - 5), (u8)(zero + 250), (s16)(zero - 3000), (u16)(zero + 65000), 1);
}
void *c_calls_advance(void *(*f)(void *, int), void *p, int n) { return f(p, n); }
u64 c_calls_u64(u64 (*f)(u8, u64, u8)) { return f(3, 0x123456789aULL, 200); }
int c_calls_bool(bool (*f)(int), int x) { return f(x) == 1; }

/* Unnamed arguments. */

int c_sum(int count, ...)
{
	va_list list;
	u64 sum = 0;

	va_start(list, count);
	for (int i = 0; i < count; i++) {
		sum += va_arg(list, int);
		sum += va_arg(list, u64);
		sum += *va_arg(list, u8 *);
	}
	va_end(list);
	return sum;
}

/* Layout. */

struct mixed { char c; u64 l; s16 s; u32 i; char d; };

u32 c_layout(int what)
{
	switch (what) {
	case 0: return sizeof(struct mixed);
	case 1: return __builtin_offsetof(struct mixed, l);
	case 2: return __builtin_offsetof(struct mixed, i);
	default: return __builtin_offsetof(struct mixed, d);
	}
}
struct mixed c_mixed = { 1, 0x1122334455667788ULL, -2, 0x99aabbcc, 3 };

/* C calls Rust; each function gives the number of the first thing that is wrong. */

extern int r_weighs(struct bytes1, struct bytes2, struct bytes3, struct bytes4, struct bytes6,
		    struct bytes8, struct bytes12, struct long_in_struct, struct pointer_in_struct,
		    int);
extern s8 r_narrow(s8, u8, s16, u16, bool);
extern u8 r_u8(int);
extern s16 r_s16(int);
extern u16 r_u16(int);
extern bool r_bool(int);
extern void *r_advance(void *, int);
extern u64 r_u64(u8, u64, u8);
extern const char *r_text(void);
extern void *(*r_callback(void))(void *, int);
extern double r_double(double, float, int);
extern float r_float(float);
extern u64 r_sum(int count, ...);

int c_checks_rust(void)
{
	struct bytes1 a = { 1 };
	struct bytes2 b = { 2 };
	struct bytes3 c = { 3, 4, 5 };
	struct bytes4 d = { 6 };
	struct bytes6 e = { 7, 8, 9 };
	struct bytes8 f = { 10, 11 };
	struct bytes12 g = { 12, 13, 14 };
	struct long_in_struct h = { (15LL << 32) | 16 };
	struct pointer_in_struct i = { (void *)17 };
	const char *text = r_text();

	if (r_weighs(a, b, c, d, e, f, g, h, i, 18) != c_weighs(a, b, c, d, e, f, g, h, i, 18))
		return 1;
	if (r_narrow(-5, 250, -3000, 65000, 1) != -7)
		return 2;
	if (r_u8(-2) != 254 || r_s16(-2) != -2 || r_u16(-2) != 65534)
		return 3;
	if (r_bool(5) != 1 || r_bool(2) != 0)
		return 4;
	if (r_advance((void *)0x1000, 4) != (void *)0x1004)
		return 5;
	if (r_u64(3, 0x123456789aULL, 200) != 3 * 0x123456789aULL + 200)
		return 6;
	if (text[0] != 'h' || text[7] != 'e' || text[8] != 0)
		return 7;
	if (r_callback()((void *)0x2000, 7) != (void *)0x2007)
		return 8;
	if (r_double(2.5, 4.0f, 3) != 13.0 || r_float(4.0f) != 2.0f)
		return 9;
	if (r_sum(2, 1, 0x10000000000ULL, 2, 7ULL) != 0x10000000000ULL + 10)
		return 10;
	return 0;
}
