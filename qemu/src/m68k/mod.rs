//! The m68k: QEMU's virt machine with a 68040, everything but modules at its physical address.

mod bootinfo;
mod cache;
mod call;
mod clock;
mod controller;
mod devices;
mod entry;
mod exceptions;
mod exports;
mod fixup;
mod interrupts;
mod layout;
mod mmu;
mod registers;
mod timer;
mod tty;
mod walk;

use crate::machine::{Argument, Boot, Machine, Mapping, Outcome, Returned};
use clock::Clock;
use controller::Ending;
use core::arch::asm;
use core::ops::{Range, RangeInclusive};
use modlink::platform::{Faulted, Protection};

/// The m68k machine.
pub struct M68k;

impl Machine for M68k {
    type Arch = modlink::arch::M68k;

    const PAGE_SIZE: usize = mmu::PAGE_SIZE;
    /// Above all RAM that QEMU can give this machine (3399672 KiB), below its devices.
    const MODULE_REGION: RangeInclusive<u64> = 0xe000_0000..=0xefff_ffff;

    fn kernel() -> RangeInclusive<usize> {
        layout::text().start..=layout::kernel_end() - 1
    }

    fn text() -> Range<usize> {
        layout::text()
    }

    fn rodata() -> Range<usize> {
        layout::rodata()
    }

    fn stack_guard() -> usize {
        layout::stack_guard()
    }

    fn put_byte(byte: u8) {
        if let Some(tty) = devices::tty() {
            tty.put(byte);
        }
    }

    fn get_byte() -> Option<u8> {
        devices::tty()?.get(devices::clock())
    }

    fn exit(outcome: Outcome) -> ! {
        devices::end(match outcome {
            Outcome::Success => Ending::Halt,
            Outcome::Failure => Ending::Panic,
        });
        loop {
            // SAFETY: waits, with interrupts masked, for the machine to end.
            unsafe { asm!("stop #0x2700", options(nomem, nostack)) }
        }
    }

    fn protect_kernel(boot: &Boot) -> &'static str {
        mmu::install(boot);
        "code and constants write-protected; the 68040 cannot forbid running data"
    }

    unsafe fn map(page: usize, frame: usize) {
        // SAFETY: the caller's promise is the same.
        unsafe { mmu::map(page, frame) }
    }

    unsafe fn unmap(page: usize) {
        // SAFETY: the caller's promise is the same.
        unsafe { mmu::unmap(page) }
    }

    unsafe fn protect(page: usize, protection: Protection) {
        // SAFETY: the caller's promise is the same.
        unsafe { mmu::protect(page, protection) }
    }

    fn forget(pages: Range<usize>) {
        mmu::forget(pages);
    }

    fn for_each_mapping(visit: impl FnMut(Mapping)) {
        walk::for_each_mapping(visit);
    }

    fn forbids_execution() -> bool {
        false
    }

    fn clock() -> u64 {
        devices::clock().map_or(0, Clock::now)
    }

    fn start_timer() {
        timer::start();
    }

    fn without_interrupts<R>(what: impl FnOnce() -> R) -> R {
        interrupts::off(what)
    }

    fn sync_code(_range: Range<usize>) {
        cache::push();
    }

    unsafe fn call(entry: usize, arguments: &[Argument]) -> Result<Returned, Faulted> {
        // SAFETY: the caller's promise is the same.
        unsafe { call::call(entry, arguments) }
    }

    fn is_call_under_way() -> bool {
        call::is_under_way()
    }

    unsafe fn abandon_call() -> ! {
        // SAFETY: the caller's promise is the same.
        unsafe { call::abandon() }
    }

    fn returning(value: usize) -> impl AsRef<[u8]> {
        call::returning(value)
    }
}

/// What libgcc calls when it can do nothing else.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    panic!("abort called")
}
