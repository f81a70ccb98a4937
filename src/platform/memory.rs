//! Memory for modules: what the loader asks for, and what may be done with it when.
//!
//! A module's memory has two lives, each a type. While the module is linked, [`ModuleMemory`] is
//! bytes that the loader alone has and writes. [`protect`](ModuleMemory::protect) ends that: from
//! then on the module may run, on any CPU, and write what it may write at any time. What is left
//! is [`ProtectedMemory`], of which the loader borrows nothing but what cannot be written.
//!
//! All of [`ModuleMemory`], [`ProtectedMemory::make_read_only`] and dropping either are called by a
//! load, an unload or a reap with nothing of the crate's held: they may sleep and allocate. What a
//! module had may be dropped by another of these than the one that unloaded it. [`ProtectedMemory::address`] and [`ProtectedMemory::read_only`] are called
//! whenever somebody looks a module, a symbol or an address up, wherever that is: in an interrupt
//! too, so that they neither wait nor allocate.

use core::ops::{Range, RangeInclusive};
use core::ptr::NonNull;

/// Memory that holds a module, or its init part, while it is linked. Dropping it frees it.
///
/// It starts readable and writable and not executable. The address at which the module will run
/// may differ from the one at which these bytes are written.
///
/// # Safety
/// An implementation promises that [`bytes_mut`](Self::bytes_mut) is the same memory every time, as
/// long as was requested, and used by nobody else; and that once it is protected, the module sees
/// what was written there at [`address`](Self::address), which stays the same.
pub unsafe trait ModuleMemory: Send + Sync {
    /// What it is once the module may run. A type that keeps the promises of both may be both.
    type Protected: ProtectedMemory;

    /// Bytes in a page, the least that can be protected. Nothing else says it: that it is a power of two
    /// is checked when the kernel is compiled.
    const PAGE_SIZE: u64;

    /// The address at which the module sees the first byte.
    fn address(&self) -> u64;

    /// All bytes.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Protects `pages`: runs of whole pages, none empty, in bytes from the start, ascending and
    /// apart. What lies between them stays [`Protection::ReadWrite`]. Makes what was written to
    /// those that become [`Protection::Execute`] visible to instruction fetch.
    ///
    /// # Errors
    /// [`ProtectError`] if any of them cannot be protected so; all has been freed then.
    fn protect(self, pages: &[(Range<usize>, Protection)])
    -> Result<Self::Protected, ProtectError>;
}

/// Bytes in a page. The kernel does not compile unless it is a power of two.
#[inline]
pub(crate) const fn page_size<M: ModuleMemory>() -> u64 {
    const { assert!(M::PAGE_SIZE.is_power_of_two(), "the size of a page is a power of two") }
    M::PAGE_SIZE
}

/// Memory of a module that may run. Dropping it frees it.
///
/// The module and whoever it gives an address to write to it at any time, so that a reference to
/// its bytes would be undefined behaviour, and whatever it could have written is not to be trusted.
///
/// Running what is there takes `unsafe`. Who does so, the loader as a rule, vouches that the memory
/// is neither dropped meanwhile nor made read-only where the code still writes.
///
/// # Safety
/// An implementation promises that the memory stays as it is and where it is until it is dropped,
/// and that nobody writes to what [`read_only`](Self::read_only) returns.
///
/// [`address`](Self::address) and [`read_only`](Self::read_only) are called in any context, from a
/// fault or an NMI too: they neither wait nor allocate. The other methods, and dropping it, need a
/// thread.
pub unsafe trait ProtectedMemory: Send + Sync {
    /// The address at which the module sees the first byte.
    fn address(&self) -> u64;

    /// The bytes in `range`, from the start, if [`ModuleMemory::protect`] made all of their pages
    /// [`Protection::ReadOnly`]; [`ReadOnlyPages`] can tell. An implementation makes the reference
    /// to these bytes alone: one to the whole memory is wrong even if it is cut at once.
    fn read_only(&self, range: Range<usize>) -> Option<&[u8]>;

    /// A pointer to the bytes in `range`, from the start, if [`ModuleMemory::protect`] left all of their
    /// pages [`Protection::ReadWrite`]. It is for volatile accesses, as the module's own are that runs
    /// meanwhile: reads, and writes unless the pages have been [made
    /// read-only](Self::make_read_only) since, which the loader knows. Asked for where parameters are set
    /// and read (feature `parameters`), which none can be by default.
    fn data(&self, range: Range<usize>) -> Option<NonNull<u8>> {
        let _ = range;
        None
    }

    /// Makes pages that the module could write [`Protection::ReadOnly`], now that its init function
    /// has returned. `pages` are whole pages in bytes from the start.
    ///
    /// # Errors
    /// [`ProtectError`] if they cannot be protected so; the module stays, with a warning.
    fn make_read_only(&self, pages: Range<usize>) -> Result<(), ProtectError>;
}

/// Which pages of a module's memory are [`Protection::ReadOnly`] from before it ran: what an
/// implementation of [`ProtectedMemory::read_only`] has to know. Takes nothing from the heap.
#[derive(Clone, Debug, Default)]
pub struct ReadOnlyPages([Range<u32>; ReadOnlyPages::RUNS]);

impl ReadOnlyPages {
    /// The core part has one run, and an init part in the same block another.
    const RUNS: usize = 2;

    /// Those of the pages that [`ModuleMemory::protect`] is given. Of more than two runs the others
    /// are left out, so that they cannot be read, and so is what lies at 4 GiB or more: a module's
    /// constants are below that.
    pub fn of(pages: &[(Range<usize>, Protection)]) -> Self {
        let runs = pages.iter().filter(|(_, protection)| *protection == Protection::ReadOnly);
        let mut runs = runs.filter_map(|(run, _)| {
            Some(u32::try_from(run.start).ok()?..u32::try_from(run.end).ok()?)
        });
        Self([(); Self::RUNS].map(|()| runs.next().unwrap_or_default()))
    }

    /// Whether `range` lies in one run.
    #[inline]
    pub fn contain(&self, range: &Range<usize>) -> bool {
        let within =
            |run: &Range<u32>| run.start as usize <= range.start && range.end <= run.end as usize;
        range.start <= range.end && self.0.iter().any(within)
    }
}

/// Memory that the loader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRequest {
    /// Bytes, a multiple of the page size, never 0.
    pub size: u64,
    /// What the address must be a multiple of: a power of two, at least the page size.
    pub align: u64,
    /// The addresses between which all of it has to lie. If there are several
    /// such windows, each is asked for until there is room in one.
    pub window: RangeInclusive<u64>,
    /// What it is for.
    pub purpose: Purpose,
}

/// What memory is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What stays for as long as the module is loaded.
    Core,
    /// What is freed once the init function has returned.
    Init,
    /// Both in one block, because they could not be had close enough to each other.
    Contiguous,
}

/// What may be done with a page. There is no page that can be written and run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Read and run.
    Execute,
    /// Read.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// There is no memory for a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocateError {
    /// None is left.
    Exhausted,
    /// None is left in the window.
    OutOfReach,
}

/// Pages could not be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtectError;
