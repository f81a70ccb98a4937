//! A ready allocator of module memory, for kernels that have pages to give.
//!
//! A [`Region`] hands out the addresses of a range and keeps what [`ModuleMemory`] promises: no page
//! is writable and executable, a page that is never mapped lies before and after each block, and
//! dropping a block frees all of it. Of the kernel it asks three operations, [`Pages`].
//!
//! # Contexts
//! A region has no lock, so that none of the operations is called with anything of the crate's
//! held, and each may sleep and come back to the region.
//!
//! | | heap | calls | from |
//! |---|---|---|---|
//! | [`Region::new`], [`pages`](Region::pages), [`addresses`](Region::addresses), [`Memory`]'s `address`, `bytes_mut` | no | nothing | anywhere |
//! | [`Region::allocate`] | a bit for each page of the range, once | [`Pages::map`], [`Stale::flush`] | where those may be called |
//! | [`Memory`]'s `protect` | no | [`Pages::protect`], [`Stale::flush`]; if it fails as dropping | where those may be called |
//! | [`Protected`]'s `address`, `read_only` | no | nothing | anywhere |
//! | [`Protected`]'s `make_read_only` | no | [`Pages::protect`], [`Stale::flush`] | where those may be called |
//! | dropping [`Memory`] or [`Protected`] | no | [`Pages::unmap`], [`Stale::flush`], drop of [`Pages::Frames`] | where those may be called |
//!
//! The loader does all of that during a load or an unload, on the thread that asked for it.
//!
//! # Who vouches for what
//! Who implements [`Pages`], that what it maps is memory of its own. Who calls [`Region::new`], that
//! nobody else maps anything there. The region, for all that [`ModuleMemory`] and
//! [`ProtectedMemory`] promise. Who runs what is in a block, which takes `unsafe`, that the block is
//! not dropped meanwhile, nor made read-only where the code still writes: the loader does.
//!
//! ```
//! use core::ops::Range;
//! use modlink::platform::Protection;
//! use modlink::platform::region::{MapError, Mapped, Pages, Region, Stale};
//! # mod paging {
//! #     use core::ops::Range;
//! #     use modlink::platform::Protection;
//! #     pub struct Frame;
//! #     pub fn map_to_any_frame(_: usize) -> Option<Frame> { Some(Frame) }
//! #     pub fn set(_: usize, _: Protection) {}
//! #     pub fn clear(_: usize) {}
//! #     pub fn shoot_down(_: Range<usize>) {}
//! # }
//!
//! struct KernelPages;
//!
//! // SAFETY: `paging` gives a frame to one user at a time and changes no page but the one it is
//! // told; a `Frame` is free again when it is dropped.
//! unsafe impl Pages for KernelPages {
//!     const SIZE: usize = 4096;
//!     type Frames = Vec<paging::Frame>;
//!
//!     unsafe fn map(&self, pages: Range<usize>) -> Result<(Mapped<Self::Frames>, Stale), MapError> {
//!         let mut frames = Vec::new();
//!         frames.try_reserve_exact(pages.len() / Self::SIZE).map_err(|_| MapError)?;
//!         for page in pages.clone().step_by(Self::SIZE) {
//!             match paging::map_to_any_frame(page) {
//!                 Some(frame) => frames.push(frame),
//!                 None => {
//!                     (pages.start..page).step_by(Self::SIZE).for_each(paging::clear);
//!                     paging::shoot_down(pages.start..page);
//!                     return Err(MapError);
//!                 }
//!             }
//!         }
//!         // No CPU remembers that a page was not mapped.
//!         Ok((Mapped::in_place(pages.start, frames), Stale::nothing()))
//!     }
//!
//!     unsafe fn protect(
//!         &self,
//!         pages: Range<usize>,
//!         _: &Self::Frames,
//!         protection: Protection,
//!     ) -> Result<Stale, modlink::platform::ProtectError> {
//!         pages.clone().step_by(Self::SIZE).for_each(|page| paging::set(page, protection));
//!         Ok(Stale::new(pages, paging::shoot_down))
//!     }
//!
//!     unsafe fn unmap(&self, pages: Range<usize>, _: &Self::Frames) -> Stale {
//!         pages.clone().step_by(Self::SIZE).for_each(paging::clear);
//!         Stale::new(pages, paging::shoot_down)
//!     }
//! }
//!
//! // What `Platform::allocate` returns memory of; its type is `region::Memory<'static, KernelPages>`.
//! // SAFETY: nothing else of the kernel uses these addresses.
//! static MODULES: Region<KernelPages> =
//!     unsafe { Region::new(KernelPages, 0xffff_ffff_c000_0000..=0xffff_ffff_feff_ffff) };
//! ```

