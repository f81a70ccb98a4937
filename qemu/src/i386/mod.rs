//! The kernel in the top GiB of a 32-bit machine, modules above it.
//!
//! Page tables are those of PAE. With them data can be kept from being run if the processor knows
//! NX (QEMU: `-cpu qemu32,+pae,+nx`); without it text and constants still cannot be written.

mod bytes;
mod call;
mod descriptors;
mod entry;
pub mod faults;
mod timer;

use crate::machine::{Argument, Boot, Returned};
use crate::x86::pc::Processor;
use crate::x86::{paging, pvh};
use core::arch::asm;
use core::arch::x86::{__cpuid, __get_cpuid_max};
use core::ops::RangeInclusive;
use modlink::platform::Faulted;

/// A 32-bit processor that knows PAE.
pub struct I386;

impl Processor for I386 {
    type Arch = modlink::arch::I386;

    const MODULE_REGION: RangeInclusive<u64> = 0xf000_0000..=0xfeff_ffff;

    fn protect_kernel(boot: &Boot) -> &'static str {
        let no_execute = enable_no_execute();
        paging::install(boot, no_execute);
        descriptors::arm_fault_task();
        if no_execute {
            "every page either writable or executable, none both (PAE with NX)"
        } else {
            "text and constants cannot be written (no NX: this processor does not know it)"
        }
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

/// Lets page tables forbid execution, if the processor knows how (Intel SDM, `IA32_EFER.NXE`).
fn enable_no_execute() -> bool {
    const FEATURES: u32 = 0x8000_0001;
    const NX: u32 = 1 << 20;
    const EFER: u32 = 0xc000_0080;
    const NXE: u32 = 1 << 11;
    let known = __get_cpuid_max(0x8000_0000).0 >= FEATURES && __cpuid(FEATURES).edx & NX != 0;
    if known {
        // SAFETY: the register exists where NX does, and no page table uses the bit yet.
        unsafe {
            asm!(
                "rdmsr",
                "or eax, {nxe}",
                "wrmsr",
                nxe = const NXE,
                in("ecx") EFER,
                out("eax") _,
                out("edx") _,
                options(nostack)
            );
        }
    }
    known
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
