//! How much memory modules have.

use crate::stubs;
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

/// What modules have now: all that is in the module region but the stubs.
pub fn now() -> Usage {
    let (bytes, blocks) = (BYTES.load(Ordering::Relaxed), BLOCKS.load(Ordering::Relaxed));
    let mut usage = Usage { bytes, blocks };
    stubs::for_each(|_, pages| {
        usage.bytes -= pages.len();
        usage.blocks -= 1;
    });
    usage
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
