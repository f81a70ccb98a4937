//! Memory for one load: every piece between pages that cannot be touched.
//!
//! It lies below 2 GiB, so that loaders that link for the address at which they write can give
//! 32-bit fields, signed or not, any address in it. Nothing is freed: a process makes one
//! load.

use std::sync::Mutex;

const PAGE: usize = 4096;

/// What stands between a piece and the page before it, and must stay.
const FILLER: u8 = 0xa5;

/// The strictest alignment that a section of a module asks for.
const ALIGN: usize = 64;

#[derive(Clone, Copy)]
struct Piece {
    map: usize,
    start: usize,
    end: usize,
}

struct State {
    next: usize,
    pieces: Vec<Piece>,
}

static STATE: Mutex<State> = Mutex::new(State { next: 0x1000_0000, pieces: Vec::new() });

/// Takes cleared memory that ends at an inaccessible page, but for what its alignment needs.
///
/// # Panics
/// If there is none.
pub fn take(size: usize, align: usize) -> *mut u8 {
    let mut state = STATE.lock().expect("one thread");
    let align = align.max(ALIGN);
    let inner = size.next_multiple_of(align).next_multiple_of(PAGE).max(PAGE);
    let map = state.next.next_multiple_of(align.max(PAGE));
    state.next = map + inner + 2 * PAGE;
    assert!(state.next < 1 << 31, "memory below 2 GiB is used up");
    map_at(map, inner + 2 * PAGE, libc::PROT_NONE);
    map_at(map + PAGE, inner, libc::PROT_READ | libc::PROT_WRITE);
    let end_of_map = map + PAGE + inner;
    let start = (end_of_map - size) / align * align;
    let fill = |from: usize, to: usize| {
        let from = std::ptr::with_exposed_provenance_mut::<u8>(from);
        // SAFETY: these bytes lie in the pages that have just been mapped.
        unsafe { from.write_bytes(FILLER, to - from.addr()) };
    };
    fill(map + PAGE, start);
    fill(start + size, end_of_map);
    state.pieces.push(Piece { map, start, end: start + size });
    std::ptr::with_exposed_provenance_mut(start)
}

/// Whether an address lies in a page beside a piece.
pub fn is_beside(address: usize) -> bool {
    // A fault in `take` itself would find the lock taken.
    let Ok(state) = STATE.try_lock() else { return false };
    state.pieces.iter().any(|piece| {
        let end = piece.end.next_multiple_of(PAGE) + PAGE;
        (piece.map..end).contains(&address)
    })
}

/// Whether the bytes around all pieces are as they were.
pub fn is_intact() -> bool {
    let state = STATE.lock().expect("one thread");
    let intact = |from: usize, to: usize| {
        let from = std::ptr::with_exposed_provenance::<u8>(from);
        // SAFETY: these bytes lie in pages that stay mapped.
        let bytes = unsafe { std::slice::from_raw_parts(from, to - from.addr()) };
        bytes.iter().all(|byte| *byte == FILLER)
    };
    state.pieces.iter().all(|piece| {
        intact(piece.map + PAGE, piece.start)
            && intact(piece.end, piece.end.next_multiple_of(PAGE).max(piece.map + 2 * PAGE))
    })
}

fn map_at(address: usize, size: usize, protection: i32) {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    let wanted = std::ptr::without_provenance_mut(address);
    // SAFETY: this part of the address space is used by nothing else: programs lie above 4 GiB.
    let map = unsafe { libc::mmap(wanted, size, protection, flags, -1, 0) };
    assert_eq!(map.addr(), address, "no memory at {address:#x}");
}
