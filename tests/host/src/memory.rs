//! Memory for modules, with addresses of their architecture and watched protections.

use crate::context::needs_a_thread;
use crate::failures::{Failures, Operation};
use crate::guarded::Guarded;
use crate::snapshot::BlockRow;
use crate::trace::Step;
use crate::user::PAGE;
use modlink::platform::{
    AllocateError, MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory, Protection, Purpose,
    ReadOnlyPages,
};
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

/// What new memory holds, so that bytes which the loader forgets to clear are seen.
const GARBAGE: u8 = 0xa5;

/// A page's protection does not allow an access of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAllowed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// Readable and writable, and not protected yet.
    Fresh,
    Protected(Protection),
}

/// All memory for modules.
#[derive(Debug)]
pub(crate) struct Memory {
    pub failures: Arc<Failures>,
    pub trace: Arc<Mutex<Vec<Step>>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    core: Vec<RangeInclusive<u64>>,
    init: Vec<RangeInclusive<u64>>,
    contiguous: Vec<RangeInclusive<u64>>,
    ignores_window: bool,
    requests: Vec<MemoryRequest>,
    blocks: BTreeMap<u64, Arc<Block>>,
}

#[derive(Debug)]
struct Block {
    address: u64,
    request: MemoryRequest,
    bytes: Guarded,
    pages: Mutex<Vec<Page>>,
}

// SAFETY: `bytes` is written through `HostMemory::bytes_mut`, which has the only handle, and once
// that is a `HostProtected` through `Memory::write`, which holds the lock on `pages` and writes only
// pages that nothing gets a reference to.
unsafe impl Sync for Block {}

/// Memory that holds a module, or its init part, while it is linked.
#[derive(Debug)]
pub struct HostMemory(Held);

/// Memory of a module that may run.
#[derive(Debug)]
pub struct HostProtected {
    held: Held,
    read_only: ReadOnlyPages,
}

/// What frees a block when it is dropped.
#[derive(Debug)]
struct Held {
    memory: Arc<Memory>,
    block: Arc<Block>,
}

impl Memory {
    pub fn new(
        region: RangeInclusive<u64>,
        failures: Arc<Failures>,
        trace: Arc<Mutex<Vec<Step>>>,
    ) -> Self {
        Self {
            failures,
            trace,
            state: Mutex::new(State {
                core: vec![region.clone()],
                init: vec![region.clone()],
                contiguous: vec![region],
                ignores_window: false,
                requests: Vec::new(),
                blocks: BTreeMap::new(),
            }),
        }
    }

    pub fn set_room(&self, purpose: Purpose, ranges: Vec<RangeInclusive<u64>>) {
        *self.state.lock().unwrap().room_mut(purpose) = ranges;
    }

    pub fn ignore_window(&self) {
        self.state.lock().unwrap().ignores_window = true;
    }

    pub fn requests(&self) -> Vec<MemoryRequest> {
        self.state.lock().unwrap().requests.clone()
    }

    pub fn rows(&self) -> Vec<BlockRow> {
        let state = self.state.lock().unwrap();
        let row = |block: &Arc<Block>| BlockRow {
            address: block.address,
            size: block.request.size,
            purpose: block.request.purpose,
        };
        state.blocks.values().map(row).collect()
    }

    pub fn allocate(
        self: &Arc<Self>,
        request: &MemoryRequest,
    ) -> Result<HostMemory, AllocateError> {
        assert!(
            request.size != 0 && request.size.is_multiple_of(PAGE),
            "{request:x?}: not a number of pages"
        );
        assert!(
            request.align.is_power_of_two() && request.align >= PAGE,
            "{request:x?}: not an alignment"
        );
        let mut state = self.state.lock().unwrap();
        state.requests.push(request.clone());
        if self.failures.strikes(Operation::Allocate) {
            return Err(AllocateError::Exhausted);
        }
        let address = state.find_room(request)?;
        let block = Arc::new(Block {
            address,
            request: request.clone(),
            bytes: Guarded::new(request.size as usize, GARBAGE),
            pages: Mutex::new(vec![Page::Fresh; (request.size / PAGE) as usize]),
        });
        state.blocks.insert(address, block.clone());
        self.note(Step::Allocated(request.purpose));
        Ok(HostMemory(Held { memory: self.clone(), block }))
    }

