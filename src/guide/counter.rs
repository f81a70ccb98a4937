// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module in Rust: how one is made by hand is in modlink's guide.

#![no_std]

use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicU32, Ordering};

// Each gets a section of its own, of which `ld -r` makes one.
#[used]
#[unsafe(link_section = ".modinfo")]
static NAME: [u8; 13] = *b"name=counter\0";
#[used]
#[unsafe(link_section = ".modinfo")]
static LICENSE: [u8; 21] = *b"license=Dual MIT/GPL\0";

unsafe extern "C" {
    fn _printk(format: *const c_char, ...) -> c_int;
}

static COUNT: AtomicU32 = AtomicU32::new(0);

fn print(text: &CStr) {
    // SAFETY: it has no conversions.
    unsafe { _printk(text.as_ptr()) };
}

/// Adds, and returns the sum so far.
#[unsafe(no_mangle)]
extern "C" fn count(more: u32) -> u32 {
    COUNT.fetch_add(more, Ordering::Relaxed).wrapping_add(more)
}

/// Each element of it is looked at with its bounds, so that what panics is linked in.
#[unsafe(no_mangle)]
extern "C" fn count_squared(index: u32) -> u32 {
    const SQUARES: [u32; 4] = [0, 1, 4, 9];
    count(SQUARES[index as usize])
}

// An entry of the table of exports: the symbol, its name, its namespace, each by its distance.
macro_rules! export {
    ($($symbol:literal)+) => {
        $(core::arch::global_asm!(
            ".pushsection __ksymtab_strings, \"aMS\", @progbits, 1",
            concat!("__kstrtab_", $symbol, ": .asciz \"", $symbol, "\""),
            concat!("__kstrtabns_", $symbol, ": .asciz \"\""),
            ".popsection",
            concat!(".pushsection \"___ksymtab+", $symbol, "\", \"a\", @progbits"),
            ".balign 4",
            concat!(".long ", $symbol, " - ."),
            concat!(".long __kstrtab_", $symbol, " - ."),
            concat!(".long __kstrtabns_", $symbol, " - ."),
            ".popsection",
        );)+
    };
}
export!("count" "count_squared");

#[unsafe(no_mangle)]
#[unsafe(link_section = ".init.text")]
extern "C" fn init_module() -> c_int {
    print(c"counter: init\n");
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = ".exit.text")]
extern "C" fn cleanup_module() {
    print(c"counter: exit\n");
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    print(c"counter: panic\n");
    loop {}
}
