//! The memory that counts as the calling process's: what the kernel itself has, since there is no
//! user mode yet.

use crate::machine::{Boot, Machine, This};
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use spin::Once;

static READABLE: Once<Vec<RangeInclusive<usize>>> = Once::new();

/// Finds out what can be read. Called once.
pub fn install(boot: &Boot) {
    let initrd = boot.initrd.as_ptr() as usize;
    let mut readable = Vec::from([This::kernel(), boot.heap.start..=boot.heap.end - 1]);
    if !boot.initrd.is_empty() {
        readable.push(initrd..=initrd + boot.initrd.len() - 1);
    }
    READABLE.call_once(|| readable);
}

/// Copies `to.len()` bytes from the address `from` on; `None` if any of them cannot be read.
pub fn copy_from(from: u64, to: &mut [u8]) -> Option<()> {
    let Some(more) = to.len().checked_sub(1) else {
        return Some(());
    };
    let first = usize::try_from(from).ok()?;
    let last = first.checked_add(more)?;
    let inside = |range: &RangeInclusive<usize>| range.contains(&first) && range.contains(&last);
    if !READABLE.get()?.iter().any(inside) {
        return None;
    }
    // SAFETY: the bytes are readable. `to` is borrowed mutably, but a caller that names it as its
    // source gets what is there, which is why this is a copy that allows for overlap.
    unsafe { core::ptr::copy(first as *const u8, to.as_mut_ptr(), to.len()) };
    Some(())
}
