# From the PVH boot protocol's 32-bit protected mode to kernel_main, in 64-bit mode.
#
# All 64 MiB of memory are mapped at 0, where this runs, and at -2 GiB, where modules are and the
# kernel may be: through the same page tables, so that a page is protected at both by one entry.
# Everything is allowed everywhere until embed.rs says what is not.

        # Where QEMU enters, as a physical address: XEN_ELFNOTE_PHYS32_ENTRY of "Xen" is 18.
        .section .note.pvh, "a", @note
        .balign 4
        .long 4, 8, 18
        .asciz "Xen"
        .quad boot - code + code_physical

        .section .text.boot, "ax"
code:
        .code32
        .global boot
boot:
        mov $1 << 5, %eax                       # PAE
        mov %eax, %cr4
        mov $level4 - tables + tables_physical, %eax
        mov %eax, %cr3
        mov $0xc0000080, %ecx                   # EFER: long mode; NX, so that pages can forbid running
        rdmsr
        or $1 << 8 | 1 << 11, %eax
        wrmsr
        mov %cr0, %eax                          # paging; WP, so that they can forbid the kernel to write
        or $1 << 31 | 1 << 16, %eax
        mov %eax, %cr0
        lgdt low_gdt - code + code_physical
        ljmp $0x08, $1f - code + code_physical
        .code64
1:      movabs $2f, %rax
        jmp *%rax
2:      lgdt linked_gdt
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov $stack_top, %rsp
        xor %ebp, %ebp
        call kernel_main
        ud2

        .balign 8
gdt:    .quad 0
        .quad 0x00af9b000000ffff                # 64-bit code
        .quad 0x00cf93000000ffff                # data
low_gdt:
        .word . - gdt - 1
        .long gdt - code + code_physical
linked_gdt:
        .word low_gdt - gdt - 1
        .quad gdt

        .section .data.boot, "aw"
        .balign 4096
tables:
level4: .quad level3 - tables + tables_physical + 3
        .fill 510, 8, 0
        .quad level3 - tables + tables_physical + 3
level3: .quad level2 - tables + tables_physical + 3
        .fill 509, 8, 0
        .quad level2 - tables + tables_physical + 3
        .quad 0
level2: .set table, 0
        .rept 32
        .quad PAGES - tables + tables_physical + table + 3
        .set table, table + 4096
        .endr
        .fill 480, 8, 0
        .global PAGES
PAGES:  .set page, 0                            # an entry for each page of memory
        .rept 64 << 20 >> 12
        .quad page + 3
        .set page, page + 4096
        .endr
