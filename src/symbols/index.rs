//! A hash index of names that are numbered in the order in which they are added.
//!
//! A name has two buckets of eight slots, which its hash chooses, and stands in one of them. A slot
//! takes four bytes: the number of the name, and in the bits that no number needs a part of its
//! hash, its tag, so that hardly any name but the right one is compared.
//!
//! Invariants, which bound what a search costs whatever the names are:
//! - In a bucket the free slots come last.
//! - The tags of a bucket differ: a search compares two names at most. A name for which both
//!   buckets have no slot is not added, and the caller makes a larger index or rejects the name.

use crate::heap::OutOfMemory;
use alloc::vec::Vec;

/// The index. The names stand elsewhere: it knows their hashes and numbers.
#[derive(Debug)]
pub(crate) struct Index {
    slots: Vec<u32>,
    /// The bits of a slot that hold the number. All of them set is no number.
    numbers: u32,
    len: u32,
}

const FREE: u32 = u32::MAX;

/// Slots of a bucket.
const BUCKET: usize = 8;

/// A bucket with fewer names is used even if the other has still fewer, so that most names stand in
/// the bucket where they are looked for first.
const FEW: usize = 4;

impl Index {
    /// An index with room for `room` names, which takes six bytes of the heap for each.
    pub fn with_room(room: usize) -> Result<Self, OutOfMemory> {
        let size = room.saturating_add(room.div_ceil(2)).checked_next_multiple_of(BUCKET);
        let size = size.and_then(|size| u32::try_from(size).ok()).ok_or(OutOfMemory)?;
        let numbers = u32::MAX.checked_shr(size.leading_zeros()).unwrap_or(0);
        let mut slots = Vec::new();
        slots.try_reserve_exact(size as usize)?;
        slots.resize(size as usize, FREE);
        Ok(Self { slots, numbers, len: 0 })
    }

    /// The same index once more.
    pub fn copy(&self) -> Result<Self, OutOfMemory> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(self.slots.len())?;
        // There is room for all of them.
        if self.slots.len() <= slots.capacity() {
            slots.extend_from_slice(&self.slots);
        }
        Ok(Self { slots, numbers: self.numbers, len: self.len })
    }

    /// How many names there is room for, in all.
    pub fn room(&self) -> usize {
        self.slots.len().saturating_mul(2) / 3
    }

    /// How many names there are, which is the number of the next.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Adds a name by its hash; `None` if there is no slot for it.
    pub fn push(&mut self, hash: u32) -> Option<()> {
        if self.len as usize >= self.room() {
            return None;
        }
        let slot = self.tag(hash) | self.len;
        let [first, second] = self.buckets(hash);
        let (in_first, in_second) = (self.used(first, hash), self.used(second, hash));
        let bucket = match (in_first, in_second) {
            (Some(used), Some(other)) if used >= FEW && other < used => second,
            (Some(_), _) => first,
            (None, Some(_)) => second,
            (None, None) => return None,
        };
        *self.bucket_mut(bucket)?.iter_mut().find(|slot| **slot == FREE)? = slot;
        self.len = self.len.saturating_add(1);
        Some(())
    }

    /// Gives the next number to no name.
    pub fn skip(&mut self) {
        self.len = self.len.saturating_add(1);
    }

    /// Whether `look` knows a number to be that of the name which has this hash. It is asked twice
    /// at most, and not again when it has said so.
    #[inline]
    pub fn find(&self, hash: u32, look: &mut dyn FnMut(u32) -> bool) -> bool {
        let tag = self.tag(hash);
        for bucket in self.buckets(hash) {
            let Some(bucket) = self.bucket(bucket) else { return false };
            for slot in bucket {
                if *slot == FREE {
                    break;
                }
                if slot & !self.numbers == tag && look(slot & self.numbers) {
                    return true;
                }
            }
        }
        false
    }

    /// The two buckets of a hash, which are the same if there is one alone. The upper bits decide.
    #[inline]
    fn buckets(&self, hash: u32) -> [usize; 2] {
        let count = self.slots.len() / BUCKET;
        let first = scale(hash, count);
        // The upper bits of a product depend on all bits of the hash.
        let step = scale(hash.wrapping_mul(ODD), count.saturating_sub(1)).wrapping_add(1);
        let second = first.wrapping_add(step);
        [first, if second < count { second } else { second.wrapping_sub(count) }]
    }

    /// How many slots of a bucket are used; `None` if it has no slot for a name of this hash.
    fn used(&self, bucket: usize, hash: u32) -> Option<usize> {
        let tag = self.tag(hash);
        let mut used = 0_usize;
        for slot in self.bucket(bucket)? {
            if *slot == FREE {
                return Some(used);
            }
            if slot & !self.numbers == tag {
                break;
            }
            used = used.wrapping_add(1);
        }
        None
    }

    #[inline]
    fn bucket(&self, bucket: usize) -> Option<&[u32; BUCKET]> {
        self.slots.as_chunks::<BUCKET>().0.get(bucket)
    }

    fn bucket_mut(&mut self, bucket: usize) -> Option<&mut [u32; BUCKET]> {
        self.slots.as_chunks_mut::<BUCKET>().0.get_mut(bucket)
    }

    /// The part of a hash that a slot holds: the lower bits first.
    #[inline]
    fn tag(&self, hash: u32) -> u32 {
        hash.rotate_left(16) & !self.numbers
    }
}

