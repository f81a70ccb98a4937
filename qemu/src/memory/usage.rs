//! How much memory modules have.

use core::sync::atomic::{AtomicUsize, Ordering};

static BYTES: AtomicUsize = AtomicUsize::new(0);
static BLOCKS: AtomicUsize = AtomicUsize::new(0);

/// The memory that modules have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes, in whole pages.
    pub bytes: usize,
    /// Blocks of memory.
    pub blocks: usize,
}

/// What modules have now.
pub fn now() -> Usage {
    Usage { bytes: BYTES.load(Ordering::Relaxed), blocks: BLOCKS.load(Ordering::Relaxed) }
}

/// A block that is counted for as long as this value lives.
#[derive(Debug)]
pub struct Counted(usize);

impl Counted {
    /// Counts a block of that many bytes.
    pub fn new(bytes: usize) -> Self {
        BYTES.fetch_add(bytes, Ordering::Relaxed);
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        Self(bytes)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        BYTES.fetch_sub(self.0, Ordering::Relaxed);
        BLOCKS.fetch_sub(1, Ordering::Relaxed);
    }
}