mod addresses;
mod bits;
mod stale;

pub use stale::Stale;

use super::memory::{
    AllocateError, MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory, Protection,
    ReadOnlyPages, page_size,
};
use addresses::{Addresses, Taken};
use core::fmt;
use core::num::NonZero;
use core::ops::{Range, RangeInclusive};
use core::ptr::{self, NonNull};
use core::slice;

/// What a [`Region`] asks of a kernel: pages at addresses of the region.
///
/// `pages` are always addresses of whole pages, from the first byte to the end of the last, and never
/// none. The operations may be called on any CPU, several at once for different pages.
///
/// # Safety
/// An implementation promises that what it maps is memory with no other user, until its
/// [`Frames`](Self::Frames) are dropped; that it changes no other page; and that no CPU uses an
/// older mapping of a page once the [`Stale`] of a change has been flushed.
pub unsafe trait Pages: Send + Sync {
    /// Bytes in a page, a power of two: also the [`ModuleMemory::PAGE_SIZE`] of the region's memory.
    const SIZE: usize;

    /// The memory behind mapped pages. Dropping it, when nothing maps it any more, makes it free.
    type Frames: Send + Sync;

    /// Maps unused memory at `pages`, so that it can be written and not be run; or, with a writable
    /// alias elsewhere, in any way that does not let it be written and run at `pages`.
    ///
    /// # Errors
    /// [`MapError`] if there is not enough. Nothing is mapped then, nor remembered by any CPU.
    ///
    /// # Safety
    /// `pages` are in the region and not mapped.
    unsafe fn map(&self, pages: Range<usize>) -> Result<(Mapped<Self::Frames>, Stale), MapError>;

    /// Changes what may be done with some or all of the pages that `frames` are mapped at, and for
    /// [`Protection::Execute`] makes what was written there visible to instruction fetch.
    ///
    /// Every page of a block goes through this once, before anything in it runs; pages that have
    /// been writable since may become [`Protection::ReadOnly`] later. A writable alias of them is
    /// not used any more, and what is not [`Protection::ReadWrite`] must not be writable through
    /// any.
    ///
    /// # Errors
    /// [`ProtectError`] if it cannot be done.
    ///
    /// # Safety
    /// `pages` are mapped to `frames`, and nothing relies on an access that this takes away.
    unsafe fn protect(
        &self,
        pages: Range<usize>,
        frames: &Self::Frames,
        protection: Protection,
    ) -> Result<Stale, ProtectError>;

    /// Removes the mapping of all pages that `frames` are mapped at, aliases included.
    ///
    /// # Safety
    /// `pages` are mapped to `frames`, and nothing uses what is there any more.
    unsafe fn unmap(&self, pages: Range<usize>, frames: &Self::Frames) -> Stale;
}

/// Memory that has been mapped.
#[must_use = "the pages stay mapped, and dropping it frees the memory behind them"]
#[derive(Debug)]
pub struct Mapped<F> {
    written: NonNull<u8>,
    seen: NonNull<u8>,
    frames: F,
}

/// There is no memory to map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapError;

