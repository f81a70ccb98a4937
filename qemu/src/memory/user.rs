//! The memory that counts as the calling process's: what the kernel itself has, since there is no
//! user mode yet.

use crate::machine::{Machine, This};
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use spin::Once;

static READABLE: Once<Vec<RangeInclusive<usize>>> = Once::new();

/// Takes what is mapped now as what can be read: the kernel, the heap and the initial RAM disk, but
/// not the page that guards the stack. Called once, before there are modules, whose pages go again.
pub fn install() {
    let mut readable: Vec<RangeInclusive<usize>> = Vec::new();
    This::for_each_mapping(|mapping| {
        let end = mapping.page + (This::PAGE_SIZE - 1);
        match readable.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(mapping.page) => {
                *last = *last.start()..=end;
            }
            _ => readable.push(mapping.page..=end),
        }
    });
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
