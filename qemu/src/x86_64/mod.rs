//! The kernel in the top 2 GiB of a 64-bit machine, modules in the last one.
//!
//! No page is writable and executable, and memory of modules is mapped nowhere but where they run,
//! so that what is protected there cannot be written by another way.

mod call;
mod descriptors;
mod entry;
pub mod faults;
mod timer;

use crate::machine::{Argument, Boot, Returned};
use crate::x86::pc::Processor;
use crate::x86::{paging, pvh};
use core::ops::RangeInclusive;
use modlink::platform::Faulted;

/// A 64-bit processor.
pub struct X86_64;

impl Processor for X86_64 {
    type Arch = modlink::arch::X86_64;

    const MODULE_REGION: RangeInclusive<u64> = 0xffff_ffff_c000_0000..=0xffff_ffff_feff_ffff;

    fn protect_kernel(boot: &Boot) -> &'static str {
        paging::install(boot, true);
        "every page either writable or executable, none both (NX)"
    }

    unsafe fn call(entry: usize, arguments: &[Argument]) -> Result<Returned, Faulted> {
        // SAFETY: the caller's promise.
        unsafe { call::call(entry, arguments) }
    }

    fn is_call_under_way() -> bool {
        call::is_under_way()
    }

    unsafe fn abandon_call() -> ! {
        // SAFETY: the caller's promise.
        unsafe { call::abandon() }
    }

    fn returning(value: usize) -> impl AsRef<[u8]> {
        call::returning(value)
    }
}

/// Where the assembly of `entry` ends up, on the kernel's stack and the page tables of the start.
///
/// # Safety
/// Called once, with the physical address of the PVH start information.
unsafe extern "C" fn enter(start_info: usize) -> ! {
    descriptors::install();
    // SAFETY: QEMU's start information is untouched, and this is the one call.
    unsafe { crate::start(pvh::read(start_info)) }
}