impl<F> Mapped<F> {
    /// Memory that is written where the module sees it, from the address `start` on.
    pub fn in_place(start: usize, frames: F) -> Self {
        let start = ptr::with_exposed_provenance_mut(start);
        // A region never maps the page at address 0.
        let start = NonNull::new(start).unwrap_or(NonNull::dangling());
        Self { written: start, seen: start, frames }
    }

    /// Memory that is written at `written` until it is protected, and at `seen` read once it is
    /// [`Protection::ReadOnly`], and read and written where it stays [`Protection::ReadWrite`]: both are the first byte, and may have other addresses than those
    /// at which the module sees it.
    pub const fn through(written: NonNull<u8>, seen: NonNull<u8>, frames: F) -> Self {
        Self { written, seen, frames }
    }
}

/// A range of addresses, of which it gives blocks to modules.
pub struct Region<P: Pages> {
    pages: P,
    taken: Taken,
}

impl<P: Pages> Region<P> {
    /// A region of the whole pages among these addresses. Its first page and the one after each block
    /// are never mapped. Addresses that a pointer of the kernel cannot hold are none: one of 32 bits says
    /// `0xf000_0000`, and not that with its sign extended.
    ///
    /// # Safety
    /// As long as there is the region or memory of it, nobody else maps or uses any of these
    /// addresses; page 0 is not among them.
    pub const unsafe fn new(pages: P, addresses: RangeInclusive<u64>) -> Self {
        let page_size = match NonZero::new(page_size::<Memory<'_, P>>() as usize) {
            Some(size) => size,
            // Zero is no power of two.
            None => NonZero::<usize>::MIN,
        };
        Self { pages, taken: Taken::new(addresses, page_size) }
    }

    /// The kernel's pages.
    pub fn pages(&self) -> &P {
        &self.pages
    }

    /// The addresses of all that it may give, for [`Platform::module_range`](super::Platform::module_range).
    pub fn addresses(&self) -> RangeInclusive<u64> {
        self.taken.addresses()
    }

    /// Memory as it is asked for, at the lowest address that there is. What it holds is whatever
    /// [`Pages::map`] left there.
    ///
    /// # Errors
    /// [`AllocateError::OutOfReach`] if there is none in the window, [`AllocateError::Exhausted`]
    /// if there is none elsewhere either, or the heap is.
    pub fn allocate(&self, request: &MemoryRequest) -> Result<Memory<'_, P>, AllocateError> {
        let addresses = self.taken.reserve(request)?;
        let pages = addresses.pages();
        // SAFETY: the addresses have just been reserved for this block alone.
        let mapped = unsafe { self.pages.map(pages) };
        let (Mapped { written, seen, frames }, stale) =
            mapped.map_err(|_| AllocateError::Exhausted)?;
        stale.flush();
        Ok(Memory(Block { region: self, written, seen, frames, addresses }))
    }
}

impl<P: Pages> fmt::Debug for Region<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

/// Memory of a region that nobody but its owner has.
#[must_use = "dropping it unmaps and frees the memory"]
pub struct Memory<'r, P: Pages>(Block<'r, P>);

/// Memory of a region that a module runs in.
#[must_use = "dropping it unmaps and frees the memory"]
pub struct Protected<'r, P: Pages> {
    block: Block<'r, P>,
    read_only: ReadOnlyPages,
}

/// Pages that are mapped. Dropping it unmaps them, and frees the frames and then the addresses.
struct Block<'r, P: Pages> {
    region: &'r Region<P>,
    written: NonNull<u8>,
    seen: NonNull<u8>,
    frames: P::Frames,
    addresses: Addresses<'r>,
}

// SAFETY: the pointers are to memory of the block's own; who may read and write it when is what
// `Memory` and `Protected` are about, on whatever CPU they are.
unsafe impl<P: Pages> Send for Block<'_, P> {}
// SAFETY: as above.
unsafe impl<P: Pages> Sync for Block<'_, P> {}

