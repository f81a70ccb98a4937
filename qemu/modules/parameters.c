/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Parameters of each type. The last is set and shown by functions of the module's own. */
#include "parameter.h"

MODULE("parameters", "Dual MIT/GPL");

typedef uint8_t boolean;

static unsigned char byte = 1;
PARAMETER(byte, byte, 0644);
static short short_ = -2;
PARAMETER(short, short_, 0644);
static unsigned short ushort = 3;
PARAMETER(ushort, ushort, 0644);
static int int_ = -4;
PARAMETER(int, int_, 0644);
static unsigned uint = 5;
PARAMETER(uint, uint, 0644);
static long long_ = -6;
PARAMETER(long, long_, 0644);
static unsigned long ulong = 7;
PARAMETER(ulong, ulong, 0644);
static unsigned long long ullong = 8;
PARAMETER(ullong, ullong, 0644);
static unsigned hexint = 9;
PARAMETER(hexint, hexint, 0644);
static boolean bool_;
PARAMETER(bool, bool_, 0644);
static boolean invbool;
PARAMETER(invbool, invbool, 0644);
static int bint;
PARAMETER(bint, bint, 0644);
static boolean bool_enable_only;
PARAMETER(bool_enable_only, bool_enable_only, 0644);
static char *charp = "default";
PARAMETER(charp, charp, 0644);
static char *no_charp;
PARAMETER(charp, no_charp, 0644);
static char string[8] = "room";
STRING_PARAMETER(string, 0644);

static int ints[4] = { 1, 2, 3, 4 };
static unsigned count_of_ints = 2;
ARRAY_PARAMETER(int, ints, &count_of_ints, 0644);
static char *charps[3] = { "a", "b" };
ARRAY_PARAMETER(charp, charps, 0, 0444);
static boolean bools[2];
ARRAY_PARAMETER(bool, bools, 0, 0644);

/* Not in a file. */
static int hidden = 10;
PARAMETER(int, hidden, 0);
/* Known to init alone. */
static int for_init IN_INIT_DATA = 11;
PARAMETER(int, for_init, 0);
static int until_live RO_AFTER_INIT = 12;
PARAMETER(int, until_live, 0644);
static int dangerous = 13;
PARAMETER_OF(dangerous, &param_ops_int, &dangerous, 0600, UNSAFE, "int");

/* Own functions: a number of digits alone, of which the sum is kept. */
static int sum;
static int sets, frees;

static int set_sum(const char *value, const struct kernel_param *parameter)
{
	int digits = 0;

	if (!value)
		value = "1";
	for (; *value; value++) {
		if (*value < '0' || *value > '9')
			return -22;
		digits += *value - '0';
	}
	sets++;
	*(int *)parameter->argument = digits;
	return 0;
}

static int get_sum(char *buffer, const struct kernel_param *parameter)
{
	int number = *(int *)parameter->argument, length = 0;
	char digits[12];

	do
		digits[length++] = '0' + number % 10;
	while (number /= 10);
	for (int index = 0; index < length; index++)
		buffer[index] = digits[length - 1 - index];
	buffer[length] = '\n';
	return length + 1;
}

static void free_sum(void *argument)
{
	frees++;
	*(int *)argument = -1;
}

static const struct kernel_param_ops sum_ops = {
	.flags = TAKES_NO_VALUE,
	.set = set_sum,
	.get = get_sum,
	.free = free_sum,
};
PARAMETER_OF(sum, &sum_ops, &sum, 0644, 0, "sum");

static int sums[3];
static unsigned count_of_sums = 3;
static const struct kparam_array array_of_sums = {
	.most = 3,
	.element_size = sizeof(int),
	.count = &count_of_sums,
	.ops = &sum_ops,
	.elements = sums,
};
PARAMETER_OF(sums, &param_array_ops, &array_of_sums, 0644, 0, "array of sum");

IN_INIT int init_module(void)
{
	_printk("\0016parameters: int %d, charp %s, string %s, ints %u, sum %d\n", int_,
		charp ? charp : "(null)", string, count_of_ints, sum);
	return 0;
}

void cleanup_module(void)
{
	_printk("\0016parameters: int %d, charp %s, set %d times by itself\n", int_,
		charp ? charp : "(null)", sets);
}
