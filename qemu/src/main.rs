//! A small kernel that loads, runs and unloads modules under QEMU.
//!
//! It exists to prove the `modlink` crate: it gives the loader memory, protection and exported
//! functions, and reads commands from a script in the initial RAM disk or from the serial line.
//! `machine` says what an architecture folder provides; everything else is the same on all.

#![no_std]
#![no_main]

extern crate alloc;

#[macro_use]
mod print;
mod fault;
mod initrd;
mod machine;
mod memory;

#[cfg(target_arch = "x86")]
mod i386;
#[cfg(target_arch = "m68k")]
mod m68k;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use alloc::string::String;
use machine::{Boot, Machine, Outcome, This};

/// Where an architecture's start code enters the common part.
///
/// # Safety
/// Called once, on the kernel's stack, and everything that `boot` says is true.
pub unsafe fn start(boot: Boot) -> ! {
    // SAFETY: the caller vouches for the ranges in `boot`.
    unsafe { memory::heap::give(boot.heap.clone()) };
    let command_line = String::from_utf8_lossy(boot.command_line).into_owned();
    let protection = This::protect_kernel(&boot);
    println!("modlink test kernel: {protection}");
    println!("command line: {command_line}");
    match initrd::Initrd::new(boot.initrd) {
        Ok(initrd) => {
            for file in initrd.files() {
                println!("  {} ({} bytes)", file.name, file.bytes.len());
            }
        }
        Err(error) => println!("initrd: {error}"),
    }
    This::exit(Outcome::Success)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("kernel {info}");
    This::exit(Outcome::Failure)
}
