//! Which addresses of a region are taken.
//!
//! A bit stands for each page. A block takes its pages and the one after them, the guard; the first
//! page of the region belongs to nobody. Bits are set and cleared without a lock, so that it does
//! not matter what a thread is doing when it is interrupted, nor who else looks for addresses.

use super::bits;
use crate::platform::memory::{AllocateError, MemoryRequest};
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::hint::spin_loop;
use core::num::NonZero;
use core::ops::{Range, RangeInclusive};
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};

/// How often a search is done again because others, who may have to give up, are in its way: for
/// longer than one of them is likely to be interrupted, and not for ever.
const ATTEMPTS: usize = 1 << 20;

/// The pages of a region, and which of them are taken.
#[derive(Debug)]
pub struct Taken {
    /// The numbers of the pages: their addresses in units of the page size.
    pages: Range<usize>,
    page_size: NonZero<usize>,
    /// A bit for each page, from the heap when they are first needed.
    bits: AtomicPtr<AtomicUsize>,
    /// How many reservations are setting bits now, which they may have to clear again.
    reserving: AtomicUsize,
    /// How often bits have been cleared because others of the same reservation were set already.
    undone: AtomicUsize,
}

/// Addresses that are taken until it is dropped.
#[must_use = "dropping it frees the addresses"]
#[derive(Debug)]
pub struct Addresses<'r> {
    taken: &'r Taken,
    bits: &'r [AtomicUsize],
    /// Bit numbers, that of the guard included.
    run: Range<usize>,
}

/// What is asked for, in pages.
struct Request {
    /// The guard included.
    count: usize,
    align: usize,
}

impl Taken {
    pub const fn new(addresses: RangeInclusive<u64>, page_size: NonZero<usize>) -> Self {
        let size = page_size.get() as u64;
        let (first, last) = (*addresses.start(), *addresses.end());
        let highest = usize::MAX as u64;
        let last = if last < highest { last } else { highest };
        // The page after the last that is all in it.
        let end = match (last.checked_add(1), highest.checked_div(size)) {
            (Some(end), _) => end.checked_div(size),
            // The address space ends where a page does.
            (None, Some(last_page)) => last_page.checked_add(1),
            (None, None) => None,
        };
        let pages = match (first.div_ceil(size), end) {
            (start, Some(end)) if start < end => start as usize..end as usize,
            _ => 0..0,
        };
        Self {
            pages,
            page_size,
            bits: AtomicPtr::new(ptr::null_mut()),
            reserving: AtomicUsize::new(0),
            undone: AtomicUsize::new(0),
        }
    }

    /// The addresses of the whole region.
    pub fn addresses(&self) -> RangeInclusive<u64> {
        let Range { start, end } = self.pages;
        let first = |page: usize| (page as u64).wrapping_mul(self.page_size.get() as u64);
        match start < end {
            true => first(start)..=first(end).wrapping_sub(1),
            // There is none.
            false => RangeInclusive::new(1, 0),
        }
    }

    /// Takes the lowest addresses that suit.
    pub fn reserve(&self, request: &MemoryRequest) -> Result<Addresses<'_>, AllocateError> {
        let (first, last) = (*request.window.start(), *request.window.end());
        let page = self.page_size.get() as u64;
        let count = usize::try_from(request.size.div_ceil(page).max(1).saturating_add(1));
        let align = usize::try_from(request.align.checked_div(page).unwrap_or(1).max(1));
        let (Ok(count), Ok(align)) = (count, align) else { return Err(AllocateError::Exhausted) };
        let request = Request { count, align };

