//! Memory for modules, mapped once and used again for each.
//!
//! It lies below 2 GiB, so that the loaders that link for the address at which they write can
//! give their modules' 32-bit fields, signed or not, any address in it.

use anyhow::{Result, bail};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Between these addresses it may lie; programs have their own code elsewhere.
const LOWEST: usize = 0x1000_0000;
const HIGHEST: usize = 1 << 31;
/// How far apart the places are that are tried.
const STEP: usize = 16 << 20;
const PAGE: usize = 4096;

/// The memory.
#[derive(Debug)]
pub struct Arena {
    start: usize,
    size: usize,
    used: AtomicUsize,
}

impl Arena {
    /// Maps `size` bytes and touches every page, so that no load pays for a page fault.
    ///
    /// # Errors
    /// If there is none below 2 GiB.
    pub fn map(size: usize) -> Result<Self> {
        let Some(start) = (LOWEST..HIGHEST - size).step_by(STEP).find_map(|at| map_at(at, size))
        else {
            bail!("no {size} bytes of memory below 2 GiB");
        };
        // SAFETY: these bytes have just been mapped.
        unsafe { start.write_bytes(0xa5, size) };
        Ok(Self { start: start.expose_provenance(), size, used: AtomicUsize::new(0) })
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

    /// All that has been taken since the last reset.
    ///
    /// # Safety
    /// Nobody else uses what was taken while the slice is used.
    #[expect(clippy::mut_from_ref, reason = "the arena hands out parts of itself")]
    pub unsafe fn contents(&self) -> &mut [u8] {
        let start = std::ptr::with_exposed_provenance_mut(self.start);
        // SAFETY: these bytes are mapped, and the caller promises that they are free.
        unsafe { std::slice::from_raw_parts_mut(start, self.used.load(Ordering::Relaxed)) }
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

/// Maps memory at this address, unless something else is there.
fn map_at(address: usize, size: usize) -> Option<*mut u8> {
    let wanted = std::ptr::without_provenance_mut(address);
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a mapping of its own; without MAP_FIXED no other is touched.
    let start = unsafe { libc::mmap(wanted, size, protection, flags, -1, 0) };
    if start == wanted {
        return Some(start.cast());
    }
    if start != libc::MAP_FAILED {
        // SAFETY: it has just been mapped, and nobody uses it.
        unsafe { libc::munmap(start, size) };
    }
    None
}