impl<P: Pages> Block<'_, P> {
    fn address(&self) -> u64 {
        self.addresses.pages().start as u64
    }

    fn len(&self) -> usize {
        self.addresses.pages().len()
    }

    /// Protects `pages`, in bytes from the start.
    fn protect(&self, pages: Range<usize>, protection: Protection) -> Result<(), ProtectError> {
        let whole = pages.start & P::SIZE.wrapping_sub(1) == 0
            && pages.end & P::SIZE.wrapping_sub(1) == 0
            && pages.start <= pages.end
            && pages.end <= self.len();
        if !whole {
            return Err(ProtectError);
        }
        if pages.is_empty() {
            return Ok(());
        }
        let start = self.addresses.pages().start;
        let pages = start.wrapping_add(pages.start)..start.wrapping_add(pages.end);
        // SAFETY: the pages are this block's. What may be done with them changes when nobody but
        // the owner has them, or from writable to read-only.
        unsafe { self.region.pages.protect(pages, &self.frames, protection) }?.flush();
        Ok(())
    }
}

impl<P: Pages> Drop for Block<'_, P> {
    fn drop(&mut self) {
        // SAFETY: the owner is done with it. The frames and the addresses are freed after
        // this, when no CPU reaches the frames any more.
        unsafe { self.region.pages.unmap(self.addresses.pages(), &self.frames) }.flush();
    }
}

impl<P: Pages> fmt::Debug for Block<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("pages", &self.addresses.pages()).finish_non_exhaustive()
    }
}

impl<P: Pages> fmt::Debug for Memory<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Memory").field(&self.0).finish()
    }
}

impl<P: Pages> fmt::Debug for Protected<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Protected").field(&self.block).finish()
    }
}

// SAFETY: the pages stay mapped to the same memory until the block is dropped, which `Pages`
// promises that nobody else uses; where the module runs they are mapped to the same memory.
unsafe impl<'r, P: Pages> ModuleMemory for Memory<'r, P> {
    type Protected = Protected<'r, P>;

    const PAGE_SIZE: u64 = P::SIZE as u64;

    fn address(&self) -> u64 {
        self.0.address()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: all of them are mapped writable; `self` is borrowed for as long as the slice
        // lives, and nobody else has them before `protect` consumes it.
        unsafe { slice::from_raw_parts_mut(self.0.written.as_ptr(), self.0.len()) }
    }

    fn protect(
        self,
        pages: &[(Range<usize>, Protection)],
    ) -> Result<Protected<'r, P>, ProtectError> {
        let Self(block) = self;
        let mut done = 0;
        for (run, protection) in pages {
            // Rejects what does not ascend, since no page comes before the first.
            block.protect(done..run.start, Protection::ReadWrite)?;
            block.protect(run.clone(), *protection)?;
            done = run.end;
        }
        block.protect(done..block.len(), Protection::ReadWrite)?;
        Ok(Protected { block, read_only: ReadOnlyPages::of(pages) })
    }
}

// SAFETY: the block stays as it is until it is dropped. What is read-only at first stays so: pages
// only ever lose the right to be written.
unsafe impl<P: Pages> ProtectedMemory for Protected<'_, P> {
    fn address(&self) -> u64 {
        self.block.address()
    }

    fn read_only(&self, range: Range<usize>) -> Option<&[u8]> {
        if !self.read_only.contain(&range) {
            return None;
        }
        // SAFETY: these bytes, of pages of this block, are readable and cannot be written for as
        // long as it lives. The slice is of them alone.
        unsafe {
            let start = self.block.seen.as_ptr().add(range.start);
            Some(slice::from_raw_parts(start, range.len()))
        }
    }

    fn data(&self, range: Range<usize>) -> Option<NonNull<u8>> {
        if range.start > range.end || range.end > self.block.len() {
            return None;
        }
        // SAFETY: it is within the block, which is mapped there until it is dropped.
        Some(unsafe { self.block.seen.add(range.start) })
    }

    fn make_read_only(&self, pages: Range<usize>) -> Result<(), ProtectError> {
        self.block.protect(pages, Protection::ReadOnly)
    }
}

#[cfg(test)]
mod tests;
