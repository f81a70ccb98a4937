//! Physical pages for modules.

use alloc::vec::Vec;
use core::ops::Range;

/// Physical pages that nobody uses.
#[derive(Debug)]
pub struct Frames {
    never_used: Range<usize>,
    given_back: Vec<usize>,
    page_size: usize,
}

impl Frames {
    /// All pages in `range`, which are physical addresses of whole pages.
    pub const fn new(range: Range<usize>, page_size: usize) -> Self {
        Self { never_used: range, given_back: Vec::new(), page_size }
    }

    /// How many pages are left.
    pub fn left(&self) -> usize {
        self.never_used.len() / self.page_size + self.given_back.len()
    }

    /// Takes one page; its physical address.
    pub fn take(&mut self) -> Option<usize> {
        if let Some(frame) = self.given_back.pop() {
            return Some(frame);
        }
        let frame = self.never_used.start;
        if self.never_used.len() < self.page_size {
            return None;
        }
        self.never_used.start += self.page_size;
        Some(frame)
    }

    /// Gives one page back.
    pub fn give_back(&mut self, frame: usize) {
        self.given_back.push(frame);
    }
}
