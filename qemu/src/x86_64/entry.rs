//! From the PVH boot protocol's 32-bit protected mode to 64-bit code in the top 2 GiB.
//!
//! Until `paging::install` the first GiB of memory is mapped twice, at 0 and at the kernel's
//! base, in pages of 2 MiB.

use crate::x86::layout::KERNEL_BASE;
use core::arch::global_asm;

global_asm!(
    r#"
    .pushsection .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18                  # sizes of name and value, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad _start - {base}
    .popsection

    .pushsection .text.start, "ax"
    .code32
    .global _start
_start:
    mov %ebx, %edi                  # the start information
    mov %cr4, %eax
    or $1 << 5, %eax                # PAE
    mov %eax, %cr4
    mov $boot_level4 - {base}, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx           # EFER
    rdmsr
    or $1 << 8 | 1 << 11, %eax      # long mode, NX
    wrmsr
    mov %cr0, %eax
    or $1 << 31 | 1 << 16, %eax     # paging, write protection for the kernel too
    mov %eax, %cr0
    lgdt boot_gdt_pointer - {base}
    ljmp $0x08, $2f - {base}
    .code64
2:  movabs $3f, %rax
    jmp *%rax
3:  mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $__stack_top, %rsp
    xor %ebp, %ebp
    mov %edi, %edi
    call {enter}
    ud2
    .popsection

    .pushsection .data.boot, "aw"
    .balign 4096
boot_level4:
    .quad boot_level3_low - {base} + 3
    .fill 510, 8, 0
    .quad boot_level3_high - {base} + 3
boot_level3_low:
    .quad boot_level2 - {base} + 3
    .fill 511, 8, 0
boot_level3_high:
    .fill 510, 8, 0
    .quad boot_level2 - {base} + 3
    .quad 0
boot_level2:
    .set frame, 0
    .rept 512
    .quad frame + 0x83
    .set frame, frame + 0x200000
    .endr
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff        # 64-bit code
    .quad 0x00cf92000000ffff        # data
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .quad boot_gdt - {base}
    .popsection
    "#,
    base = const KERNEL_BASE,
    enter = sym super::enter,
    options(att_syntax)
);
