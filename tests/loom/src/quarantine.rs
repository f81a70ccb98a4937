//! A heap that keeps what is freed as it was for a while: so a model that uses it afterwards fails
//! by what loom finds, and not by whatever is there by then.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;

struct Heap(Mutex<(usize, [Freed; KEPT])>);

#[derive(Clone, Copy)]
struct Freed(*mut u8, Layout);

// SAFETY: nobody else has what has been freed.
unsafe impl Send for Freed {}

/// How much is kept.
const KEPT: usize = 10_000;

#[global_allocator]
static HEAP: Heap = Heap(Mutex::new((0, [Freed(std::ptr::null_mut(), Layout::new::<u8>()); KEPT])));

// SAFETY: everything is the system's, which keeps the promises, and is freed later.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let mut kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (next, freed) = &mut *kept;
        let Freed(pointer, layout) = std::mem::replace(&mut freed[*next], Freed(pointer, layout));
        *next = (*next + 1) % KEPT;
        drop(kept);
        if !pointer.is_null() {
            // SAFETY: it has been freed.
            unsafe { System.dealloc(pointer, layout) };
        }
    }
}