/// A number below `count`, which the upper bits of a hash choose.
#[inline]
fn scale(hash: u32, count: usize) -> usize {
    (u64::from(hash).wrapping_mul(count as u64) >> 32) as usize
}

/// An odd number with irregular bits: 2³² divided by the golden ratio.
const ODD: u32 = 0x9e37_79b9;

/// The same of as many bits as a word has.
const ODD_WORD: usize = (0x9e37_79b9_7f4a_7c15_u64 >> (64 - usize::BITS)) as usize | 1;

const WORD: usize = size_of::<usize>();

/// The hash of a name. Takes a word at a time; the last may overlap those before it.
#[inline(never)]
pub(crate) fn hash(name: &[u8]) -> u32 {
    let start = name.len();
    let hash = match name.last_chunk::<WORD>() {
        Some(last) => {
            let (words, _) = name.as_chunks::<WORD>();
            mix(
                words.iter().fold(start, |hash, word| mix(hash, usize::from_ne_bytes(*word))),
                usize::from_ne_bytes(*last),
            )
        }
        None => name.iter().fold(start, |hash, byte| mix(hash, usize::from(*byte))),
    };
    // The low bits of a product depend on the low bits of its factors alone: the high bits, on
    // which all depend, are mixed in below, and the highest bits of that are taken.
    let folded = (hash ^ hash >> (usize::BITS / 2)).wrapping_mul(ODD_WORD);
    (folded >> (usize::BITS - u32::BITS)) as u32
}

