//! Where the parts of the kernel's image are: the symbols of the linker script.

use core::ops::Range;

unsafe extern "C" {
    static __kernel_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __stack_guard: u8;
    static __kernel_end: u8;
}

/// Code.
pub fn text() -> Range<usize> {
    (&raw const __kernel_start).addr()..(&raw const __text_end).addr()
}

/// Constants.
pub fn rodata() -> Range<usize> {
    (&raw const __text_end).addr()..(&raw const __rodata_end).addr()
}

/// Variables below the page that guards the stack.
pub fn data() -> Range<usize> {
    (&raw const __rodata_end).addr()..stack_guard()
}

/// The stack, without the page that guards it.
pub fn stack() -> Range<usize> {
    stack_guard() + super::mmu::PAGE_SIZE..kernel_end()
}

/// The page that guards the stack.
pub fn stack_guard() -> usize {
    (&raw const __stack_guard).addr()
}

/// The first address after the kernel.
pub fn kernel_end() -> usize {
    (&raw const __kernel_end).addr()
}
