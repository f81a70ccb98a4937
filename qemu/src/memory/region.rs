//! The addresses at which modules are put, and the pages behind them.

use super::frames::Frames;
use crate::machine::{Access, Machine, This};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Range, RangeInclusive};
use spin::Mutex;

const PAGE: usize = This::PAGE_SIZE;

/// The region and the frames that have been set aside for it, once the machine has given them.
static REGION: Mutex<Option<Region>> = Mutex::new(None);

struct Region {
    free: Vec<Range<usize>>,
    frames: Frames,
}

/// A run of pages in the module region, mapped to memory of its own; given back when dropped.
///
/// A page that is never mapped follows, so that whoever runs over the end faults.
#[derive(Debug)]
pub struct Pages {
    range: Range<usize>,
    frames: Vec<usize>,
}

/// Why there are no pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPages {
    /// Too little memory is left.
    Memory,
    /// No free addresses lie between those asked for.
    Addresses,
}

/// Sets memory aside for modules: `frames` are physical addresses of unused pages.
pub fn give(frames: Range<usize>) {
    *REGION.lock() =
        Some(Region { free: vec![This::MODULE_REGION], frames: Frames::new(frames, PAGE) });
}

/// Memory for modules that is left, in bytes.
pub fn left() -> usize {
    REGION.lock().as_ref().map_or(0, |region| region.frames.left() * PAGE)
}

impl Pages {
    /// Takes whole pages for `size` bytes at a multiple of `align`, all of them in `window`.
    /// They are readable and writable; what is in them is whatever was there before.
    ///
    /// # Errors
    /// [`NoPages`] if there are none; nothing is taken then.
    pub fn take(
        size: usize,
        align: usize,
        window: &RangeInclusive<usize>,
    ) -> Result<Self, NoPages> {
        let size = size.checked_next_multiple_of(PAGE).ok_or(NoPages::Memory)?;
        let mut region = REGION.lock();
        let region = region.as_mut().ok_or(NoPages::Memory)?;
        if region.frames.left() < size / PAGE {
            return Err(NoPages::Memory);
        }
        let start = region.reserve(size, align.max(PAGE), window).ok_or(NoPages::Addresses)?;
        let frames: Vec<usize> = (0..size / PAGE).filter_map(|_| region.frames.take()).collect();
        let pages = Self { range: start..start + size, frames };
        for (index, &frame) in pages.frames.iter().enumerate() {
            // SAFETY: the addresses were just reserved and the frames taken; both are ours alone.
            unsafe { This::map(start + index * PAGE, frame) }
        }
        Ok(pages)
    }

    /// The addresses.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What is in them.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the pages are mapped readable for as long as `self` lives.
        unsafe { core::slice::from_raw_parts(self.range.start as *const u8, self.range.len()) }
    }

    /// What is in them, to be written. Faults where [`protect`](Self::protect) forbade it.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the pages are mapped for as long as `self` lives and borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.range.start as *mut u8, self.range.len()) }
    }

    /// Changes what may be done with the pages in `range`, in bytes from the start. `None` if
    /// `range` is not made of whole pages of these.
    pub fn protect(&self, range: Range<usize>, access: Access) -> Option<()> {
        let whole = range.start.is_multiple_of(PAGE) && range.end.is_multiple_of(PAGE);
        if !whole || range.start > range.end || range.end > self.range.len() {
            return None;
        }
        let start = self.range.start;
        for page in range.clone().step_by(PAGE) {
            // SAFETY: `take` mapped this page. Taking an access away is what the caller wants.
            unsafe { This::protect(start + page, access) }
        }
        if access == Access::Execute {
            This::sync_code(start + range.start..start + range.end);
        }
        Some(())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        for page in self.range.clone().step_by(PAGE) {
            // SAFETY: `take` mapped it, and whoever used it has dropped it.
            unsafe { This::unmap(page) }
        }
        if let Some(region) = REGION.lock().as_mut() {
            self.frames.drain(..).for_each(|frame| region.frames.give_back(frame));
            region.release(self.range.start..self.range.end + PAGE);
        }
    }
}

impl Region {
    /// Finds `size` free bytes and one page more, lowest address first, and takes them.
    fn reserve(
        &mut self,
        size: usize,
        align: usize,
        window: &RangeInclusive<usize>,
    ) -> Option<usize> {
        let (index, start) = self.free.iter().enumerate().find_map(|(index, free)| {
            let start = free.start.max(*window.start()).checked_next_multiple_of(align)?;
            let last = start.checked_add(size)?.checked_sub(1)?;
            let fits = last <= *window.end() && last.checked_add(PAGE)? < free.end;
            fits.then_some((index, start))
        })?;
        let free = self.free[index].clone();
        let rest = [free.start..start, start + size + PAGE..free.end];
        self.free.splice(index..=index, rest.into_iter().filter(|range| !range.is_empty()));
        Some(start)
    }

    /// Gives addresses back, and joins them with free ones next to them.
    fn release(&mut self, range: Range<usize>) {
        let index = self.free.partition_point(|free| free.start < range.start);
        self.free.insert(index, range);
        self.free.dedup_by(|next, previous| {
            let touch = previous.end == next.start;
            if touch {
                previous.end = next.end;
            }
            touch
        });
    }
}
