//! What is said when the processor cannot go on, and what ends then: a call of a module's function, or all.

use crate::kernel::LOADER;
use crate::machine::{Machine, Outcome, This};
use crate::{context, names};
use core::sync::atomic::{AtomicBool, Ordering};
use modlink::{State, Taints};

/// How much of the stack is searched for return addresses, in words, and how many are shown.
const SEARCHED: usize = 512;
const SHOWN: usize = 16;

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

/// Prints a fault that no instruction expects. If a function of a module that the kernel has called has
/// faulted, in its own code or where it has gone astray outside of the kernel, that call ends, and the kernel goes on; else the machine ends.
pub fn report(fault: &Fault<'_>) -> ! {
    let is_kernels = This::kernel().contains(&fault.instruction);
    if is_kernels || context::is_in_interrupt() || !This::is_call_under_way() {
        end(fault)
    }
    print_once("oops", fault);
    REPORTING.store(false, Ordering::Relaxed);
    // SAFETY: it is under way, and what has been called since is the module's, whose code does not go
    // on: were it the kernel's that had called it, that would be the innermost call.
    unsafe { This::abandon_call() }
}

/// Prints a fault of the kernel's and ends the machine with failure.
pub fn end(fault: &Fault<'_>) -> ! {
    print_once("fault", fault);
    This::exit(Outcome::Failure)
}

/// Whether a fault is being printed.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// Prints a fault. If printing faults, the machine just ends.
fn print_once(label: &str, fault: &Fault<'_>) {
    if REPORTING.swap(true, Ordering::Relaxed) {
        This::exit(Outcome::Failure);
    }
    print!("{label}: {} at {:#x}", fault.what, fault.instruction);
    if is_code(fault.instruction) {
        print!(", ");
        names::print(fault.instruction);
    }
    if let Some(address) = fault.address {
        print!(", address {address:#x}");
    }
    println!();
    print_taints();
    for line in fault.registers.chunks(4) {
        for (name, value) in line {
            print!("  {name:>6} {value:0width$x}", width = 2 * size_of::<usize>());
        }
        println!();
    }
    print_callers(fault.stack);
    print_modules();
}

/// Prints the kernel's taints as Linux does in a report: the letter of each, in the order of their bits, a
/// blank for each that there is not, and `G` for a kernel without proprietary modules.
fn print_taints() {
    /// Linux 6.1 has so many.
    const BITS: u32 = 19;
    let taints = LOADER.taints();
    if taints.is_empty() {
        println!("  Not tainted");
        return;
    }
    print!("  Tainted: ");
    for taint in (0..BITS).map(|bit| Taints::from_bits_truncate(1 << bit)) {
        if taints.contains(taint) {
            print!("{taint}");
        } else {
            print!("{}", if taint == Taints::PROPRIETARY_MODULE { 'G' } else { ' ' });
        }
    }
    println!();
}

/// Prints what is known when the kernel has given up, unless that was while a fault was being printed.
pub fn print_panic() {
    if !REPORTING.swap(true, Ordering::Relaxed) {
        let here = 0_usize;
        print_taints();
        print_callers(core::hint::black_box(&raw const here) as usize);
        print_modules();
    }
}

/// Whether it is an address in the kernel's code or in a module.
fn is_code(address: usize) -> bool {
    This::text().contains(&address) || LOADER.locate(address as u64).is_some()
}

/// Prints the words on the stack that are addresses of code: most are return addresses, but nothing
/// says which, since there are no frame pointers.
fn print_callers(stack: usize) {
    let end = *This::kernel().end();
    let words = (stack.next_multiple_of(size_of::<usize>())..end).step_by(size_of::<usize>());
    // SAFETY: the stack is a part of the kernel's data. Where it has run over, this faults.
    let values = words.take(SEARCHED).map(|word| unsafe { (word as *const usize).read_volatile() });
    println!("  Call trace:");
    for address in values.filter(|value| is_code(*value)).take(SHOWN) {
        print!("    ? ");
        names::print_return(address);
        println!();
    }
}

/// Prints the names of all modules, the one loaded last first, with their taints, and `+` and `-` after those
/// of one that is coming and going, as Linux does.
fn print_modules() {
    print!("  Modules linked in:");
    LOADER.for_each(|module| {
        print!(" {}", module.name());
        let taints = module.taints();
        let state = match module.state() {
            State::Coming | State::Faulted => "+",
            State::Going => "-",
            _ => "",
        };
        if !taints.is_empty() || !state.is_empty() {
            print!("({taints}{state})");
        }
    });
    println!();
}
