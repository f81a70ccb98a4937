//! A hash index with open addressing: slots with the positions of records in the sorted table.

use super::{Export, Find, HashName};
use std::marker::PhantomData;

/// What a slot holds.
pub trait Slot: Copy {
    /// A slot that is free.
    const FREE: Self;
    /// A slot for a record.
    fn new(position: usize, hash: u32) -> Self;
    /// The position of a record that may have this hash.
    fn position(self, hash: u32) -> Option<usize>;
    /// Whether the search ends here.
    fn is_free(self) -> bool;
}

/// A position alone, in two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indices(u16);

impl Slot for Indices {
    const FREE: Self = Self(u16::MAX);

    fn new(position: usize, _: u32) -> Self {
        Self(position as u16)
    }

    #[inline]
    fn position(self, _: u32) -> Option<usize> {
        Some(usize::from(self.0))
    }

    #[inline]
    fn is_free(self) -> bool {
        self == Self::FREE
    }
}

/// A position and half of the hash, in four bytes: a name is compared only if that half agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged(u32);

impl Slot for Tagged {
    const FREE: Self = Self(u32::MAX);

    fn new(position: usize, hash: u32) -> Self {
        Self(hash << 16 | position as u32)
    }

    #[inline]
    fn position(self, hash: u32) -> Option<usize> {
        ((self.0 ^ hash << 16) >> 16 == 0).then_some((self.0 & 0xffff) as usize)
    }

    #[inline]
    fn is_free(self) -> bool {
        self == Self::FREE
    }
}

/// The index of a sorted table.
#[derive(Debug)]
pub struct Open<S, H> {
    exports: &'static [Export],
    slots: Vec<S>,
    shift: u32,
    hash: PhantomData<H>,
}

impl<S: Slot, H: HashName> Open<S, H> {
    /// Indexes a table; at most three of four slots are used.
    pub fn new(exports: &'static [Export]) -> Self {
        let count = (exports.len() * 4 / 3 + 1).next_power_of_two();
        let shift = 32 - count.trailing_zeros();
        let mut slots = vec![S::FREE; count];
        for (position, export) in exports.iter().enumerate() {
            let hash = H::hash(export.name.as_bytes(), 0);
            let mut at = (hash >> shift) as usize;
            while !slots[at].is_free() {
                at = (at + 1) & (count - 1);
            }
            slots[at] = S::new(position, hash);
        }
        Self { exports, slots, shift, hash: PhantomData }
    }
}

impl<S: Slot, H: HashName> Find for Open<S, H> {
    #[inline]
    fn find(&self, name: &[u8]) -> Option<u64> {
        let hash = H::hash(name, 0);
        let mut at = (hash >> self.shift) as usize;
        loop {
            let slot = *self.slots.get(at)?;
            if slot.is_free() {
                return None;
            }
            let export = slot.position(hash).and_then(|position| self.exports.get(position));
            if let Some(export) = export.filter(|export| export.name.as_bytes() == name) {
                return Some(export.address);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn bytes(&self) -> Option<usize> {
        Some(size_of_val(self.slots.as_slice()))
    }
}
