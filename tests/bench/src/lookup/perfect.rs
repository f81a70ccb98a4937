//! A minimal perfect hash by hash and displace: names fall into buckets, and each bucket has the
//! number that sends all its names to slots of their own.

use super::{Export, Find, HashName};
use std::marker::PhantomData;

/// How many names a bucket has on average.
const BUCKET: usize = 4;

/// The index of a table.
#[derive(Debug)]
pub struct Perfect<H> {
    exports: &'static [Export],
    displacements: Vec<u16>,
    positions: Vec<u16>,
    hash: PhantomData<H>,
}

impl<H: HashName> Perfect<H> {
    /// Indexes a table.
    ///
    /// # Panics
    /// If a bucket's names cannot be told apart, which means that two hash alike.
    pub fn new(exports: &'static [Export]) -> Self {
        let hashes: Vec<u32> =
            exports.iter().map(|export| H::hash(export.name.as_bytes(), 0)).collect();
        let mut buckets = vec![Vec::new(); exports.len().div_ceil(BUCKET)];
        for (position, hash) in hashes.iter().enumerate() {
            buckets[scale(*hash, exports.len().div_ceil(BUCKET))].push(position);
        }
        let mut largest_first: Vec<usize> = (0..buckets.len()).collect();
        largest_first.sort_by_key(|bucket| std::cmp::Reverse(buckets[*bucket].len()));

        let mut displacements = vec![0; buckets.len()];
        let mut positions = vec![u16::MAX; exports.len()];
        for bucket in largest_first {
            let names = &buckets[bucket];
            let slots = |displacement| -> Vec<usize> {
                let slot = |position: &usize| slot(hashes[*position], displacement, exports.len());
                names.iter().map(slot).collect()
            };
            let fits = |slots: &[usize]| {
                let free = slots.iter().all(|slot| positions[*slot] == u16::MAX);
                let apart = (1..slots.len()).all(|index| !slots[..index].contains(&slots[index]));
                free && apart
            };
            let found = (0..=u16::MAX).find(|displacement| fits(&slots(*displacement)));
            let displacement = found.expect("a displacement");
            displacements[bucket] = displacement;
            for (slot, position) in slots(displacement).into_iter().zip(names) {
                positions[slot] = *position as u16;
            }
        }
        Self { exports, displacements, positions, hash: PhantomData }
    }
}

impl<H: HashName> Find for Perfect<H> {
    #[inline]
    fn find(&self, name: &[u8]) -> Option<u64> {
        let hash = H::hash(name, 0);
        let displacement = *self.displacements.get(scale(hash, self.displacements.len()))?;
        let slot = slot(hash, displacement, self.positions.len());
        let export = self.exports.get(usize::from(*self.positions.get(slot)?))?;
        (export.name.as_bytes() == name).then_some(export.address)
    }

    fn bytes(&self) -> Option<usize> {
        let displacements = size_of_val(self.displacements.as_slice());
        Some(displacements + size_of_val(self.positions.as_slice()))
    }
}

#[inline]
fn slot(hash: u32, displacement: u16, slots: usize) -> usize {
    let mixed =
        (hash ^ u32::from(displacement).wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
    scale(mixed ^ mixed >> 16, slots)
}

/// A hash brought down to less than `count`.
#[inline]
fn scale(hash: u32, count: usize) -> usize {
    ((u64::from(hash) * count as u64) >> 32) as usize
}
