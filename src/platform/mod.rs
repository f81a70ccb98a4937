//! What an embedding kernel implements: the only door from the loader to the machine.
//!
//! Everything else in the crate is arithmetic on bytes. Memory and its protection, caches, calls
//! into module code, the calling process with its credentials, memory and files, and the log are
//! reached through [`Platform`] alone.

mod memory;
pub mod region;

pub use memory::{
    AllocateError, MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory, Protection, Purpose,
    ReadOnlyPages,
};
pub use region::Region;

use crate::arch::Arch;
use crate::module::Module;
use crate::symbols::Symbol;
use core::fmt;
use core::ops::RangeInclusive;

/// The kernel that the loader is part of.
///
/// # Safety
/// The loader runs module code in memory that [`allocate`](Platform::allocate) returned, and lets
/// modules call the addresses that [`symbol`](Platform::symbol) returned. An implementation
/// promises that this memory is used by nobody else until it is dropped, and that these addresses
/// stay what they are said to be for as long as the platform lives.
pub unsafe trait Platform: Send + Sync + Sized + 'static {
    /// The architecture whose modules this kernel runs.
    type Arch: Arch;
    /// Memory that holds a module, or its init part: [`region::Memory`], or a type of its own.
    type Memory: ModuleMemory;
    /// A file from which a module is read; dropping it closes it.
    type File: ModuleFile;

    /// The granularity of memory protection in bytes, a power of two.
    const PAGE_SIZE: u64;

    /// The most memory in bytes that one module may ask for, in whole pages.
    const MAX_MODULE_SIZE: u64 = 64 << 20;

    /// The strictest alignment in bytes that a section of a module may ask for.
    const MAX_ALIGN: u64 = 2 << 20;

    /// The addresses between which the kernel's exported code and data lie, last one included.
    fn kernel(&self) -> RangeInclusive<u64>;

    /// The addresses, last one included, at which modules may lie: by default those that the
    /// architecture's code model has for them.
    ///
    /// Of these the loader asks for addresses from which every byte of [`kernel`](Self::kernel) is
    /// within [`Arch::REACH`]. Distances wrap around the end of the address space, as instructions
    /// compute them: modules in the topmost 2 GiB reach a kernel at 2 MiB.
    fn module_range(&self) -> RangeInclusive<u64> {
        Self::Arch::ADDRESSES
    }

    /// Finds room for a module. A [`Region`] can. Called by a load with nothing of the crate's held,
    /// so that it may sleep and allocate: once for each part, and again for each further window.
    ///
    /// # Errors
    /// [`AllocateError::OutOfReach`] if there is memory but none in `request.window`,
    /// [`AllocateError::Exhausted`] if there is none at all.
    fn allocate(&self, request: &MemoryRequest) -> Result<Self::Memory, AllocateError>;

    /// The kernel's own exported symbol of that name.
    fn symbol(&self, name: &[u8]) -> Option<Symbol<'_>>;

    /// Calls a function `int f(void)` of a module, in the kernel's C calling convention.
    ///
    /// # Safety
    /// `entry` is the address of such a function in a module whose memory is executable and whose
    /// relocations have all been applied.
    unsafe fn call_init(&self, entry: u64) -> i32;

    /// Calls a function `void f(void)` of a module, in the kernel's C calling convention.
    ///
    /// # Safety
    /// As for [`call_init`](Platform::call_init); nothing uses the module any more.
    unsafe fn call_exit(&self, entry: u64);

    /// Whether the calling process may load and remove modules (Linux: `CAP_SYS_MODULE`).
    fn may_manage_modules(&self) -> bool;

    /// The names of modules that may not be loaded, separated by commas (Linux: the boot parameter
    /// `module_blacklist`). A name has to be the module's own, byte for byte. Asked once a load, with
    /// no lock held.
    fn denied_modules(&self) -> &str {
        ""
    }

    /// Copies bytes from the calling process, from the address `from` on.
    ///
    /// # Errors
    /// [`Fault`] if any of them cannot be read.
    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), Fault>;

    /// Opens the file behind a descriptor of the calling process for reading a module from it.
    ///
    /// # Errors
    /// The first of [`OpenError`]'s variants that is true of the descriptor.
    fn open(&self, descriptor: i32) -> Result<Self::File, OpenError>;

    /// What the kernel does about a kind of section that the loader leaves to it: one whose
    /// [treatment](crate::image::Treatment) is `Refused` or `Reported`, by its name in the table
    /// ([`KnownSection::name`](crate::image::KnownSection::name)). Asked for each such section of a
    /// load, with no lock held.
    fn section(&self, name: &str) -> Provision {
        let _ = name;
        Provision::Missing
    }

    /// Writes one line to the kernel's log.
    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        let _ = (level, line);
    }

    /// Is told when a module enters a state, before anything else happens in it (Linux: the
    /// module notifier chain).
    fn notify(&self, event: Event, module: &Module<Self>) {
        let _ = (event, module);
    }
}

/// A module's memory once the module may run.
pub(crate) type Protected<P> = <<P as Platform>::Memory as ModuleMemory>::Protected;

/// A file from which a module is read. It cannot be written while this value lives.
pub trait ModuleFile {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Fills `to` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`ReadError`] if they cannot all be read.
    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), ReadError>;

    /// All its bytes, if the kernel has them in memory, where nobody writes them: that spares
    /// clearing the room that they are read to.
    fn contents(&self) -> Option<&[u8]> {
        None
    }
}

/// Whether the kernel does what a kind of section asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provision {
    /// It does not. A module that would go wrong without it is refused.
    Missing,
    /// It does not, and accepts what a module then lacks, or does wrong. That the section is
    /// ignored is said when a module with one is loaded.
    LossAccepted,
    /// It does, when it is [notified](Platform::notify) of the module.
    Provided,
}

/// What has become of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is linked and protected, and about to be started.
    Coming,
    /// It has started; its init memory is still there.
    Live,
    /// Its init memory has been given back.
    Settled,
    /// It is about to be stopped, or its start has failed.
    Going,
}

/// How important a line in the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A request was refused.
    Error,
    /// Something is unusual.
    Warning,
    /// For the curious.
    Info,
}

/// An address of the calling process cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// A file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError;

/// A descriptor does not lead to a file that a module can be read from. In this order Linux
/// finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The process has no such descriptor open, or not for reading.
    BadDescriptor,
    /// It is not a regular file.
    NotRegular,
    /// Somebody has it open for writing.
    OpenForWriting,
}
