//! A region over pages of the heap: nothing is given twice or forgotten, and nobody makes a
//! reference to what a module writes (Miri looks at that).

use super::*;
use crate::platform::Purpose;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{RefCell, UnsafeCell};
use core::ops::RangeInclusive;
use std::sync::Mutex;
use std::{thread, thread_local};

extern crate std;

const PAGE: usize = 0x1000;
/// Where the region's addresses are; no test uses them as pointers.
const START: usize = 0x4000_0000;
const ANYWHERE: RangeInclusive<u64> = 0..=u64::MAX;

/// Pages that are where they are in the heap, and have made-up addresses.
#[derive(Debug, Default)]
struct HeapPages(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mapped: BTreeMap<usize, Protection>,
    frames_left: Option<usize>,
    fail_protection_after: Option<usize>,
}

thread_local! {
    /// What this thread has flushed: each test has a thread of its own.
    static FLUSHED: RefCell<Vec<Range<usize>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes of the heap, of which pages are made.
#[derive(Debug)]
struct Frames {
    bytes: *mut [UnsafeCell<u8>],
    pages: Range<usize>,
}

// SAFETY: the bytes belong to the value; their users agree on who writes.
unsafe impl Send for Frames {}
// SAFETY: as above.
unsafe impl Sync for Frames {}

impl Drop for Frames {
    fn drop(&mut self) {
        let flushed = FLUSHED.with_borrow_mut(|flushed| {
            let found = flushed.iter().rposition(|pages| *pages == self.pages);
            found.map(|index| flushed.swap_remove(index))
        });
        assert!(flushed.is_some(), "{:x?} may be reached yet", self.pages);
        // SAFETY: it was a box, and nobody uses it any more.
        drop(unsafe { Box::from_raw(self.bytes) });
    }
}

fn flush(pages: Range<usize>) {
    FLUSHED.with_borrow_mut(|flushed| flushed.push(pages));
}

fn each(pages: &Range<usize>) -> impl Iterator<Item = usize> {
    assert!(pages.start.is_multiple_of(PAGE) && pages.end.is_multiple_of(PAGE));
    assert!(!pages.is_empty());
    pages.clone().step_by(PAGE)
}

// SAFETY: each block has bytes of its own.
unsafe impl Pages for HeapPages {
    const SIZE: usize = PAGE;
    type Frames = Frames;

    unsafe fn map(&self, pages: Range<usize>) -> Result<(Mapped<Frames>, Stale), MapError> {
        let mut state = self.0.lock().unwrap();
        if let Some(left) = &mut state.frames_left {
            *left = left.checked_sub(pages.len() / PAGE).ok_or(MapError)?;
        }
        for page in each(&pages) {
            assert_eq!(state.mapped.insert(page, Protection::ReadWrite), None, "{page:x} twice");
        }
        let bytes = vec![0xa5_u8; pages.len()].into_boxed_slice();
        let bytes = Box::into_raw(bytes) as *mut [UnsafeCell<u8>];
        let start = NonNull::new(bytes.cast::<u8>()).unwrap();
        Ok((Mapped::through(start, start, Frames { bytes, pages }), Stale::nothing()))
    }

    unsafe fn protect(
        &self,
        pages: Range<usize>,
        _: &Frames,
        protection: Protection,
    ) -> Result<Stale, ProtectError> {
        let mut state = self.0.lock().unwrap();
        if let Some(left) = &mut state.fail_protection_after {
            *left = left.checked_sub(1).ok_or(ProtectError)?;
        }
        for page in each(&pages) {
            let before = state.mapped.insert(page, protection);
            assert_eq!(before, Some(Protection::ReadWrite), "{page:x}");
        }
        Ok(Stale::new(pages, flush))
    }

    unsafe fn unmap(&self, pages: Range<usize>, frames: &Frames) -> Stale {
        assert_eq!(pages, frames.pages);
        let mut state = self.0.lock().unwrap();
        for page in each(&pages) {
            assert!(state.mapped.remove(&page).is_some(), "{page:x} is not mapped");
        }
        Stale::new(pages, flush)
    }
}

fn region_at(addresses: RangeInclusive<u64>) -> Region<HeapPages> {
    // SAFETY: these addresses are made up.
    unsafe { Region::new(HeapPages::default(), addresses) }
}

fn region(pages: usize) -> Region<HeapPages> {
    region_at(page(0)..=page(pages) - 1)
}

fn request(pages: usize, align: usize, window: RangeInclusive<u64>) -> MemoryRequest {
    let (size, align) = ((pages * PAGE) as u64, (align * PAGE) as u64);
    MemoryRequest { size, align, window, purpose: Purpose::Core }
}

/// The address of the page of that number in the region.
fn page(number: usize) -> u64 {
    (START + number * PAGE) as u64
}

fn mapped(region: &Region<HeapPages>) -> Vec<(u64, Protection)> {
    let state = region.pages().0.lock().unwrap();
    state.mapped.iter().map(|(page, protection)| (*page as u64, *protection)).collect()
}

#[test]
fn blocks_lie_apart_with_a_page_before_and_after_each() {
    let region = region(8);
    let take = |pages| region.allocate(&request(pages, 1, ANYWHERE));
    let (first, second) = (take(2).unwrap(), take(2).unwrap());
    assert_eq!((first.address(), second.address()), (page(1), page(4)));
    assert_eq!(take(1).unwrap_err(), AllocateError::Exhausted, "its guard would be outside");
    assert_eq!(mapped(&region).len(), 4);
    drop(first);
    assert_eq!(take(3).unwrap_err(), AllocateError::Exhausted);
    assert_eq!(take(2).unwrap().address(), page(1));
    drop(second);
    assert_eq!(take(6).unwrap().address(), page(1), "all has been freed");
    assert_eq!(mapped(&region), []);
}

#[test]
fn a_block_is_aligned_and_all_in_its_window() {
    let region = region(64);
    let address = |request: MemoryRequest| region.allocate(&request).map(|block| block.address());
    assert_eq!(address(request(2, 16, ANYWHERE)), Ok(page(16)));
    assert_eq!(address(request(2, 1, page(5)..=page(7) - 1)), Ok(page(5)));
    assert_eq!(address(request(2, 1, page(5) - 1..=page(7) - 1)), Ok(page(5)));
    assert_eq!(address(request(2, 1, page(5) + 1..=page(8) - 1)), Ok(page(6)));
    let out_of_reach = Err(AllocateError::OutOfReach);
    assert_eq!(address(request(2, 1, page(5) + 1..=page(7) - 1)), out_of_reach);
    assert_eq!(address(request(2, 1, page(5)..=page(7) - 2)), out_of_reach);
    assert_eq!(address(request(2, 1, 0..=page(2))), out_of_reach, "the first page is a guard");
    assert_eq!(address(request(2, 1, page(64)..=u64::MAX)), out_of_reach);
    assert_eq!(address(request(2, 1, 0..=page(0) - 1)), out_of_reach);
    assert_eq!(address(request(64, 1, ANYWHERE)), Err(AllocateError::Exhausted));
    assert_eq!(address(request(1, 1 << 30, ANYWHERE)), Err(AllocateError::Exhausted));
    let huge = MemoryRequest { size: u64::MAX, ..request(1, 1, ANYWHERE) };
    assert_eq!(address(huge), Err(AllocateError::Exhausted));
    assert_eq!(address(request(62, 1, ANYWHERE)), Ok(page(1)));
}

#[test]
fn a_region_too_small_or_inside_out_has_nothing() {
    let (start, next) = (page(0), page(1));
    let within_one = [0..=0, start + 1..=next - 1, start..=next - 2, start + 1..=next - 2];
    let inside_out = [start..=start - 1, next..=start, RangeInclusive::new(u64::MAX, 0)];
    for addresses in inside_out.into_iter().chain(within_one).chain([start..=next - 1]) {
        let region = region_at(addresses);
        let error = region.allocate(&request(1, 1, ANYWHERE)).unwrap_err();
        assert_eq!(error, AllocateError::Exhausted);
    }
    let (first, last) = (page(0) + 1, page(4) - 2);
    let odd = region_at(first..=last);
    assert_eq!(odd.addresses(), page(1)..=page(3) - 1);
    assert_eq!(odd.allocate(&request(1, 1, ANYWHERE)).unwrap_err(), AllocateError::Exhausted);
    let odd = region_at(first..=last + 1);
    assert_eq!(odd.addresses(), page(1)..=page(4) - 1);
    assert_eq!(odd.allocate(&request(1, 1, ANYWHERE)).unwrap().address(), page(2));
}

#[test]
fn a_region_may_end_where_the_address_space_does() {
    let end = usize::MAX as u64;
    let first = end - 4 * PAGE as u64 + 1;
    for last in [end, u64::MAX] {
        let region = region_at(first..=last);
        assert_eq!(region.addresses(), first..=end);
        let take =
            |pages| region.allocate(&request(pages, 1, ANYWHERE)).map(|block| block.address());
        assert_eq!(take(3), Err(AllocateError::Exhausted), "the last page is a guard");
        assert_eq!(take(2), Ok(first + PAGE as u64));
    }
}

#[test]
fn a_region_with_nothing_has_no_addresses() {
    for addresses in [page(1)..=page(0), page(0) + 1..=page(1) - 1] {
        assert!(region_at(addresses).addresses().is_empty());
    }
}

#[test]
fn pages_that_cannot_be_mapped_leave_their_addresses_free() {
    let region = region(8);
    region.pages().0.lock().unwrap().frames_left = Some(3);
    let take = |pages| region.allocate(&request(pages, 1, ANYWHERE)).map(|block| block.address());
    assert_eq!(take(4), Err(AllocateError::Exhausted));
    assert_eq!(take(3), Ok(page(1)));
}

#[test]
fn every_page_is_protected_as_asked_and_the_others_stay_writable() {
    use Protection::*;
    let region = region(16);
    let memory = region.allocate(&request(6, 1, ANYWHERE)).unwrap();
    let runs = [(0..PAGE, Execute), (2 * PAGE..4 * PAGE, ReadOnly)];
    let block = memory.protect(&runs).unwrap();
    let expected = [Execute, ReadWrite, ReadOnly, ReadOnly, ReadWrite, ReadWrite];
    assert_eq!(
        mapped(&region),
        expected.into_iter().zip(1..).map(|(is, n)| (page(n), is)).collect::<Vec<_>>()
    );
    for run in [PAGE..2 * PAGE, 4 * PAGE..6 * PAGE] {
        let run = START + PAGE + run.start..START + PAGE + run.end;
        assert!(FLUSHED.with_borrow(|flushed| flushed.contains(&run)), "{run:x?} is not flushed");
    }
    block.make_read_only(PAGE..2 * PAGE).unwrap();
    assert_eq!(mapped(&region)[1].1, ReadOnly);
    for wrong in [0..PAGE / 2, 1..PAGE, PAGE..7 * PAGE, 7 * PAGE..8 * PAGE] {
        assert_eq!(block.make_read_only(wrong), Err(ProtectError));
    }
}

#[test]
fn what_cannot_be_protected_is_freed() {
    use Protection::*;
    let wrong: [&[(Range<usize>, Protection)]; 5] = [
        &[(0..PAGE + 1, Execute)],
        &[(1..PAGE, Execute)],
        &[(0..5 * PAGE, ReadOnly)],
        &[(0..2 * PAGE, ReadOnly), (PAGE..3 * PAGE, ReadWrite)],
        &[(2 * PAGE..3 * PAGE, ReadOnly), (0..PAGE, Execute)],
    ];
    let region = region(8);
    let all = || region.allocate(&request(4, 1, ANYWHERE)).unwrap();
    for runs in wrong {
        assert_eq!(all().protect(runs).unwrap_err(), ProtectError, "{runs:x?}");
        assert_eq!(mapped(&region), []);
    }
    for calls in 0..3 {
        region.pages().0.lock().unwrap().fail_protection_after = Some(calls);
        let runs = [(0..PAGE, Execute), (PAGE..2 * PAGE, ReadOnly)];
        assert_eq!(all().protect(&runs).unwrap_err(), ProtectError);
        assert_eq!(mapped(&region), []);
    }
}

#[test]
fn only_what_was_read_only_from_the_start_can_be_borrowed() {
    let region = region(8);
    let mut memory = region.allocate(&request(4, 1, ANYWHERE)).unwrap();
    for (number, byte) in memory.bytes_mut().iter_mut().enumerate() {
        *byte = (number / PAGE) as u8;
    }
    let runs = [(0..PAGE, Protection::Execute), (PAGE..2 * PAGE, Protection::ReadOnly)];
    let block = memory.protect(&runs).unwrap();
    assert_eq!(block.read_only(PAGE..2 * PAGE), Some(&[1; PAGE][..]));
    assert_eq!(block.read_only(2 * PAGE - 1..2 * PAGE), Some(&[1][..]));
    for range in [0..1, PAGE - 1..PAGE + 1, 2 * PAGE - 1..2 * PAGE + 1, 3 * PAGE..3 * PAGE + 1] {
        assert_eq!(block.read_only(range), None);
    }
    #[expect(clippy::reversed_empty_ranges, reason = "it must do no harm")]
    let reversed = PAGE + 1..PAGE;
    assert_eq!(block.read_only(reversed), None);
    block.make_read_only(2 * PAGE..3 * PAGE).unwrap();
    assert_eq!(block.read_only(2 * PAGE..3 * PAGE), None, "the module has written that");
}

/// For Miri: one thread borrows constants while another, the module, writes to the data beside them.
#[test]
fn a_module_writes_while_its_constants_are_borrowed() {
    let region = region(8);
    let mut memory = region.allocate(&request(3, 1, ANYWHERE)).unwrap();
    memory.bytes_mut().fill(7);
    let runs = [(0..PAGE, Protection::ReadOnly)];
    let block = memory.protect(&runs).unwrap();
    let data = Data(block.block.seen);
    thread::scope(|threads| {
        threads.spawn(move || data.write_all(PAGE..3 * PAGE));
        for _ in 0..8 {
            let constants = block.read_only(PAGE - 8..PAGE).unwrap();
            thread::yield_now();
            assert_eq!(constants, [7; 8]);
        }
    });
    let constants = block.read_only(0..8).unwrap();
    Data(block.block.seen).write_all(PAGE..2 * PAGE);
    assert_eq!(constants, [7; 8]);
}

/// Where a module sees its block.
#[derive(Clone, Copy)]
struct Data(NonNull<u8>);

// SAFETY: whoever has it writes where nobody else does.
unsafe impl Send for Data {}

impl Data {
    fn write_all(self, bytes: Range<usize>) {
        for offset in bytes.step_by(64) {
            // SAFETY: the bytes are in writable pages of the block.
            unsafe { self.0.as_ptr().add(offset).write(1) };
            thread::yield_now();
        }
    }
}

/// A small generator of numbers, the same ones each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn whatever_is_asked_for_comes_out_as_in_a_model() {
    const SIZE: usize = 200;
    let rounds = if cfg!(miri) { 30 } else { 20_000 };
    let region = region(SIZE);
    let mut numbers = Numbers(7);
    let mut blocks: Vec<(Range<usize>, Memory<'_, HeapPages>)> = Vec::new();
    for _ in 0..rounds {
        if numbers.below(3) == 0 && !blocks.is_empty() {
            drop(blocks.swap_remove(numbers.below(blocks.len())));
        }
        let (count, align) = (1 + numbers.below(9), 1 << numbers.below(4));
        let (low, more) = (numbers.below(SIZE), numbers.below(SIZE));
        let window = low..(low + more).min(SIZE);
        // What is free, page by page, and the lowest address that suits.
        let free = |page: usize| {
            let taken = |(block, _): &(Range<usize>, _)| block.start <= page && page <= block.end;
            page != 0 && page < SIZE && !blocks.iter().any(taken)
        };
        let suits = |start: &usize| {
            (START / PAGE + start).is_multiple_of(align) && (*start..=start + count).all(free)
        };
        let expected = (window.clone()).find(|start| start + count <= window.end && suits(start));
        let anywhere = (0..SIZE).any(|start| suits(&start));
        let bytes = page(window.start)..=page(window.end) - 1;
        match region.allocate(&request(count, align, bytes)) {
            Ok(memory) => {
                let start = (memory.address() as usize - START) / PAGE;
                assert_eq!(Some(start), expected);
                blocks.push((start..start + count, memory));
            }
            Err(error) => {
                assert_eq!(expected, None);
                let out_of_reach = error == AllocateError::OutOfReach;
                assert_eq!(out_of_reach, anywhere);
            }
        }
    }
    assert!(blocks.len() > 3);
    drop(blocks);
    assert_eq!(region.allocate(&request(SIZE - 2, 1, ANYWHERE)).unwrap().address(), page(1));
}

#[test]
fn threads_get_different_pages_and_everybody_gets_what_is_free() {
    const THREADS: usize = 4;
    // Room for one more, however the blocks of the others lie.
    let region = Arc::new(region(1 + (THREADS - 1) * 71 + THREADS * 70 + 71));
    let rounds = if cfg!(miri) { 2 } else { 2_000 };
    thread::scope(|threads| {
        for thread in 0..THREADS {
            let region = region.clone();
            threads.spawn(move || {
                let mut numbers = Numbers(thread as u64);
                for _ in 0..rounds {
                    let memory = region.allocate(&request(70, 1, ANYWHERE));
                    let mut memory = memory.expect("there is room for all");
                    let byte = numbers.below(255) as u8;
                    memory.bytes_mut()[..64].fill(byte);
                    assert!(memory.bytes_mut()[..64].iter().all(|found| *found == byte));
                }
            });
        }
    });
    assert_eq!(mapped(&region), []);
}
