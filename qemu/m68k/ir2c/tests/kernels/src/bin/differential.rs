//! Prints the hashes of all cases, for the harness to compare with the host's.

#![no_std]
#![no_main]

use kernels::{halt, say};

#[path = "../cases.rs"]
mod cases;

#[unsafe(no_mangle)]
extern "C" fn kernel_main() {
    cases::run(&mut |group, name, hash| say!("{group} {name}: {hash:016x}"));
    say!("end");
    halt()
}
