//! What is said when the processor cannot go on.

use crate::kernel::LOADER;
use crate::machine::{Machine, Outcome, This};
use core::sync::atomic::{AtomicBool, Ordering};

/// How much of the stack is searched for return addresses, in words, and how many are shown.
const SEARCHED: usize = 512;
const SHOWN: usize = 8;

/// A fault that nobody expected.
pub struct Fault<'a> {
    /// What the processor calls it.
    pub what: &'a str,
    /// The address of the instruction that could not be run.
    pub instruction: usize,
    /// The address that could not be reached, if that was the reason.
    pub address: Option<usize>,
    /// The stack pointer.
    pub stack: usize,
    /// The registers by name.
    pub registers: &'a [(&'a str, usize)],
}

/// Prints the fault and ends the machine with failure. If printing faults, it just ends.
pub fn report(fault: &Fault<'_>) -> ! {
    static REPORTING: AtomicBool = AtomicBool::new(false);
    if REPORTING.swap(true, Ordering::Relaxed) {
        This::exit(Outcome::Failure);
    }
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
    print_callers(fault.stack);
    This::exit(Outcome::Failure)
}

/// Prints the words on the stack that are addresses in modules: most are return addresses.
fn print_callers(stack: usize) {
    let end = *This::kernel().end();
    let words = (stack.next_multiple_of(size_of::<usize>())..end).step_by(size_of::<usize>());
    // SAFETY: the stack is a part of the kernel's data. Where it has run over, this faults.
    let values = words.take(SEARCHED).map(|word| unsafe { (word as *const usize).read_volatile() });
    let in_modules = values.filter_map(|value| LOADER.locate(value as u64));
    print!("  on the stack:");
    in_modules.take(SHOWN).for_each(|(module, offset)| print!(" {module}+{offset:#x}"));
    println!();
}