    /// Reads as a module's instructions would.
    pub fn read(&self, address: u64, length: usize) -> Result<Vec<u8>, NotAllowed> {
        let (block, range) = self.find(address, length)?;
        let _no_writer = block.pages.lock().unwrap();
        let bytes = &block.bytes[range];
        // SAFETY: `UnsafeCell<u8>` has the layout of `u8`; modules that write wait for `pages`, and
        // the loader wrote before they ran.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), bytes.len()) };
        Ok(bytes.to_vec())
    }

    /// Writes as a module's instructions would.
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), NotAllowed> {
        let (block, range) = self.find(address, bytes.len())?;
        let pages = block.pages.lock().unwrap();
        assert!(!pages.contains(&Page::Fresh), "a module does not write before it runs");
        let writable = |page: &Page| *page == Page::Protected(Protection::ReadWrite);
        if !pages[touched(&range)].iter().all(writable) {
            return Err(NotAllowed);
        }
        for (cell, byte) in block.bytes[range].iter().zip(bytes) {
            // SAFETY: the page is writable and the module runs, so that the loader has no
            // reference to its bytes; other writers wait for `pages`.
            unsafe { *cell.get() = *byte };
        }
        Ok(())
    }

    /// What may be done at an address; `None` if there is no memory.
    pub fn protection(&self, address: u64) -> Option<Protection> {
        let (block, range) = self.find(address, 1).ok()?;
        let pages = block.pages.lock().unwrap();
        Some(match pages[range.start / PAGE as usize] {
            Page::Fresh => Protection::ReadWrite,
            Page::Protected(protection) => protection,
        })
    }

    fn find(&self, address: u64, length: usize) -> Result<(Arc<Block>, Range<usize>), NotAllowed> {
        let state = self.state.lock().unwrap();
        let (start, block) = state.blocks.range(..=address).next_back().ok_or(NotAllowed)?;
        let offset = (address - start) as usize;
        let range = offset..offset + length;
        if range.end > block.bytes.len() {
            return Err(NotAllowed);
        }
        Ok((block.clone(), range))
    }

    fn note(&self, step: Step) {
        self.trace.lock().unwrap().push(step);
    }
}

impl State {
    fn room_mut(&mut self, purpose: Purpose) -> &mut Vec<RangeInclusive<u64>> {
        match purpose {
            Purpose::Core => &mut self.core,
            Purpose::Init => &mut self.init,
            Purpose::Contiguous => &mut self.contiguous,
        }
    }

    fn find_room(&mut self, request: &MemoryRequest) -> Result<u64, AllocateError> {
        let room = self.room_mut(request.purpose).clone();
        let anywhere = 0..=u64::MAX;
        let window = if self.ignores_window { &anywhere } else { &request.window };
        let lowest = |window: &RangeInclusive<u64>| {
            room.iter().find_map(|range| self.first_fit(range, window, request))
        };
        match lowest(window) {
            Some(address) => Ok(address),
            None if lowest(&anywhere).is_some() => Err(AllocateError::OutOfReach),
            None => Err(AllocateError::Exhausted),
        }
    }

    /// The lowest address in both ranges that has room, with an unused page after every block.
    fn first_fit(
        &self,
        range: &RangeInclusive<u64>,
        window: &RangeInclusive<u64>,
        request: &MemoryRequest,
    ) -> Option<u64> {
        let first = *range.start().max(window.start());
        let last = *range.end().min(window.end());
        let mut address = first.checked_next_multiple_of(request.align)?;
        for block in self.blocks.values() {
            let end = address.checked_add(request.size)?;
            let after = block.address + block.request.size + PAGE;
            if end < block.address || after <= address {
                continue;
            }
            address = after.checked_next_multiple_of(request.align)?;
        }
        let block_last = address.checked_add(request.size - 1)?;
        (block_last <= last).then_some(address)
    }
}

// SAFETY: the bytes are one allocation of the size that was requested, which has this address in
// the model and no other user.
unsafe impl ModuleMemory for HostMemory {
    type Protected = HostProtected;

    const PAGE_SIZE: u64 = PAGE;

    fn address(&self) -> u64 {
        self.0.block.address
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = &self.0.block.bytes;
        // SAFETY: `UnsafeCell<u8>` has the layout of `u8`; this handle is the only one and is
        // borrowed for as long as the slice lives; modules write only when pages are protected.
        unsafe { std::slice::from_raw_parts_mut(bytes.as_ptr() as *mut u8, bytes.len()) }
    }

