// SPDX-License-Identifier: MIT OR Apache-2.0
//! A module in Rust: how one is made by hand is in modlink's guide.

#![no_std]

use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicU32, Ordering};

include!("module.rs");

modinfo!("name" = "counter");
modinfo!("license" = "Dual MIT/GPL");

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

export_symbol!("count");
export_symbol!("count_squared");

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
