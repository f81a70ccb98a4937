//! The translation at work: kernels built with `ld-ir2c` and booted with `qemu-system-m68k`.

#[path = "../kernels/src/cases.rs"]
#[allow(dead_code)]
mod cases;
#[path = "../kernels/src/float_cases.rs"]
mod float_cases;
mod harness;
mod levels;
mod trust;
