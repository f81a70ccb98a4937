//! The global offset table: a word for each symbol whose address an instruction loads from memory.
//!
//! Kernel modules seldom need one; objects compiled with `-fpic` do. It has no room unless a
//! relocation asks for it.

use super::plan::{Location, Part, align_up};
use crate::arch::{Arch, Operation, Word};
use crate::heap::OutOfMemory;
use crate::image::{Definition, Image};
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

/// The table of a plan.
#[derive(Clone, Debug)]
pub(super) struct Got {
    /// The symbols that have a slot, ascending; the position is that of the slot.
    slots: Vec<usize>,
    /// The undefined symbols that stand for the table, ascending, where that matters.
    tables: Vec<usize>,
    word: u64,
    needed: bool,
    offset: u64,
}

impl Got {
    /// The name by which objects refer to the table itself.
    pub const SYMBOL: &[u8] = b"_GLOBAL_OFFSET_TABLE_";

    /// Gives a slot to each symbol that a relocation needs one for.
    pub fn plan<A: Arch>(image: &Image<'_, A>) -> Result<Self, OutOfMemory> {
        let (word, mut needed, mut slots) = (A::Word::SIZE, false, Vec::new());
        if !may_be_needed(image) {
            return Ok(Self { slots, tables: Vec::new(), word, needed, offset: 0 });
        }
        let tables = if A::SLOT_OF_GOT_IS_GOT { tables(image)? } else { Vec::new() };
        for table in image.relocations() {
            for relocation in table.iter() {
                let Some(howto) = A::howto(relocation.r_type) else { continue };
                needed |= howto.operation.needs_got();
                if howto.operation.needs_slot()
                    && !is_table::<A>(&tables, howto.operation, relocation.symbol)
                {
                    slots.try_reserve(1)?;
                    slots.push(relocation.symbol);
                }
            }
        }
        let mut slots = BinaryHeap::from(slots).into_sorted_vec();
        slots.dedup();
        Ok(Self { slots, tables, word, needed, offset: 0 })
    }

    /// Puts the table at or after `end`, an offset in the core part, and returns its own end.
    pub fn place_at(&mut self, end: u64) -> u64 {
        self.offset = align_up(end, self.word);
        if self.needed { self.offset.saturating_add(self.size()) } else { end }
    }

    fn size(&self) -> u64 {
        (self.slots.len() as u64).saturating_mul(self.word)
    }

    /// Where it lies, if it is needed.
    pub fn location(&self) -> Option<Location> {
        self.needed.then(|| self.start())
    }

    /// The symbols that have a slot with the offsets of their slots from the table's start.
    pub fn slots(&self) -> impl Iterator<Item = (usize, u64)> {
        let offset = |slot| (slot as u64).saturating_mul(self.word);
        self.slots.iter().enumerate().map(move |(slot, symbol)| (*symbol, offset(slot)))
    }

    /// The offset of a symbol's slot from the table's start, for an operation that needs it: G.
    pub fn slot<A: Arch>(&self, operation: Operation, symbol: usize) -> Option<u64> {
        if is_table::<A>(&self.tables, operation, symbol) {
            return Some(0);
        }
        let slot = self.slots.binary_search(&symbol).ok()?;
        Some((slot as u64).saturating_mul(self.word))
    }

    /// Where the table starts, or would start: objects may name it without needing it.
    pub fn start(&self) -> Location {
        Location { part: Part::Core, offset: self.offset, size: self.size() }
    }
}

/// The undefined symbols that stand for the table.
fn tables<A: Arch>(image: &Image<'_, A>) -> Result<Vec<usize>, OutOfMemory> {
    let mut found = Vec::new();
    for (index, symbol) in image.symbols().iter().enumerate() {
        if symbol.definition() == Definition::Undefined && symbol.is_named(Got::SYMBOL) {
            found.try_reserve(1)?;
            found.push(index);
        }
    }
    Ok(found)
}

/// Whether an operation with one of these symbols is about the table itself, which has no slot.
fn is_table<A: Arch>(tables: &[usize], operation: Operation, symbol: usize) -> bool {
    A::SLOT_OF_GOT_IS_GOT
        && operation == Operation::SlotFromPlace
        && tables.binary_search(&symbol).is_ok()
}

/// Whether there are relocations of types that need the table, or that are the same modulo the
/// width of a word of the host.
/// Hardly any image has them, and most see nothing of the table but this.
fn may_be_needed<A: Arch>(image: &Image<'_, A>) -> bool {
    let bit = |r_type: u32| 1_usize << (r_type % usize::BITS);
    let mut types = 0;
    for table in image.relocations() {
        types = table.iter().fold(types, |types, entry| types | bit(entry.r_type));
    }
    let needs_got = |r_type| A::howto(r_type).is_some_and(|found| found.operation.needs_got());
    (0..A::TYPES).any(|r_type| types & bit(r_type) != 0 && needs_got(r_type))
}
