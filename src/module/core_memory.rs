//! What a module has of memory while it is loaded.

use super::memory::read_only_after_init;
use crate::link::Layout;
use crate::platform::{ModuleMemory, ProtectError, ProtectedMemory, Protection};
use crate::sync::{AtomicBool, Ordering};
use core::num::NonZeroU32;
use core::ops::Range;

/// The memory of the core part, which dropping it frees, and where the init part is. An init part
/// that has memory of its own belongs to the load.
#[must_use = "dropping it frees the core part"]
#[derive(Debug)]
pub(crate) struct CoreMemory<M> {
    pub(crate) memory: M,
    pub(crate) size: u32,
    pub(crate) init_size: u32,
    /// The address of the init part, whether or not it is still there.
    pub(crate) init: u64,
    /// Whether both parts are one block, so that the init part stays.
    pub(crate) contiguous: bool,
    init_is_freed: AtomicBool,
}

impl<M: ModuleMemory> CoreMemory<M> {
    /// That of a core part of `size` bytes, beside an init part with memory of its own.
    pub fn apart(memory: M, size: u32, init: u64, init_size: u32) -> Self {
        let init_is_freed = AtomicBool::new(false);
        Self { memory, size, init_size, init, contiguous: false, init_is_freed }
    }

    /// That of both parts in one block, the init part after the `size` bytes of the core part.
    pub fn contiguous(memory: M, size: u32, init_size: u32) -> Self {
        let init = memory.address().wrapping_add(size.into());
        Self { contiguous: true, ..Self::apart(memory, size, init, init_size) }
    }

    /// The same once `pages` of the memory of the core part are protected and the others are
    /// writable.
    pub fn protect(
        self,
        pages: &[(Range<usize>, Protection)],
    ) -> Result<CoreMemory<M::Protected>, ProtectError> {
        let Self { memory, size, init_size, init, contiguous, init_is_freed } = self;
        let memory = memory.protect(pages)?;
        Ok(CoreMemory { memory, size, init_size, init, contiguous, init_is_freed })
    }
}

impl<M: ProtectedMemory> CoreMemory<M> {
    /// Makes read-only what of the core part only the module's init function may change.
    pub fn protect_after_init(&self, core: &Layout, page: u64) -> Result<(), ProtectError> {
        read_only_after_init(core, page).try_for_each(|pages| self.memory.make_read_only(pages))
    }

    /// Frees the init part's own memory, if it has any.
    pub fn free_init(&self, memory: Option<M>) {
        if memory.is_some() {
            self.init_is_freed.store(true, Ordering::Release);
        }
        drop(memory);
    }

    /// The offset of an address in the core part, which is less than 4 GiB long, plus 1.
    pub fn offset_plus_1(&self, address: u64) -> Option<NonZeroU32> {
        NonZeroU32::new(address.wrapping_sub(self.memory.address()).wrapping_add(1) as u32)
    }

    pub fn range(&self) -> Range<u64> {
        range(self.memory.address(), self.size)
    }

    /// The addresses of the init part while it is there. Takes no lock, so that a fault handler
    /// can ask.
    pub fn init_range(&self) -> Option<Range<u64>> {
        let is_there = self.init_size != 0 && !self.init_is_freed.load(Ordering::Acquire);
        is_there.then(|| range(self.init, self.init_size))
    }
}

fn range(start: u64, size: u32) -> Range<u64> {
    start..start.saturating_add(size.into())
}
