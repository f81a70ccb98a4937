//! The strings to which parameters of type `char *` have been set: the crate's, on the heap, where the
//! module sees them by their addresses and may write to them.

use crate::heap::OutOfMemory;
use alloc::alloc::{alloc, dealloc};
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ptr::NonNull;

/// A string with a NUL at its end, on the heap. Nobody has a reference to its bytes.
#[derive(Debug)]
pub(super) struct Text {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it is owned, and who else sees it is the module.
unsafe impl Send for Text {}

impl Text {
    pub fn new(bytes: &[u8]) -> Result<Self, OutOfMemory> {
        let size = bytes.len().checked_add(1).ok_or(OutOfMemory)?;
        let layout = Layout::from_size_align(size, 1).map_err(|_| OutOfMemory)?;
        // SAFETY: it is not of size 0.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or(OutOfMemory)?;
        // SAFETY: there is room for both, and nobody else has it.
        unsafe {
            start.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
            start.add(bytes.len()).write(0);
        }
        Ok(Self { start, layout })
    }

    /// Where the module sees it.
    pub fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// The first byte, and how many there are.
    pub fn bytes(&self) -> (NonNull<u8>, usize) {
        (self.start, self.layout.size())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        // SAFETY: it was allocated so, and whoever drops it knows that the module does not use it.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Those of a module, each by the address of the variable that it was set in: two parameters may have
/// one variable.
///
/// As a module has a variable in each of at most some 2²³ words, and a bucket is made for each string, so
/// many words are in one bucket only if there are few strings.
#[derive(Debug, Default)]
pub(super) struct Strings {
    /// The first slot of each bucket, as many as a power of two, or [`NONE`].
    buckets: Vec<u32>,
    slots: Vec<Slot>,
    /// Those whose addresses the module had replaced when another was set: it may have them still.
    kept: Vec<Text>,
}

#[derive(Debug)]
struct Slot {
    variable: u64,
    /// The next of the same bucket, or [`NONE`].
    next: u32,
    text: Option<Text>,
}

const NONE: u32 = u32::MAX;

impl Strings {
    /// The one of a variable.
    pub fn get(&self, variable: u64) -> Option<&Text> {
        self.slots.get(self.find(variable)?)?.text.as_ref()
    }

    /// The slot of a variable, with room to keep the string that is in it.
    pub fn reserve(&mut self, variable: u64) -> Result<usize, OutOfMemory> {
        self.kept.try_reserve(1)?;
        if let Some(slot) = self.find(variable) {
            return Ok(slot);
        }
        if self.slots.len() >= self.buckets.len() {
            self.grow()?;
        }
        let slot = self.slots.len();
        self.slots.try_reserve(1)?;
        self.slots.push(Slot { variable, next: NONE, text: None });
        self.enter(slot);
        Ok(slot)
    }

    /// Puts a string into a slot. The one that was there is dropped if its address is the one that the
    /// variable had, and else kept.
    pub fn put(&mut self, slot: usize, text: Text, old: u64) {
        let Some(slot) = self.slots.get_mut(slot) else { return };
        if let Some(before) = slot.text.replace(text)
            && before.address() != old
            && self.kept.len() < self.kept.capacity()
        {
            self.kept.push(before);
        }
    }

    fn find(&self, variable: u64) -> Option<usize> {
        let mut next = *self.buckets.get(self.bucket(variable)?)?;
        while let Some(slot) = self.slots.get(next as usize) {
            if slot.variable == variable {
                return Some(next as usize);
            }
            next = slot.next;
        }
        None
    }

    fn bucket(&self, variable: u64) -> Option<usize> {
        let bits = self.buckets.len().checked_ilog2()?;
        let hash = (variable as u32).wrapping_mul(0x9e37_79b1);
        Some(hash.checked_shr(u32::BITS.wrapping_sub(bits)).unwrap_or(0) as usize)
    }

    fn grow(&mut self) -> Result<(), OutOfMemory> {
        let count = self.buckets.len().saturating_mul(2).max(2);
        if u32::try_from(count).is_err() {
            return Err(OutOfMemory);
        }
        self.buckets.try_reserve_exact(count.saturating_sub(self.buckets.len()))?;
        self.buckets.clear();
        self.buckets.resize(count, NONE);
        (0..self.slots.len()).for_each(|slot| self.enter(slot));
        Ok(())
    }

    /// Puts a slot first in its bucket.
    fn enter(&mut self, index: usize) {
        let bucket = self.slots.get(index).and_then(|slot| self.bucket(slot.variable));
        let head = bucket.and_then(|bucket| self.buckets.get_mut(bucket));
        if let (Some(slot), Some(head)) = (self.slots.get_mut(index), head) {
            slot.next = core::mem::replace(head, index as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_has_a_slot_however_many_there_are() {
        let mut strings = Strings::default();
        for round in 0..2 {
            for index in 0..1000_u64 {
                let variable = 0xffff_ffff_c000_0000 + 8 * (index * 37 % 1000);
                let slot = strings.reserve(variable).unwrap();
                let old = strings.get(variable).map_or(0, Text::address);
                assert_eq!(old != 0, round == 1);
                let text = Text::new(&variable.to_le_bytes()).unwrap();
                let address = text.address();
                strings.put(slot, text, if index == 7 { 1 } else { old });
                assert_eq!(strings.get(variable).map(Text::address), Some(address));
            }
        }
        assert_eq!((strings.slots.len(), strings.kept.len()), (1000, 1));
        assert!(strings.get(0xffff_ffff_c000_0004).is_none());
    }
}
