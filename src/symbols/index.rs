//! A hash index of names that are numbered in the order in which they are added.
//!
//! Open addressing with linear probing, two of three slots used at most. A slot takes four bytes:
//! the number of a name, and in the bits that no number needs a part of the name's hash, so that
//! hardly any name but the right one is compared.

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

impl Index {
    /// An index that has room for nothing and takes none from the heap.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), numbers: 0, len: 0 }
    }

    /// An index with room for so many names, which takes six bytes of the heap for each; `None` if
    /// it does not have them.
    pub fn with_room(room: usize) -> Option<Self> {
        let size = u32::try_from(room.checked_add(room.div_ceil(2))?).ok()?;
        let numbers = u32::MAX.checked_shr(size.leading_zeros()).unwrap_or(0);
        let mut slots = Vec::new();
        slots.try_reserve_exact(size as usize).ok()?;
        slots.resize(size as usize, FREE);
        Some(Self { slots, numbers, len: 0 })
    }

    /// How many names there is room for, in all.
    pub fn room(&self) -> usize {
        self.slots.len().saturating_mul(2) / 3
    }

    /// How many names there are, which is the number of the next.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Adds a name by its hash; `None` if there is no room for it.
    pub fn push(&mut self, hash: u32) -> Option<()> {
        if self.len as usize >= self.room() {
            return None;
        }
        let mut at = self.home(hash);
        while *self.slots.get(at)? != FREE {
            at = self.behind(at);
        }
        *self.slots.get_mut(at)? = self.tag(hash) | self.len;
        self.len = self.len.saturating_add(1);
        Some(())
    }

    /// Takes out the names from this number on. Since they were added last, no other name has
    /// given way to them.
    pub fn truncate(&mut self, len: u32) {
        for slot in &mut self.slots {
            if *slot & self.numbers >= len {
                *slot = FREE;
            }
        }
        self.len = self.len.min(len);
    }

    /// What `look` returns for the first number that it knows to be that of the name which has this
    /// hash.
    #[inline]
    pub fn find<T>(&self, hash: u32, mut look: impl FnMut(u32) -> Option<T>) -> Option<T> {
        let tag = self.tag(hash);
        let mut at = self.home(hash);
        loop {
            let slot = *self.slots.get(at).filter(|slot| **slot != FREE)?;
            if slot & !self.numbers == tag {
                let found = look(slot & self.numbers);
                if found.is_some() {
                    return found;
                }
            }
            at = self.behind(at);
        }
    }

    /// The slot for which a hash is meant: its upper bits decide.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash).wrapping_mul(self.slots.len() as u64)) >> 32) as usize
    }

    /// The part of a hash that a slot holds: the lower bits first.
    #[inline]
    fn tag(&self, hash: u32) -> u32 {
        hash.rotate_left(16) & !self.numbers
    }

    #[inline]
    fn behind(&self, at: usize) -> usize {
        let next = at.wrapping_add(1);
        if next < self.slots.len() { next } else { 0 }
    }
}

/// The hash of a name. Takes four bytes at a time; the last four may overlap those before them.
#[inline(never)]
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

    fn index_of(names: &[String], room: usize) -> Index {
        let mut index = Index::with_room(room).unwrap();
        names.iter().for_each(|name| index.push(hash(name.as_bytes())).unwrap());
        index
    }

    /// All numbers that a search for the name is offered.
    fn offered(index: &Index, hash: u32) -> Vec<u32> {
        let mut numbers = Vec::new();
        let found = index.find(hash, |number| {
            numbers.push(number);
            None::<()>
        });
        assert!(found.is_none());
        numbers
    }

    #[test]
    fn every_name_is_found_by_its_number() {
        for count in [0, 1, 2, 3, 5, 6, 7, 1000] {
            let names = names(count);
            let index = index_of(&names, count);
            for (number, name) in names.iter().enumerate() {
                let hash = hash(name.as_bytes());
                let this = |found| (found == number as u32).then_some(found);
                assert_eq!(index.find(hash, this), Some(number as u32), "{name} of {count}");
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
    fn names_of_one_hash_are_all_offered_wherever_their_slots_begin() {
        for hash in [0, 1, 0xffff, 0xffff_0000, u32::MAX - 1, u32::MAX] {
            let mut index = Index::with_room(20).unwrap();
            (0..20).for_each(|_| index.push(hash).unwrap());
            assert_eq!(offered(&index, hash), (0..20).collect::<Vec<_>>(), "{hash:x}");
            assert_eq!(offered(&index, !hash), []);
        }
    }

    #[test]
    fn there_is_room_for_as_many_as_were_asked_for_and_no_more() {
        for room in 0..100 {
            let mut index = Index::with_room(room).unwrap();
            assert_eq!(index.room(), room);
            assert!(index.slots.len() * size_of::<u32>() <= 6 * room + 2);
            (0..room).for_each(|number| index.push(number as u32).unwrap());
            let before = index.slots.clone();
            assert!(index.push(7).is_none());
            assert_eq!((index.slots, index.len as usize), (before, room));
        }
        assert_eq!(Index::new().room(), 0);
    }

    #[test]
    fn more_than_the_heap_has_is_refused() {
        assert!(Index::with_room(usize::MAX).is_none());
        assert!(Index::with_room(usize::MAX / 8).is_none());
    }

    #[test]
    fn what_is_taken_out_leaves_the_index_as_it_was_before() {
        let names = names(1000);
        let mut index = index_of(&names, names.len());
        for len in [1000, 999, 500, 3, 0] {
            index.truncate(len as u32);
            let fresh = index_of(&names[..len], names.len());
            assert_eq!((&index.slots, index.len()), (&fresh.slots, fresh.len()));
        }
    }
}
