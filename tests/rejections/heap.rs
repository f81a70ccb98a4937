//! A heap that a thread can find exhausted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

thread_local! {
    /// How many more allocations of this thread succeed before one fails; `None` if all do.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `work` while this thread's allocation `nth`, counted from 0, fails. Returns what `work` does,
/// and whether there were more than `nth` allocations.
pub fn with_failure<T>(nth: usize, work: impl FnOnce() -> T) -> (T, bool) {
    LEFT.set(Some(nth));
    let result = work();
    let has_failed = LEFT.take().is_none();
    (result, has_failed)
}

/// Whether the allocation that is being made is the one to fail.
fn fails() -> bool {
    let Some(left) = LEFT.get() else { return false };
    LEFT.set(left.checked_sub(1));
    left == 0
}

// SAFETY: everything is the system's, which keeps the promises; failing is always allowed.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if fails() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if fails() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