#[inline]
fn mix(hash: usize, word: usize) -> usize {
    (hash.rotate_left(5) ^ word).wrapping_mul(ODD_WORD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("symbol_{number}")).collect()
    }

    fn index_of(names: &[String], room: usize) -> Index {
        let mut index = Index::with_room(room).unwrap();
        names.iter().for_each(|name| index.push(hash(name.as_bytes())).unwrap());
        index
    }

    /// All numbers that a search for the name is offered.
    fn offered(index: &Index, hash: u32) -> Vec<u32> {
        let mut numbers = Vec::new();
        let found = index.find(hash, &mut |number| {
            numbers.push(number);
            false
        });
        assert!(!found);
        numbers
    }

    fn finds(index: &Index, name: &str, number: u32) -> bool {
        index.find(hash(name.as_bytes()), &mut |found| found == number)
    }

    #[test]
    fn every_name_is_found_by_its_number() {
        for count in [0, 1, 2, 3, 5, 6, 7, 1000, 30_000] {
            let names = names(count);
            let index = index_of(&names, count);
            for (number, name) in names.iter().enumerate() {
                assert!(finds(&index, name, number as u32), "{name} of {count}");
            }
        }
    }

    #[test]
    fn hardly_any_other_name_is_offered() {
        let names = names(10_000);
        let index = index_of(&names, names.len());
        let others = (0..10_000).map(|number| format!("other_{number}"));
        let tried: usize = others.map(|name| offered(&index, hash(name.as_bytes())).len()).sum();
        assert!(tried < 10, "{tried} candidates for 10000 names");
    }

    #[test]
    fn most_names_stand_where_they_are_looked_for_first() {
        let names = names(10_000);
        let index = index_of(&names, names.len());
        let first = names.iter().enumerate().filter(|(number, name)| {
            let [first, _] = index.buckets(hash(name.as_bytes()));
            let bucket = index.bucket(first).unwrap();
            bucket.iter().any(|slot| slot & index.numbers == *number as u32)
        });
        let count = first.count();
        assert!(count > 7500, "{count} of 10000");
    }

    #[test]
    fn names_of_one_hash_are_all_offered_and_are_few() {
        for hash in [0, 1, 0xffff, 0xffff_0000, u32::MAX - 1, u32::MAX] {
            let mut index = Index::with_room(200).unwrap();
            let pushed = (0..20).filter(|_| index.push(hash).is_some()).count();
            assert_eq!(pushed, 2, "{hash:x}");
            let mut found = offered(&index, hash);
            found.sort_unstable();
            assert_eq!(found, [0, 1], "{hash:x}");
            assert_eq!(offered(&index, !hash), []);
        }
    }

    /// The tags of the names that share a bucket are alike, but its second bucket differs.
    #[test]
    fn no_search_is_offered_more_than_two_names_whatever_their_hashes() {
        let mut index = Index::with_room(1000).unwrap();
        // Few enough tags that many collide.
        for hash in 0..100_000_u32 {
            let _ = index.push((hash.wrapping_mul(0x0040_0021)) & 0xfffc_0003);
        }
        assert!(index.len() > 200);
        for hash in 0..100_000_u32 {
            let hash = (hash.wrapping_mul(0x0040_0021)) & 0xfffc_0003;
            assert!(offered(&index, hash).len() <= 2);
        }
    }

    #[test]
    fn there_is_room_for_as_many_as_were_asked_for_in_little_more_memory() {
        for room in 0..100 {
            let mut index = Index::with_room(room).unwrap();
            assert!(index.room() >= room);
            assert!(index.slots.len() * size_of::<u32>() < 6 * room + 2 + 32);
            let names = names(room);
            names.iter().for_each(|name| index.push(hash(name.as_bytes())).unwrap());
        }
        let mut none = Index::with_room(0).unwrap();
        assert_eq!((none.room(), none.push(7), offered(&none, 7)), (0, None, Vec::new()));
    }

    #[test]
    fn a_name_without_a_slot_changes_nothing() {
        let mut index = index_of(&names(5), 5);
        let before = index.slots.clone();
        assert!(index.push(7).is_none());
        assert_eq!((index.slots, index.len), (before, 5));
    }

    #[test]
    fn more_than_the_heap_has_is_an_error() {
        assert!(Index::with_room(usize::MAX).is_err());
        assert!(Index::with_room(usize::MAX / 8).is_err());
    }

    #[test]
    fn names_that_differ_anywhere_have_different_hashes() {
        for length in [1, 7, 8, 9, 15, 16, 17, 511] {
            let name = alloc::vec![b'a'; length];
            for at in 0..length {
                let mut other = name.clone();
                other[at] = b'b';
                assert_ne!(hash(&name), hash(&other), "{at} of {length}");
            }
        }
    }
}
