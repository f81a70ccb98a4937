//! Bits that several CPUs set and clear, a run at a time and without a lock.

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const BITS: usize = usize::BITS as usize;

/// How many words it takes for `bits` bits.
pub const fn words(bits: usize) -> usize {
    bits.div_ceil(BITS)
}

/// Sets the bits in `range` if all of them are clear; says whether it did. Those that it has set
/// when it meets one that is not, it clears again, and then counts that in `undone`.
pub fn set(bits: &[AtomicUsize], range: &Range<usize>, undone: &AtomicUsize) -> bool {
    for (index, mask) in masks(range) {
        let Some(word) = bits.get(index) else { return false };
        let add = |word| if word & mask == 0 { Some(word | mask) } else { None };
        if word.fetch_update(SeqCst, SeqCst, add).is_err() {
            let first = index.wrapping_mul(BITS);
            if first > range.start {
                clear(bits, &(range.start..first));
                undone.fetch_add(1, SeqCst);
            }
            return false;
        }
    }
    true
}

/// Clears the bits in `range`.
pub fn clear(bits: &[AtomicUsize], range: &Range<usize>) {
    for (index, mask) in masks(range) {
        if let Some(word) = bits.get(index) {
            word.fetch_and(!mask, SeqCst);
        }
    }
}

/// The last bit in `range` that is set.
pub fn last_set(bits: &[AtomicUsize], range: &Range<usize>) -> Option<usize> {
    masks(range).rev().find_map(|(index, mask)| {
        let zeros = (bits.get(index)?.load(SeqCst) & mask).leading_zeros() as usize;
        let bit = BITS.checked_sub(zeros)?.checked_sub(1)?;
        Some(index.wrapping_mul(BITS).wrapping_add(bit))
    })
}

/// The first bit in `range` that is clear.
pub fn first_clear(bits: &[AtomicUsize], range: &Range<usize>) -> Option<usize> {
    masks(range).find_map(|(index, mask)| {
        let bit = (!bits.get(index)?.load(SeqCst) & mask).trailing_zeros() as usize;
        (bit < BITS).then(|| index.wrapping_mul(BITS).wrapping_add(bit))
    })
}

/// The words that a range of bits touches, by their indices, and the bits in them.
fn masks(range: &Range<usize>) -> impl DoubleEndedIterator<Item = (usize, usize)> {
    let Range { start, end } = *range;
    (start / BITS..end.div_ceil(BITS)).map(move |index| {
        let first = index.wrapping_mul(BITS);
        let low = start.saturating_sub(first);
        let high = end.saturating_sub(first).min(BITS);
        // An empty range in the middle of a word is all that makes both shifts meet.
        let from_low = usize::MAX.checked_shl(low as u32).unwrap_or(0);
        let to_high = !usize::MAX.checked_shl(high as u32).unwrap_or(0);
        (index, from_low & to_high)
    })
}
