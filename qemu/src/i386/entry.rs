//! From the PVH boot protocol's protected mode without paging to the top GiB.
//!
//! Until `paging::install` the first GiB of memory is mapped twice, at 0 and at the kernel's
//! base, in pages of 2 MiB.

use crate::x86::layout::KERNEL_BASE;
use core::arch::global_asm;

global_asm!(
    r#"
    .pushsection .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18                  # sizes of name and value, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long _start - {base}
    .long 0
    .popsection

    .pushsection .text.start, "ax"
    .global _start
_start:
    mov %cr4, %eax
    or $1 << 5, %eax                # PAE
    mov %eax, %cr4
    mov $boot_level3 - {base}, %eax
    mov %eax, %cr3
    mov %cr0, %eax
    or $1 << 31 | 1 << 16, %eax     # paging, write protection for the kernel too
    mov %eax, %cr0
    mov $2f, %eax
    jmp *%eax
2:  mov $__stack_top, %esp
    xor %ebp, %ebp
    sub $12, %esp                   # so that the call finds the stack aligned to 16
    push %ebx                       # the start information
    call {enter}
    ud2
    .popsection

    .pushsection .data.boot, "aw"
    .balign 4096
boot_level2:
    .set frame, 0
    .rept 512
    .quad frame + 0x83
    .set frame, frame + 0x200000
    .endr
boot_level3:
    .long boot_level2 - {base} + 1, 0
    .long 0, 0
    .long 0, 0
    .long boot_level2 - {base} + 1, 0
    .popsection
    "#,
    base = const KERNEL_BASE,
    enter = sym super::enter,
    options(att_syntax)
);
