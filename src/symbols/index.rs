//! A hash index of a table of names.
//!
//! Open addressing with linear probing; a slot holds a position in the table, in two bytes, and at
//! most three of four slots are used. For a kernel's ten thousand names that takes three bytes a
//! name, and a lookup a sixth of the instructions of a binary search.

use alloc::boxed::Box;
use alloc::vec::Vec;

#[derive(Debug)]
pub(super) struct Index {
    /// Positions, or [`FREE`]; their number is a power of two.
    slots: Box<[u16]>,
}

const FREE: u16 = u16::MAX;

impl Index {
    /// Indexes `names`; `None` if there are too many or the heap is exhausted.
    pub fn new<'n>(names: impl ExactSizeIterator<Item = &'n [u8]>) -> Option<Self> {
        let count = u16::try_from(names.len()).ok().filter(|count| *count != FREE)?;
        let size = (usize::from(count).saturating_mul(4) / 3).saturating_add(1).next_power_of_two();
        let mut slots = Vec::new();
        slots.try_reserve_exact(size).ok()?;
        slots.resize(size, FREE);
        let mut index = Self { slots: slots.into_boxed_slice() };
        for (position, name) in (0..count).zip(names) {
            let free = index.probe(name).find(|slot| index.slots.get(*slot) == Some(&FREE))?;
            *index.slots.get_mut(free)? = position;
        }
        Some(index)
    }

    /// The positions of the names that may be this one.
    #[inline]
    pub fn candidates(&self, name: &[u8]) -> impl Iterator<Item = usize> {
        self.probe(name)
            .filter_map(|slot| self.slots.get(slot).copied())
            .take_while(|position| *position != FREE)
            .map(usize::from)
    }

    /// The slots in which a name may be, in order.
    #[inline]
    fn probe(&self, name: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len().wrapping_sub(1);
        let first = hash(name) as usize;
        (0..=mask).map(move |step| first.wrapping_add(step) & mask)
    }
}

/// The hash of a name. Takes four bytes at a time; the last four may overlap those before them.
#[inline]
pub(crate) fn hash(name: &[u8]) -> u32 {
    let start = name.len() as u32;
    let hash = match name.last_chunk::<4>() {
        Some(last) => {
            let (words, _) = name.as_chunks::<4>();
            mix(words.iter().fold(start, |hash, word| mix(hash, *word)), *last)
        }
        None => name.iter().fold(start, |hash, byte| mix(hash, [*byte, 0, 0, 0])),
    };
    // The low bits of a product depend on the low bits of its factors alone.
    hash ^ hash >> 15
}

#[inline]
fn mix(hash: u32, word: [u8; 4]) -> u32 {
    // An odd number with irregular bits: 2³² divided by the golden ratio.
    (hash.rotate_left(5) ^ u32::from_ne_bytes(word)).wrapping_mul(0x9e37_79b9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("symbol_{number}")).collect()
    }

    #[test]
    fn every_name_is_among_its_candidates() {
        for count in [0, 1, 2, 3, 5, 6, 7, 1000] {
            let names = names(count);
            let index = Index::new(names.iter().map(String::as_bytes)).unwrap();
            for (position, name) in names.iter().enumerate() {
                assert!(index.candidates(name.as_bytes()).any(|found| found == position));
            }
        }
    }

    #[test]
    fn a_search_for_what_is_not_there_ends_soon() {
        let names = names(10_000);
        let index = Index::new(names.iter().map(String::as_bytes)).unwrap();
        let tried: usize =
            (0..10_000).map(|n| index.candidates(format!("other_{n}").as_bytes()).count()).sum();
        assert!(tried < 30_000, "{tried} candidates for 10000 names");
    }

    #[test]
    fn more_names_than_positions_are_not_indexed() {
        let names = names(usize::from(FREE));
        assert!(Index::new(names.iter().map(String::as_bytes)).is_none());
    }
}
