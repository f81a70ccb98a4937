/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a module in C needs to be loaded: the sections in which the loader finds its description
 * and its exports. The formats are those of Linux 6.1's modules.
 */
#ifndef MODLINK_MODULE_H
#define MODLINK_MODULE_H

#include <stddef.h>
#include <stdint.h>

/* One "key=value" string of the module's description (.modinfo). */
#define MODINFO(key, value) MODINFO_IN(key, value, __COUNTER__)
#define MODINFO_IN(key, value, number) MODINFO_AS(key, value, number)
#define MODINFO_AS(key, value, number) \
	static const char modinfo_##number[] \
		__attribute__((section(".modinfo"), used, aligned(1))) = #key "=" value

#define MODULE(name_, license_) \
	MODINFO(name, name_); \
	MODINFO(license, license_)

/*
 * An export is a triple: the symbol, its name, its namespace. i386 and x86_64 keep three 32-bit
 * distances, each from its own place; m68k keeps three addresses. Each stands in a section of its own,
 * as in Linux's objects, and module.ld puts them together as __ksymtab and __ksymtab_gpl. A module
 * that was linked without it is rejected.
 */
#if defined(__m68k__)
#define EXPORT_FIELD(target) ".long " target "\n"
#else
#define EXPORT_FIELD(target) ".long " target " - .\n"
#endif

#define EXPORT_IN(table, symbol, namespace) \
	__asm__(".pushsection __ksymtab_strings, \"aMS\", %progbits, 1\n" \
		"__kstrtab_" #symbol ": .asciz \"" #symbol "\"\n" \
		"__kstrtabns_" #symbol ": .asciz \"" namespace "\"\n" \
		".popsection\n" \
		".pushsection \"" table "+" #symbol "\", \"a\", %progbits\n" \
		".balign 4\n" \
		EXPORT_FIELD(#symbol) \
		EXPORT_FIELD("__kstrtab_" #symbol) \
		EXPORT_FIELD("__kstrtabns_" #symbol) \
		".popsection")

/* For every module. */
#define EXPORT(symbol) EXPORT_IN("___ksymtab", symbol, "")
/* For modules whose licence is compatible with the GPL only. */
#define EXPORT_GPL(symbol) EXPORT_IN("___ksymtab_gpl", symbol, "")
/* For modules that import this namespace, with MODINFO(import_ns, namespace), only. */
#define EXPORT_TO(symbol, namespace) EXPORT_IN("___ksymtab", symbol, namespace)

/*
 * As modules of Linux 7.1 and later have it: all exports are in one table, and a second one holds
 * a byte for each, in which bit 0 keeps the export for modules whose licence is compatible with the
 * GPL. Either all exports of a module are of this kind or none.
 */
#define EXPORT_FLAGGED(symbol, flags) \
	EXPORT_IN("___ksymtab", symbol, ""); \
	__asm__(".pushsection .export_flags." #symbol ", \"a\", %progbits\n" \
		".byte " #flags "\n" \
		".popsection")

/* Needed by init only, freed afterwards. */
#define IN_INIT __attribute__((section(".init.text"), cold))
#define IN_INIT_DATA __attribute__((section(".init.data")))
/* Needed by exit only. */
#define IN_EXIT __attribute__((section(".exit.text"), cold))
/* Written by init, read-only from then on. */
#define RO_AFTER_INIT __attribute__((section(".data..ro_after_init")))

/* The functions that the loader calls, found by their names. */
int init_module(void);
void cleanup_module(void);

/*
 * What the kernel build makes of a module's struct module, of which only the two pointers count
 * here. They are where Debian's Linux 6.1 has them.
 */
#if defined(__x86_64__)
enum { INIT_AT = 312, EXIT_AT = 848 };
#elif defined(__i386__)
enum { INIT_AT = 204, EXIT_AT = 524 };
#elif defined(__m68k__)
enum { INIT_AT = 192, EXIT_AT = 320 };
#endif
#define THIS_MODULE(init_, exit_) \
	static struct { \
		char before[INIT_AT]; \
		int (*init)(void); \
		char between[EXIT_AT - INIT_AT - sizeof(void *)]; \
		void (*exit)(void); \
	} this_module __attribute__((section(".gnu.linkonce.this_module"), used)) = { \
		.init = init_, \
		.exit = exit_, \
	}

#endif
