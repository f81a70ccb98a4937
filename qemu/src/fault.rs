//! What is said when the processor refuses to go on.

use crate::kernel::LOADER;
use crate::machine::{Machine, Outcome, This};

/// A fault that nobody expected.
pub struct Fault<'a> {
    /// What the processor calls it.
    pub what: &'a str,
    /// The address of the instruction that could not be run.
    pub instruction: usize,
    /// The address that could not be reached, if that was the reason.
    pub address: Option<usize>,
    /// The registers by name.
    pub registers: &'a [(&'a str, usize)],
}

/// Prints the fault and ends the machine with failure.
pub fn report(fault: &Fault<'_>) -> ! {
    print!("fault: {} at {:#x}", fault.what, fault.instruction);
    if let Some((module, offset)) = LOADER.locate(fault.instruction as u64) {
        print!(", {module}+{offset:#x}");
    }
    if let Some(address) = fault.address {
        print!(", address {address:#x}");
    }
    println!();
    for line in fault.registers.chunks(4) {
        for (name, value) in line {
            print!("  {name:>6} {value:0width$x}", width = 2 * size_of::<usize>());
        }
        println!();
    }
    This::exit(Outcome::Failure)
}
