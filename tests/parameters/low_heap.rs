//! A heap below 4 GiB, whose addresses the pointers of every architecture can hold, which counts what is
//! there.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::Mutex;

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

/// Powers of two, from 16 bytes on.
const CLASSES: usize = 28;
const SMALLEST: u32 = 4;
const SIZE: usize = 768 << 20;

struct Arena {
    start: usize,
    used: usize,
    /// The first free block of each size, which holds the address of the next.
    free: [usize; CLASSES],
}

static ARENA: Mutex<Arena> = Mutex::new(Arena { start: 0, used: 0, free: [0; CLASSES] });

thread_local! {
    /// How many allocations of [`MARKED`] bytes there are of this thread.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// A size in bytes that nobody but a test asks for.
pub const MARKED: usize = 779;

/// How many allocations of [`MARKED`] bytes this thread has made that it has not freed.
pub fn live() -> isize {
    LIVE.get()
}

fn count(blocks: isize, layout: Layout) {
    if layout.size() == MARKED {
        LIVE.set(LIVE.get() + blocks);
    }
}

fn class(layout: Layout) -> usize {
    let size = layout.size().max(layout.align()).max(1 << SMALLEST).next_power_of_two();
    (size.trailing_zeros() - SMALLEST) as usize
}

// SAFETY: each block is given to one user at a time, is as large as its power of two, and lies at a
// multiple of that.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout);
        let class = class(layout);
        let size = 1 << (class as u32 + SMALLEST);
        let mut arena = ARENA.lock().unwrap();
        if arena.start == 0 {
            let flags =
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_32BIT;
            let access = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: the system chooses addresses that nobody uses.
            let start = unsafe { libc::mmap(std::ptr::null_mut(), SIZE, access, flags, -1, 0) };
            if start == libc::MAP_FAILED {
                return std::ptr::null_mut();
            }
            arena.start = start.expose_provenance();
        }
        let address = match arena.free[class] {
            0 => {
                let address = (arena.start + arena.used).next_multiple_of(size);
                if address + size > arena.start + SIZE {
                    return std::ptr::null_mut();
                }
                arena.used = address + size - arena.start;
                address
            }
            address => {
                // SAFETY: a free block holds the address of the next.
                arena.free[class] =
                    unsafe { std::ptr::with_exposed_provenance::<usize>(address).read() };
                address
            }
        };
        std::ptr::with_exposed_provenance_mut(address)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-1, layout);
        let class = class(layout);
        let mut arena = ARENA.lock().unwrap();
        // SAFETY: it is free now, and large enough for an address.
        unsafe { pointer.cast::<usize>().write(arena.free[class]) };
        arena.free[class] = pointer.expose_provenance();
    }
}
