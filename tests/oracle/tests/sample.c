/* Everything that a linker likes to do more with than relocate. */

#ifdef __x86_64__
#define ADDRESS ".quad"
#else
#define ADDRESS ".long"
#endif

extern int imported(const char *);
extern int imported_data[];
extern int nobody(void) __attribute__((weak));

/* Equal tails, which ld would fold. */
const char *const names[] = { "a long tail", "long tail", "tail" };

/* A note, which ld would move. */
asm(".pushsection .note.sample, \"a\"\n"
    ".balign 4\n"
    ".long 4, 4, 1\n"
    ".ascii \"abc\\0\"\n"
    ".long 0x12345678\n"
    ".popsection");

/* A group, of which ld would keep one. */
asm(".pushsection .rodata.grouped, \"aG\", %progbits, signature, comdat\n"
    ".balign 4\n"
    ADDRESS " imported\n"
    ".popsection");

int zeros[100];
int counter = 1;
int *where = &counter;
static int (*const table[])(void) = { nobody };

int __attribute__((section(".init.text"))) start(void)
{
    counter += imported(names[counter]);
    return imported_data[3] + zeros[counter];
}

int stop(void)
{
    return table[0] ? start() : *where;
}
