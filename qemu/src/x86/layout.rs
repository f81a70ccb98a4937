//! Where things are: the symbols of the linker script.

use core::ops::Range;

/// The address of physical address 0 in the kernel's view of memory.
#[cfg(target_arch = "x86_64")]
pub const KERNEL_BASE: usize = 0xffff_ffff_8000_0000;
/// The address of physical address 0 in the kernel's view of memory.
#[cfg(target_arch = "x86")]
pub const KERNEL_BASE: usize = 0xc000_0000;

/// How much physical memory the kernel's view can show at most.
#[cfg(target_arch = "x86_64")]
pub const DIRECT_LIMIT: usize = 1 << 30;
/// How much physical memory the kernel's view can show at most.
#[cfg(target_arch = "x86")]
pub const DIRECT_LIMIT: usize = 768 << 20;

unsafe extern "C" {
    static __kernel_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __stack_guard: u8;
    static __kernel_end: u8;
}

/// What can be run.
pub fn text() -> Range<usize> {
    address(&raw const __kernel_start)..address(&raw const __text_end)
}

/// Constants.
pub fn rodata() -> Range<usize> {
    address(&raw const __text_end)..address(&raw const __rodata_end)
}

/// Variables below the page that guards the stack.
pub fn data() -> Range<usize> {
    address(&raw const __rodata_end)..stack_guard()
}

/// The stacks, without the page that guards them.
pub fn stacks() -> Range<usize> {
    stack_guard() + 4096..kernel_end()
}

/// The page that guards the stacks.
pub fn stack_guard() -> usize {
    address(&raw const __stack_guard)
}

/// The first address after the kernel.
pub fn kernel_end() -> usize {
    address(&raw const __kernel_end)
}

fn address(symbol: *const u8) -> usize {
    symbol as usize
}
