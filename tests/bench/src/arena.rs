//! Memory for modules, mapped once and used again for each.
//!
//! It lies below 2 GiB, so that the loaders that link for the address at which they write can
//! give their modules' 32-bit fields, signed or not, any address in it.

use anyhow::{Result, bail};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where it should lie: a hint that the system follows where nothing else is.
const WANTED: usize = 0x1000_0000;
const PAGE: usize = 4096;

/// The memory.
#[derive(Debug)]
pub struct Arena {
    start: usize,
    size: usize,
    used: AtomicUsize,
}

impl Arena {
    /// Maps so many bytes and touches every page, so that no load pays for a page fault.
    ///
    /// # Errors
    /// If there is none below 2 GiB.
    pub fn map(size: usize) -> Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a mapping of its own; no other memory is touched without MAP_FIXED.
        let start = unsafe {
            libc::mmap(std::ptr::without_provenance_mut(WANTED), size, protection, flags, -1, 0)
        };
        if start == libc::MAP_FAILED || start as usize + size > 1 << 31 {
            bail!("no {size} bytes of memory below 2 GiB");
        }
        // SAFETY: these bytes have just been mapped.
        unsafe { start.cast::<u8>().write_bytes(0xa5, size) };
        Ok(Self { start: start as usize, size, used: AtomicUsize::new(0) })
    }

    /// Takes whole pages whose contents are what the last user left.
    ///
    /// # Panics
    /// If there are none left.
    #[inline]
    pub fn take(&self, size: usize, align: usize) -> *mut u8 {
        let offset = self.used.load(Ordering::Relaxed).next_multiple_of(align.max(PAGE));
        let end = offset + size.next_multiple_of(PAGE);
        assert!(end <= self.size, "a module is larger than the arena");
        self.used.store(end, Ordering::Relaxed);
        std::ptr::with_exposed_provenance_mut(self.start + offset)
    }

    /// How far from the first byte a pointer into it lies.
    pub fn offset(&self, pointer: *const u8) -> usize {
        pointer.addr() - self.start
    }

    /// Makes all of it free again.
    ///
    /// # Safety
    /// Nothing that was taken is used any more.
    pub unsafe fn reset(&self) {
        self.used.store(0, Ordering::Relaxed);
    }
}
