//! What a relocation finds through the global offset table.
//!
//! The order of the slots is each linker's own business, so fields that say where a slot is differ
//! between linkers. What counts is the word that an instruction loads from there.

use crate::linked::{Linked, Section};
use crate::source::Relocation;
use crate::target::{SlotField, Target};

/// The word in the slot that a relocated field of `section` leads to; `None` if it does not lead
/// to a slot.
pub fn word(
    linked: &Linked,
    section: &Section,
    relocation: &Relocation,
    field: SlotField,
    target: Target,
) -> Option<u64> {
    let got = linked.got.as_ref()?;
    let at = usize::try_from(relocation.offset).ok()?;
    let bytes = section.bytes.get(at..at + relocation.width)?;
    let from = match field {
        SlotField::FromPlace => section.address.wrapping_add(relocation.offset),
        SlotField::FromTable => got.address,
        SlotField::Address => 0,
    };
    let value = target.integer(bytes).wrapping_sub(relocation.addend);
    let offset = target.address(from.wrapping_add_signed(value)).wrapping_sub(got.address);
    let start = usize::try_from(offset).ok()?;
    let slot = got.bytes.get(start..start.checked_add(target.word())?)?;
    start.is_multiple_of(target.word()).then(|| target.address(target.integer(slot) as u64))
}
