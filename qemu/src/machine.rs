//! What an architecture folder gives to the rest of the kernel.
//!
//! An architecture's start code sets up a stack, finds out what memory there is, and calls
//! [`crate::start`] with a [`Boot`]; from then on the kernel reaches the machine through
//! [`Machine`]. A fault that nobody expected is handed to [`crate::fault::report`].

use core::ops::{Range, RangeInclusive};
use modlink::platform::{Faulted, Protection};

#[cfg(target_arch = "x86")]
pub type This = crate::x86::pc::Pc<crate::i386::I386>;
#[cfg(target_arch = "m68k")]
pub use crate::m68k::M68k as This;
#[cfg(target_arch = "x86_64")]
pub type This = crate::x86::pc::Pc<crate::x86_64::X86_64>;

/// What the start code found.
pub struct Boot {
    /// The kernel's command line; copied before [`Machine::protect_kernel`] is called.
    pub command_line: &'static [u8],
    /// The initial RAM disk, empty if there is none. It stays readable for ever.
    pub initrd: &'static [u8],
    /// Memory for the heap: addresses at which the kernel reads and writes it.
    pub heap: Range<usize>,
    /// Memory for modules: physical addresses of whole pages that nothing else uses.
    pub module_frames: Range<usize>,
}

/// An argument of a C function that the console calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A pointer or an integer of at most a register's width.
    Word(usize),
    /// A 64-bit integer.
    Wide(u64),
}

/// What a C function left in the registers: its type, which nobody knows, decides what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The result of a function that returns an integer of at most a register's width. Of a
    /// narrower one only the low bits mean anything.
    pub word: usize,
    /// The result of a function that returns a 64-bit integer.
    pub wide: u64,
}

/// A page that can be reached, as the page tables have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its address.
    pub page: usize,
    /// The physical address behind it.
    pub frame: u64,
    /// Whether the kernel can write to it.
    pub writable: bool,
    /// Whether the kernel can run it.
    pub executable: bool,
}

/// How the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything that was asked for came out right.
    Success,
    /// A script failed, the kernel panicked, or something faulted.
    Failure,
}

/// The machine that the kernel runs on. There is one, so nothing takes `self`.
pub trait Machine {
    /// What the loader has to know of the architecture.
    type Arch: modlink::arch::Arch;

    /// The smallest unit of memory protection in bytes.
    const PAGE_SIZE: usize = 4096;

    /// The addresses at which modules are put: within the reach of the kernel's branches, whole
    /// pages, and nothing mapped there until [`map`](Self::map) does it.
    const MODULE_REGION: RangeInclusive<u64>;

    /// The addresses of the kernel's own code and data.
    fn kernel() -> RangeInclusive<usize>;

    /// What of that is code.
    fn text() -> Range<usize>;

    /// What of that is constants.
    fn rodata() -> Range<usize>;

    /// The address of the page below the kernel's stack, which is never mapped.
    fn stack_guard() -> usize;

    /// Sends a byte down the serial line, waiting until it is accepted.
    fn put_byte(byte: u8);

    /// A byte that has arrived on the serial line, if there is one.
    fn get_byte() -> Option<u8>;

    /// Ends the run: QEMU exits, and its exit status tells the outcome.
    fn exit(outcome: Outcome) -> !;

    /// Gives the kernel its final page tables: text that cannot be written, constants that cannot
    /// be written or run, data that cannot be run, no mapping of `boot.module_frames` at all, as
    /// far as the machine can. Called once, when the heap works. Returns in a few words what is
    /// enforced, for the boot messages.
    fn protect_kernel(boot: &Boot) -> &'static str;

    /// Maps `page` of the module region to the physical page `frame`: readable, writable, not
    /// executable. The processor sees that once it has been told to [`forget`](Self::forget).
    ///
    /// # Safety
    /// `page` is in the module region and not mapped; `frame` is used by nothing else.
    unsafe fn map(page: usize, frame: usize);

    /// Removes the mapping of `page`, which the processor remembers until it has to
    /// [`forget`](Self::forget) it.
    ///
    /// # Safety
    /// `page` was mapped by [`map`](Self::map), and nothing uses what is there any more.
    unsafe fn unmap(page: usize);

    /// Changes what may be done with `page`. The processor goes by what it remembers until it has
    /// to [`forget`](Self::forget) it.
    ///
    /// # Safety
    /// `page` was mapped by [`map`](Self::map); nothing relies on an access that this takes away.
    unsafe fn protect(page: usize, protection: Protection);

    /// Makes the processor forget what it remembers of the pages in `pages`, and see what the page
    /// tables say now.
    fn forget(pages: Range<usize>);

    /// Calls `visit` for each page that is mapped, lowest address first. Reads the page tables that
    /// the processor uses, as it does, and nothing that the kernel remembers of them.
    fn for_each_mapping(visit: impl FnMut(Mapping));

    /// Whether the processor can keep a page from being run, and does.
    fn forbids_execution() -> bool;

    /// What the clock says: nanoseconds on m68k, ticks of the processor's time stamp counter on
    /// x86. Under QEMU's `-icount shift=0` either is the number of instructions that have run.
    fn clock() -> u64;

    /// Makes the timer interrupt, from now on, [`RATE`](crate::timer::RATE) times a second what
    /// runs, for [`tick`](crate::timer::tick). Called once.
    fn start_timer();

    /// Runs `what` with interrupts off; then they are as they were.
    fn without_interrupts<R>(what: impl FnOnce() -> R) -> R;

    /// Makes what was written to `range` visible to instruction fetch.
    fn sync_code(range: Range<usize>);

    /// Calls a C function in the calling convention that modules of this architecture use.
    ///
    /// # Errors
    /// It has faulted, and [`abandon_call`](Self::abandon_call) was called.
    ///
    /// # Safety
    /// There is such a function at `entry`, and it may be called with these arguments.
    unsafe fn call(entry: usize, arguments: &[Argument]) -> Result<Returned, Faulted>;

    /// Whether a function that was [called](Self::call) is running.
    fn is_call_under_way() -> bool;

    /// Makes the innermost [`call`](Self::call) return that its function has faulted, with interrupts as they
    /// were when it was called.
    ///
    /// # Safety
    /// There is [one](Self::is_call_under_way), and nothing that was called since has to go on.
    unsafe fn abandon_call() -> !;

    /// The machine code of a C function without arguments that returns `value`, be it an integer
    /// or a pointer, in the convention of [`call`](Self::call).
    fn returning(value: usize) -> impl AsRef<[u8]>;
}
