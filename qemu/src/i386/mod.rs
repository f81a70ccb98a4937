//! The kernel in the top GiB of a 32-bit machine, modules above it.
//!
//! Page tables are those of PAE. With them data can be kept from being run if the processor knows
//! NX (QEMU: `-cpu qemu32,+pae,+nx`); without it text and constants still cannot be written.

mod bytes;
mod call;
mod descriptors;
mod entry;
mod faults;
mod timer;

use crate::machine::{Argument, Boot, Machine, Mapping, Outcome, Returned};
use crate::x86::{exit, interrupts, layout, paging, pvh, serial, walk};
use core::arch::asm;
use core::arch::x86::{__cpuid, __get_cpuid_max};
use core::ops::{Range, RangeInclusive};
use modlink::platform::Protection;

/// A PC with a 32-bit processor that knows PAE.
pub struct I386;

impl Machine for I386 {
    type Arch = modlink::arch::I386;

    const MODULE_REGION: Range<usize> = 0xf000_0000..0xff00_0000;

    fn kernel() -> RangeInclusive<usize> {
        layout::text().start..=layout::kernel_end() - 1
    }

    fn stack_guard() -> usize {
        layout::stack_guard()
    }

    fn put_byte(byte: u8) {
        serial::put_byte(byte);
    }

    fn get_byte() -> Option<u8> {
        serial::get_byte()
    }

    fn exit(outcome: Outcome) -> ! {
        exit::exit(outcome)
    }

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

    unsafe fn map(page: usize, frame: usize) {
        // SAFETY: the caller's promise.
        unsafe { paging::map(page, frame) }
    }

    unsafe fn unmap(page: usize) {
        // SAFETY: the caller's promise.
        unsafe { paging::unmap(page) }
    }

    unsafe fn protect(page: usize, protection: Protection) {
        // SAFETY: the caller's promise.
        unsafe { paging::protect(page, protection) }
    }

    fn forget(pages: Range<usize>) {
        paging::forget(pages);
    }

    fn for_each_mapping(visit: impl FnMut(Mapping)) {
        walk::for_each_mapping(visit);
    }

    fn forbids_execution() -> bool {
        walk::forbids_execution()
    }

    fn clock() -> u64 {
        // SAFETY: every processor that gets here has the counter, and the kernel may read it.
        unsafe { core::arch::x86::_rdtsc() }
    }

    fn start_timer() {
        crate::x86::timer::start();
    }

    fn without_interrupts<R>(what: impl FnOnce() -> R) -> R {
        interrupts::off(what)
    }

    fn sync_code(_range: Range<usize>) {
        // Instruction fetch sees all earlier writes once a jump has been made.
    }

    unsafe fn call(entry: usize, arguments: &[Argument]) -> Returned {
        // SAFETY: the caller's promise.
        unsafe { call::call(entry, arguments) }
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
