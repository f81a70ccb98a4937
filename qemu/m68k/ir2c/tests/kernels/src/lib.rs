//! What all kernels need: an entry, the serial line, a way to end.

#![no_std]
#![feature(asm_experimental_arch)]

use core::fmt::{self, Write};
use core::panic::PanicInfo;

// The stack is at the end of the first 8 MiB, a multiple of 4 as Rust's u64 wants it.
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "move.l #0x800000, %sp",
    "jsr kernel_main",
    "1: bra 1b",
);

/// QEMU's goldfish tty: a word written here is a character sent.
const TTY: *mut u32 = 0xff00_8000 as *mut u32;
/// QEMU's virtual controller: a word written here ends the machine.
const CONTROL: *mut u32 = 0xff00_9004 as *mut u32;
const HALT: u32 = 2;

/// The serial line.
pub struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: the machine has its tty there.
            unsafe { TTY.write_volatile(u32::from(byte)) };
        }
        Ok(())
    }
}

/// Writes a line to the serial line.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {{
        use ::core::fmt::Write;
        let _ = ::core::writeln!($crate::Serial, $($argument)*);
    }};
}

/// Compares what the program computes with what it should, and says so if they differ.
#[macro_export]
macro_rules! check {
    ($name:expr, $got:expr, $want:expr) => {{
        let (got, want) = ($got, $want);
        if got == want {
            $crate::count_passed();
        } else {
            $crate::say!("{}: got {:?}, want {:?}", $name, got, want);
        }
    }};
}

static PASSED: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

/// Counts a check that passed.
pub fn count_passed() {
    PASSED.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
}

/// Says how many checks passed, and ends the machine.
pub fn finish() -> ! {
    say!("passed {}", PASSED.load(core::sync::atomic::Ordering::Relaxed));
    halt()
}

/// Ends the machine.
pub fn halt() -> ! {
    // SAFETY: the machine has its controller there.
    unsafe { CONTROL.write_volatile(HALT) };
    loop {}
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    say!("{info}");
    halt()
}

/// libgcc may call it.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    panic!("abort")
}
