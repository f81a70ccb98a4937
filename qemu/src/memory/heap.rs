//! The kernel's heap.

use crate::context::forbid_in_interrupt;
use core::alloc::{GlobalAlloc, Layout};
use core::ops::Range;
use core::ptr::{self, NonNull};
use linked_list_allocator::Heap;
use spin::Mutex;

struct KernelHeap(Mutex<Heap>);

#[global_allocator]
static HEAP: KernelHeap = KernelHeap(Mutex::new(Heap::empty()));

// SAFETY: the blocks come from `Heap`, which hands out disjoint ones of the layout asked for.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        forbid_in_interrupt("the heap");
        self.0.lock().allocate_first_fit(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        forbid_in_interrupt("the heap");
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller vouches that `block` came from `alloc` with this layout.
            unsafe { self.0.lock().deallocate(block, layout) }
        }
    }
}

/// Gives the heap its memory.
///
/// # Safety
/// Called once; `range` is readable and writable for ever and used by nothing else.
pub unsafe fn give(range: Range<usize>) {
    // SAFETY: the caller's promise is what `init` asks for.
    unsafe { HEAP.0.lock().init(range.start as *mut u8, range.len()) }
}

/// Bytes of the heap that are in use.
pub fn used() -> usize {
    HEAP.0.lock().used()
}
