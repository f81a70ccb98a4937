//! Exports a symbol that another crate exports too.

use modlink::symbols::Ksymtab;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The heap, which counts how often somebody asks for some.
struct Counting(AtomicUsize);

// SAFETY: it is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting(AtomicUsize::new(0));

extern "C" fn zebra() {}
modlink::export!(fn zebra());

fn main() {
    // The other crate is linked because something of it is used.
    assert_eq!(modlink_ksymtab::zebra(0), 1);
    let error = Ksymtab::linked().expect_err("zebra is there twice");
    println!("{error}");

    // From the second call on it may be asked where nothing can be allocated.
    let before = HEAP.0.load(Ordering::Relaxed);
    assert_eq!(Ksymtab::linked().expect_err("zebra is there twice"), error);
    assert_eq!(HEAP.0.load(Ordering::Relaxed), before, "the table has been made again");
}
