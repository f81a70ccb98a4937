//! The smallest kernel with and without modlink: `measure` compares their sizes. It is never run.
//!
//! What a kernel has anyway (memory, its heap, calls into modules) is here in its smallest form;
//! its results are hidden from the compiler, so that it cannot leave out any of the loader.

#![no_std]
#![no_main]

#[cfg(feature = "notifiers")]
extern crate alloc;

#[cfg(feature = "loader")]
mod kernel;

use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;

struct Heap;

// SAFETY: never run.
unsafe impl GlobalAlloc for Heap {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        black_box(core::ptr::without_provenance_mut(layout.size()))
    }

    #[inline(never)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        black_box((pointer, layout));
    }
}

#[global_allocator]
static HEAP: Heap = Heap;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// What libgcc may ask for.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// The start of the kernel, and its system call table.
#[unsafe(no_mangle)]
extern "C" fn _start() -> isize {
    #[cfg(feature = "loader")]
    {
        kernel::start();
        #[cfg(feature = "proc")]
        kernel::read(black_box(b""));
        #[cfg(feature = "notifiers")]
        kernel::listen();
        kernel::system_call(black_box(0), black_box([0; 6]))
    }
    #[cfg(not(feature = "loader"))]
    black_box(0)
}