    fn protect(self, pages: &[(Range<usize>, Protection)]) -> Result<HostProtected, ProtectError> {
        let Self(held) = self;
        let starts = pages.iter().skip(1).map(|(run, _)| run.start);
        assert!(
            pages.iter().zip(starts).all(|((run, _), next)| run.end <= next),
            "{pages:x?} do not ascend"
        );
        for (run, protection) in pages {
            held.protect(run, *protection)?;
        }
        // What is between them is as it should be, and no less protected.
        for page in held.block.pages.lock().unwrap().iter_mut() {
            if *page == Page::Fresh {
                *page = Page::Protected(Protection::ReadWrite);
            }
        }
        Ok(HostProtected { held, read_only: ReadOnlyPages::of(pages) })
    }
}

// SAFETY: the bytes stay where they are. `Memory::write` writes to no page that is read-only.
unsafe impl ProtectedMemory for HostProtected {
    fn address(&self) -> u64 {
        self.held.block.address
    }

    fn read_only(&self, range: Range<usize>) -> Option<&[u8]> {
        if range.end > self.held.block.bytes.len() {
            return None;
        }
        assert!(
            range.is_empty() || self.read_only.contain(&range),
            "the loader relies on bytes that the module can change"
        );
        let bytes = &self.held.block.bytes[range];
        // SAFETY: `UnsafeCell<u8>` has the layout of `u8`, and nobody writes these bytes: their
        // pages are read-only and stay so. Those around them are cells, of which this slice has none.
        Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), bytes.len()) })
    }

    fn data(&self, range: Range<usize>) -> Option<NonNull<u8>> {
        if range.start > range.end || range.end > self.held.block.bytes.len() {
            return None;
        }
        let pages = self.held.block.pages.lock().unwrap();
        let is_data = |index: usize, page: &Page| match page {
            Page::Protected(Protection::ReadWrite) => true,
            // Since the init function has returned.
            Page::Protected(Protection::ReadOnly) => {
                let start = index * PAGE as usize;
                !self.read_only.contain(&(start..start + 1))
            }
            Page::Fresh | Page::Protected(Protection::Execute) => false,
        };
        for (index, page) in pages.iter().enumerate().skip(range.start / PAGE as usize) {
            if index * PAGE as usize >= range.end {
                break;
            }
            assert!(is_data(index, page), "{range:x?}: page {index} is {page:?} and no data");
        }
        NonNull::new(self.held.block.bytes[range].as_ptr() as *mut u8)
    }

    fn make_read_only(&self, pages: Range<usize>) -> Result<(), ProtectError> {
        self.held.protect(&pages, Protection::ReadOnly)
    }
}

impl Held {
    fn protect(&self, run: &Range<usize>, protection: Protection) -> Result<(), ProtectError> {
        needs_a_thread("protecting memory");
        let page = PAGE as usize;
        assert!(
            run.start < run.end
                && run.start.is_multiple_of(page)
                && run.end.is_multiple_of(page)
                && run.end <= self.block.bytes.len(),
            "{run:x?} are not pages of a block of {:#x} bytes",
            self.block.bytes.len()
        );
        let purpose = self.block.request.purpose;
        if self.memory.failures.strikes(Operation::Protect) {
            return Err(ProtectError);
        }
        for page in &mut self.block.pages.lock().unwrap()[touched(run)] {
            assert!(
                matches!(page, Page::Fresh | Page::Protected(Protection::ReadWrite)),
                "{run:x?} of {purpose:?} is {page:?} already and becomes {protection:?}"
            );
            *page = Page::Protected(protection);
        }
        self.memory.note(Step::Protected(purpose, protection));
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        needs_a_thread("giving memory back");
        let mut state = self.memory.state.lock().unwrap();
        let removed = state.blocks.remove(&self.block.address);
        assert!(removed.is_some(), "memory is freed twice");
        drop(state);
        let purpose = self.block.request.purpose;
        self.memory.note(Step::Freed(purpose));
    }
}

/// The indices of the pages that a range of bytes touches.
fn touched(range: &Range<usize>) -> Range<usize> {
    let page = PAGE as usize;
    range.start / page..range.end.div_ceil(page)
}
