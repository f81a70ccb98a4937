//! A kernel whose part of a load takes next to nothing of the stack.

use crate::stack::depth;
use modlink::arch::{Arch, Class};
use modlink::platform::{
    AllocateError, Faulted, Level, MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory,
    Protection, Provision, Purpose, Refusal,
};
use modlink::symbols::{KsymtabError, Symbol};
use modlink::{Loader, Platform};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: u64 = 4096;

/// The kernel: memory from the heap at addresses that go up, exports that are searched for, and
/// modules that are not run.
#[derive(Debug)]
pub struct SparseKernel<A> {
    /// Their names, sorted.
    exports: Vec<Vec<u8>>,
    next: AtomicU64,
    arch: PhantomData<A>,
}

/// Memory of a module.
#[derive(Debug)]
pub struct SparseMemory {
    bytes: NonNull<u8>,
    layout: Layout,
    address: u64,
}

impl<A: Arch> SparseKernel<A> {
    /// A loader in a kernel that exports these symbols.
    pub fn boot(exports: impl IntoIterator<Item = String>) -> Loader<Self> {
        let mut exports: Vec<Vec<u8>> = exports.into_iter().map(String::into_bytes).collect();
        exports.sort_unstable();
        Loader::new(Self { exports, next: AtomicU64::new(range::<A>().1), arch: PhantomData })
    }

    /// The most bytes of stack that its own methods take.
    pub(crate) fn depth(&self) -> usize {
        let request =
            MemoryRequest { size: PAGE, align: PAGE, window: 0..=u64::MAX, purpose: Purpose::Core };
        let (memory, allocate) = depth(|| self.allocate(&request));
        let (_, free) = depth(|| drop(memory));
        let last = self.exports.last().map_or(&b""[..], Vec::as_slice);
        let (_, symbol) = depth(|| self.symbol(last).is_ok_and(|found| found.is_some()));
        allocate.max(free).max(symbol)
    }
}

/// The first addresses of the kernel and of modules.
fn range<A: Arch>() -> (u64, u64) {
    match A::CLASS {
        Class::Elf64 => (0xffff_ffff_8100_0000, 0xffff_ffff_c000_0000),
        Class::Elf32 => (0xc010_0000, 0xf800_0000),
    }
}

// SAFETY: the memory belongs to this value alone.
unsafe impl Send for SparseMemory {}
// SAFETY: it is changed through a mutable reference only.
unsafe impl Sync for SparseMemory {}

// SAFETY: the bytes are this value's own.
unsafe impl ModuleMemory for SparseMemory {
    type Protected = Self;

    const PAGE_SIZE: u64 = PAGE;

    fn address(&self) -> u64 {
        self.address
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the bytes were allocated.
        unsafe { std::slice::from_raw_parts_mut(self.bytes.as_ptr(), self.layout.size()) }
    }

    fn protect(self, _: &[(Range<usize>, Protection)]) -> Result<Self, ProtectError> {
        Ok(self)
    }
}

// SAFETY: the bytes are this value's own, and no module runs: nobody writes them any more.
unsafe impl ProtectedMemory for SparseMemory {
    fn address(&self) -> u64 {
        self.address
    }

    fn read_only(&self, range: Range<usize>) -> Option<&[u8]> {
        if range.start > range.end || range.end > self.layout.size() {
            return None;
        }
        // SAFETY: these bytes were allocated.
        Some(unsafe {
            std::slice::from_raw_parts(self.bytes.as_ptr().add(range.start), range.len())
        })
    }

    fn data(&self, range: Range<usize>) -> Option<NonNull<u8>> {
        if range.start > range.end || range.end > self.layout.size() {
            return None;
        }
        // SAFETY: these bytes were allocated.
        Some(unsafe { self.bytes.add(range.start) })
    }

    fn make_read_only(&self, _: Range<usize>) -> Result<(), ProtectError> {
        Ok(())
    }
}

impl Drop for SparseMemory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.bytes.as_ptr(), self.layout) }
    }
}

// SAFETY: no module runs, and memory has one owner.
unsafe impl<A: Arch> Platform for SparseKernel<A> {
    type Arch = A;
    type Memory = SparseMemory;

    fn kernel(&self) -> RangeInclusive<u64> {
        let start = range::<A>().0;
        start..=start + 0x1ff_ffff
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<SparseMemory, AllocateError> {
        let size = request.size.next_multiple_of(PAGE);
        let mut address = self.next.load(Ordering::Relaxed).next_multiple_of(request.align);
        if !request.window.contains(&(address + size - 1)) {
            address = range::<A>().1;
        }
        self.next.store(address + size, Ordering::Relaxed);
        let layout = Layout::from_size_align(size as usize, PAGE as usize);
        let layout = layout.map_err(|_| AllocateError::Exhausted)?;
        // SAFETY: the loader asks for some bytes.
        let bytes = NonNull::new(unsafe { alloc_zeroed(layout) });
        let bytes = bytes.ok_or(AllocateError::Exhausted)?;
        Ok(SparseMemory { bytes, layout, address })
    }

    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        let (mut low, mut high) = (0, self.exports.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.exports[middle].as_slice() < name {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let found = self.exports.get(low).filter(|found| found.as_slice() == name);
        let address = range::<A>().0 + 16 * low as u64;
        Ok(found.map(|name| Symbol::new(name, address)))
    }

    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    /// Discards it: to write it would take some of the stack.
    fn log(&self, _: Level, _: fmt::Arguments<'_>) {}

    unsafe fn call_init(&self, _: u64) -> Result<i32, Faulted> {
        Ok(0)
    }

    unsafe fn call_exit(&self, _: u64) -> Result<(), Faulted> {
        Ok(())
    }

    fn section(&self, _: &str) -> Provision {
        Provision::LossAccepted
    }
}
