/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The parameters of a module, in the formats of Linux 6.1: a table of them in the section __param.
 */
#ifndef PARAMETER_H
#define PARAMETER_H

#include "module.h"

struct kernel_param;

struct kernel_param_ops {
	unsigned flags;
	int (*set)(const char *value, const struct kernel_param *parameter);
	int (*get)(char *buffer, const struct kernel_param *parameter);
	void (*free)(void *argument);
};

/* In `flags`: the parameter may be named without a value. */
enum { TAKES_NO_VALUE = 1 };

struct kparam_string {
	unsigned size;
	char *string;
};

struct kparam_array {
	unsigned most, element_size;
	unsigned *count;
	const struct kernel_param_ops *ops;
	void *elements;
};

struct kernel_param {
	const char *name;
	void *module;
	const struct kernel_param_ops *ops;
	uint16_t permissions;
	int8_t level;
	uint8_t flags;
	union {
		void *argument;
		const struct kparam_string *string;
		const struct kparam_array *array;
	};
};

/* In `flags` of a parameter. */
enum { UNSAFE = 1, HARDWARE = 2 };

/* Linux's types, exported by the kernel. */
extern const struct kernel_param_ops param_ops_byte, param_ops_short, param_ops_ushort, param_ops_int,
	param_ops_uint, param_ops_long, param_ops_ulong, param_ops_ullong, param_ops_hexint,
	param_ops_bool, param_ops_invbool, param_ops_bint, param_ops_bool_enable_only,
	param_ops_charp, param_ops_string, param_array_ops;

/* `parmtype` is what modinfo shows. */
#define PARAMETER_OF(name_, ops_, argument_, permissions_, flags_, type_) \
	MODINFO(parmtype, #name_ ":" type_); \
	static const char parameter_name_##name_[] = #name_; \
	static const struct kernel_param parameter_##name_ \
		__attribute__((section("__param"), used, aligned(sizeof(void *)))) = { \
		.name = parameter_name_##name_, \
		.ops = ops_, \
		.permissions = permissions_, \
		.level = -1, \
		.flags = flags_, \
		{ .argument = (void *)(argument_) }, \
	}

/* A variable of a type of Linux's. */
#define PARAMETER(type_, variable, permissions_) \
	PARAMETER_OF(variable, &param_ops_##type_, &variable, permissions_, 0, #type_)

/* An array of them, and the variable for the number of its elements, or 0. */
#define ARRAY_PARAMETER(type_, variable, count_, permissions_) \
	static const struct kparam_array parameter_array_##variable = { \
		.most = sizeof(variable) / sizeof(*variable), \
		.element_size = sizeof(*variable), \
		.count = count_, \
		.ops = &param_ops_##type_, \
		.elements = variable, \
	}; \
	PARAMETER_OF(variable, &param_array_ops, &parameter_array_##variable, permissions_, 0, \
		     "array of " #type_)

/* Room for a string. */
#define STRING_PARAMETER(variable, permissions_) \
	static const struct kparam_string parameter_string_##variable = { \
		.size = sizeof(variable), \
		.string = variable, \
	}; \
	PARAMETER_OF(variable, &param_ops_string, &parameter_string_##variable, permissions_, 0, \
		     "string")

#endif
