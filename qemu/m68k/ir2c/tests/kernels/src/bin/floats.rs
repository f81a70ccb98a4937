//! Prints the hashes of the cases with floating point, for the harness to compare with the host's.

#![no_std]
#![no_main]
#![allow(dead_code)]

use kernels::{halt, say};

#[path = "../cases.rs"]
mod cases;
#[path = "../float_cases.rs"]
mod float_cases;

#[unsafe(no_mangle)]
extern "C" fn kernel_main() {
    float_cases::run(&mut |group, name, hash| say!("{group} {name}: {hash:016x}"));
    say!("end");
    halt()
}