        let bits = self.bits().ok_or(AllocateError::Exhausted)?;
        // The first page that is all in the window, and the one after the last that is.
        let start = first.div_ceil(page);
        let end = match last.checked_add(1) {
            Some(end) => end.checked_div(page).unwrap_or(0),
            None => u64::MAX,
        };
        let window = self.bit_of(start)..self.bit_of(end);
        if let Some(run) = self.take(bits, &request, &window) {
            return Ok(Addresses { taken: self, bits, run });
        }
        let elsewhere = self.find(bits, &request, &(0..self.pages.len()));
        Err(if elsewhere.is_some() { AllocateError::OutOfReach } else { AllocateError::Exhausted })
    }

    /// Takes the lowest pages in the window that suit, and their guard.
    fn take(
        &self,
        bits: &[AtomicUsize],
        request: &Request,
        window: &Range<usize>,
    ) -> Option<Range<usize>> {
        for _ in 0..ATTEMPTS {
            let undone = self.undone.load(SeqCst);
            while let Some(run) = self.find(bits, request, window) {
                self.reserving.fetch_add(1, SeqCst);
                let done = bits::set(bits, &run, &self.undone);
                self.reserving.fetch_sub(1, SeqCst);
                if done {
                    return Some(run);
                }
            }
            // Bits that were seen set may be those of somebody who had to clear them again.
            let quiet = self.reserving.load(SeqCst) == 0 && self.undone.load(SeqCst) == undone;
            if quiet {
                break;
            }
            spin_loop();
        }
        None
    }

    /// The lowest pages in the window that suit and are free now, and their guard.
    fn find(
        &self,
        bits: &[AtomicUsize],
        request: &Request,
        window: &Range<usize>,
    ) -> Option<Range<usize>> {
        let Request { count, align } = *request;
        // The first page stays free: what lies before the region is somebody else's.
        let mut from = window.start.max(1);
        loop {
            let page = self.pages.start.checked_add(from)?.checked_next_multiple_of(align)?;
            let start = page.checked_sub(self.pages.start)?;
            let end = start.checked_add(count)?;
            let last = end.checked_sub(1)?;
            if last > window.end || end > self.pages.len() {
                return None;
            }
            match bits::last_set(bits, &(start..end)) {
                None => return Some(start..end),
                Some(taken) => from = bits::first_clear(bits, &(taken..self.pages.len()))?,
            }
        }
    }

    /// The number of a page's bit, or of the nearest page of the region.
    fn bit_of(&self, page: u64) -> usize {
        let offset = page.saturating_sub(self.pages.start as u64);
        usize::try_from(offset).map_or(self.pages.len(), |offset| offset.min(self.pages.len()))
    }

    /// The bits, all clear at first; `None` if the heap has no room for them.
    fn bits(&self) -> Option<&[AtomicUsize]> {
        let mut start = self.bits.load(SeqCst);
        if start.is_null() {
            let layout = self.layout().filter(|layout| layout.size() > 0)?;
            // SAFETY: the layout is not empty.
            let new = unsafe { alloc_zeroed(layout) }.cast::<AtomicUsize>();
            if new.is_null() {
                return None;
            }
            start = match self.bits.compare_exchange(ptr::null_mut(), new, SeqCst, SeqCst) {
                Ok(_) => new,
                Err(first) => {
                    // SAFETY: it came from the heap just now, with this layout, and nobody knows it.
                    unsafe { dealloc(new.cast(), layout) };
                    first
                }
            };
        }
        // SAFETY: as many words, zeros at first, which stay for as long as `self` lives.
        Some(unsafe { slice::from_raw_parts(start, bits::words(self.pages.len())) })
    }

    fn layout(&self) -> Option<Layout> {
        Layout::array::<AtomicUsize>(bits::words(self.pages.len())).ok()
    }

    fn to_addresses(&self, pages: &Range<usize>) -> Range<usize> {
        let size = self.page_size.get();
        pages.start.wrapping_mul(size)..pages.end.wrapping_mul(size)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let start = *self.bits.get_mut();
        if let Some(layout) = self.layout().filter(|_| !start.is_null()) {
            // SAFETY: it came from the heap with this layout, and nobody borrows it.
            unsafe { dealloc(start.cast(), layout) }
        }
    }
}

impl Addresses<'_> {
    /// The addresses of the block's pages, without the guard.
    pub fn pages(&self) -> Range<usize> {
        let first = self.taken.pages.start;
        let (start, guard) = (self.run.start, self.run.end.saturating_sub(1));
        self.taken.to_addresses(&(first.wrapping_add(start)..first.wrapping_add(guard)))
    }
}

impl Drop for Addresses<'_> {
    fn drop(&mut self) {
        bits::clear(self.bits, &self.run);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::platform::Purpose;
    use core::sync::atomic::AtomicBool;
    use std::thread;

    #[test]
    fn pages_that_somebody_takes_and_gives_up_again_can_be_had() {
        let rounds = if cfg!(miri) { 20 } else { 20_000 };
        let taken = Taken::new(0..=199, NonZero::<usize>::MIN);
        let bits = taken.bits().unwrap();
        // Whoever wants all of two words fails at the second, having set the first.
        assert!(bits::set(bits, &(100..101), &taken.undone));
        let (both, first) = (1..110, 1..=62);
        let request = MemoryRequest { size: 60, align: 1, window: first, purpose: Purpose::Core };
        let stop = AtomicBool::new(false);
        thread::scope(|threads| {
            threads.spawn(|| {
                while !stop.load(SeqCst) {
                    taken.reserving.fetch_add(1, SeqCst);
                    assert!(!bits::set(bits, &both, &taken.undone));
                    taken.reserving.fetch_sub(1, SeqCst);
                }
            });
            let rejected = (0..rounds).find_map(|_| taken.reserve(&request).err());
            stop.store(true, SeqCst);
            assert_eq!(rejected, None);
        });
    }
}
