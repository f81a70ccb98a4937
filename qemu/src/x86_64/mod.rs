//! The kernel in the top 2 GiB of a 64-bit machine, modules in the last one.
//!
//! No page is writable and executable, and memory of modules is mapped nowhere but where they run,
//! so that what is protected there cannot be written by another way.

mod call;
mod descriptors;
mod entry;
mod faults;
mod timer;

use crate::machine::{Argument, Boot, Machine, Mapping, Outcome, Returned};
use crate::x86::{exit, interrupts, layout, paging, pvh, serial, walk};
use core::ops::{Range, RangeInclusive};
use modlink::platform::Protection;

/// A PC with a 64-bit processor.
pub struct X86_64;

impl Machine for X86_64 {
    type Arch = modlink::arch::X86_64;

    const MODULE_REGION: Range<usize> = 0xffff_ffff_c000_0000..0xffff_ffff_ff00_0000;

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
        paging::install(boot, true);
        "every page either writable or executable, none both (NX)"
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
        unsafe { core::arch::x86_64::_rdtsc() }
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

/// Where the assembly of `entry` ends up, on the kernel's stack and the page tables of the start.
///
/// # Safety
/// Called once, with the physical address of the PVH start information.
unsafe extern "C" fn enter(start_info: usize) -> ! {
    descriptors::install();
    // SAFETY: QEMU's start information is untouched, and this is the one call.
    unsafe { crate::start(pvh::read(start_info)) }
}
