//! Physical pages for modules.

use alloc::vec::Vec;
use core::ops::Range;

/// Physical pages that nobody uses.
#[derive(Debug)]
pub struct Frames {
    never_used: Range<usize>,
    free: Vec<usize>,
    page_size: usize,
}

impl Frames {
    /// All pages in `range`, which are physical addresses of whole pages.
    pub const fn new(range: Range<usize>, page_size: usize) -> Self {
        Self { never_used: range, free: Vec::new(), page_size }
    }

    /// How many pages are left.
    pub fn left(&self) -> usize {
        self.never_used.len() / self.page_size + self.free.len()
    }

    /// Takes one page; its physical address.
    pub fn take(&mut self) -> Option<usize> {
        if let Some(frame) = self.free.pop() {
            return Some(frame);
        }
        let frame = self.never_used.start;
        if self.never_used.len() < self.page_size {
            return None;
        }
        self.never_used.start += self.page_size;
        Some(frame)
    }

    /// Frees one page.
    pub fn free(&mut self, frame: usize) {
        self.free.push(frame);
    }
}
