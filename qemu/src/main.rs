//! A small kernel that loads, runs and unloads modules under QEMU.
//!
//! It exists to prove the `modlink` crate: it gives the loader memory, protection and exported
//! functions, and reads commands from a script in the initial RAM disk or from the serial line.
//! `machine` says what an architecture folder provides; everything else is the same on all.

#![no_std]
#![no_main]
#![feature(c_variadic)]
#![cfg_attr(target_arch = "m68k", feature(asm_experimental_arch))]

extern crate alloc;

#[macro_use]
mod print;
mod audit;
mod console;
mod context;
mod exports;
mod fault;
mod files;
mod initrd;
mod kernel;
mod machine;
mod memory;
mod names;
mod parameters;
mod policy;
mod printk;
mod report;
mod stopwatch;
mod stubs;
mod timer;

#[cfg(target_arch = "x86")]
mod i386;
#[cfg(target_arch = "m68k")]
mod m68k;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use alloc::string::String;
use initrd::Initrd;
use machine::{Boot, Machine, Outcome, This};
use memory::{heap, region, user};
use modlink::arch::Arch;

/// Where an architecture's start code enters the common part.
///
/// # Safety
/// Called once, on the kernel's stack, and everything that `boot` says is true.
pub unsafe fn start(boot: Boot) -> ! {
    // SAFETY: the caller vouches for the ranges in `boot`.
    unsafe { heap::give(boot.heap.clone()) };
    let command_line = String::from_utf8_lossy(boot.command_line).into_owned();
    let protection = This::protect_kernel(&boot);
    region::give(boot.module_frames.clone());
    audit::install(boot.module_frames.clone());
    user::install();
    let exports = kernel::install_exports();
    println!("modlink's test kernel on {}: {protection}", <This as Machine>::Arch::NAME);
    println!(
        "{} KiB for the kernel, {} KiB for modules, {exports} exported symbols",
        boot.heap.len() >> 10,
        boot.module_frames.len() >> 10,
    );
    This::exit(run(&boot, &command_line))
}

/// Runs the script that the command line names, or else what is typed on the serial line.
fn run(boot: &Boot, command_line: &str) -> Outcome {
    match Initrd::new(boot.initrd) {
        Ok(initrd) => files::install(initrd),
        Err(error) => {
            println!("{error}");
            return Outcome::Failure;
        }
    }
    let mut words = command_line.split_whitespace();
    for word in words.clone() {
        match word {
            "audit" => drop(audit::at_every_event(true)),
            "quiet" => drop(report::be_quiet(true)),
            "timer" => timer::start(),
            "no-sections" => policy::forget_sections(),
            _ => {}
        }
    }
    let outcome = match words.find_map(|word| word.strip_prefix("script=")) {
        Some(script) => console::run_script(script),
        None => console::interact(),
    };
    timer::conclude(outcome)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => println!("panic: {}: {}", place, info.message()),
        None => println!("panic: {}", info.message()),
    }
    fault::print_panic();
    This::exit(Outcome::Failure)
}
