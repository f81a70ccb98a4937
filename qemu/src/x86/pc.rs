//! The machine that x86_64 and i386 share but for the processor: a PC as QEMU makes it.

use super::{exit, interrupts, layout, paging, serial, timer, walk};
use crate::machine::{Argument, Boot, Machine, Mapping, Outcome, Returned};
#[cfg(target_arch = "x86")]
use core::arch::x86::_rdtsc;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::_rdtsc;
use core::marker::PhantomData;
use core::ops::{Range, RangeInclusive};
use modlink::platform::{Faulted, Protection};

/// A PC with this processor.
pub struct Pc<P>(PhantomData<P>);

/// What differs between the processors. Each is as in [`Machine`].
pub trait Processor {
    /// What the loader has to know of the architecture.
    type Arch: modlink::arch::Arch;

    /// The addresses at which modules are put.
    const MODULE_REGION: RangeInclusive<u64>;

    /// Gives the kernel its final page tables.
    fn protect_kernel(boot: &Boot) -> &'static str;

    /// Calls a C function.
    ///
    /// # Errors
    /// As for [`Machine::call`].
    ///
    /// # Safety
    /// As for [`Machine::call`].
    unsafe fn call(entry: usize, arguments: &[Argument]) -> Result<Returned, Faulted>;

    /// Whether a function that was called is running.
    fn is_call_under_way() -> bool;

    /// Makes the innermost call return that its function has faulted.
    ///
    /// # Safety
    /// As for [`Machine::abandon_call`].
    unsafe fn abandon_call() -> !;

    /// The machine code of a C function that returns `value`.
    fn returning(value: usize) -> impl AsRef<[u8]>;
}

impl<P: Processor> Machine for Pc<P> {
    type Arch = P::Arch;

    const MODULE_REGION: RangeInclusive<u64> = P::MODULE_REGION;

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
        serial::put_byte(byte);
    }

    fn get_byte() -> Option<u8> {
        serial::get_byte()
    }

    fn exit(outcome: Outcome) -> ! {
        exit::exit(outcome)
    }

    fn protect_kernel(boot: &Boot) -> &'static str {
        P::protect_kernel(boot)
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
        unsafe { _rdtsc() }
    }

    fn start_timer() {
        timer::start();
    }

    fn without_interrupts<R>(what: impl FnOnce() -> R) -> R {
        interrupts::off(what)
    }

    fn sync_code(_range: Range<usize>) {
        // Instruction fetch sees all earlier writes once a jump has been made.
    }

    unsafe fn call(entry: usize, arguments: &[Argument]) -> Result<Returned, Faulted> {
        // SAFETY: the caller's promise.
        unsafe { P::call(entry, arguments) }
    }

    fn is_call_under_way() -> bool {
        P::is_call_under_way()
    }

    unsafe fn abandon_call() -> ! {
        // SAFETY: the caller's promise.
        unsafe { P::abandon_call() }
    }

    fn returning(value: usize) -> impl AsRef<[u8]> {
        P::returning(value)
    }
}
