//! Whether two links of a file came out the same.

use crate::linked::{Linked, Section};
use crate::slots;
use crate::source::{self, Relocation, Source};
use crate::target::Target;
use std::fmt;

/// The first thing in which the links differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An allocated section has no address in one of them.
    Missing {
        /// The section.
        section: String,
        /// In which.
        by: &'static str,
    },
    /// A section is elsewhere.
    Address {
        /// The section.
        section: String,
        /// Where modlink has it.
        ours: u64,
        /// Where ld has it.
        theirs: u64,
    },
    /// A section has another size.
    Size {
        /// The section.
        section: String,
        /// Its size by modlink.
        ours: usize,
        /// Its size by ld.
        theirs: usize,
    },
    /// A byte is another one.
    Byte {
        /// The section.
        section: String,
        /// The offset in it.
        offset: usize,
        /// The relocation that wrote it, if there is one.
        relocation: Option<String>,
        /// The byte by modlink.
        ours: u8,
        /// The byte by ld.
        theirs: u8,
    },
    /// modlink did not apply as many relocations as the file has.
    Count {
        /// How many loaded sections have in the file.
        file: usize,
        /// How many modlink applied.
        applied: usize,
    },
    /// Another word is loaded through the global offset table.
    Slot {
        /// The section.
        section: String,
        /// The relocation that leads to the slot.
        relocation: String,
        /// The word by modlink; `None` if the field leads to no slot.
        ours: Option<u64>,
        /// The word by ld.
        theirs: Option<u64>,
    },
}

/// Compares every allocated section and returns the first difference.
pub fn compare(
    source: &Source,
    target: Target,
    ours: &Linked,
    theirs: &Linked,
) -> Option<Difference> {
    let sections = source.sections.iter().enumerate();
    sections.filter(|(_, section)| is_compared(section)).find_map(|(index, section)| {
        let missing = |by| Difference::Missing { section: section.name.clone(), by };
        let Some(our) = ours.sections.get(&index) else {
            return Some(missing("modlink"));
        };
        let Some(their) = theirs.sections.get(&index) else {
            return Some(missing("ld"));
        };
        placed_alike(section, our, their)
            .or_else(|| slots_alike(section, target, (ours, our), (theirs, their)))
            .or_else(|| filled_alike(section, target, our, their))
    })
}

/// Whether modlink applied another number of relocations than the file has.
pub fn count(source: &Source, applied: usize) -> Option<Difference> {
    let file = source.sections.iter().map(|section| section.relocations.len()).sum();
    (file != applied).then_some(Difference::Count { file, applied })
}

fn placed_alike(section: &source::Section, ours: &Section, theirs: &Section) -> Option<Difference> {
    if ours.address != theirs.address {
        return Some(Difference::Address {
            section: section.name.clone(),
            ours: ours.address,
            theirs: theirs.address,
        });
    }
    let sizes = [ours.bytes.len(), theirs.bytes.len()];
    sizes.iter().any(|size| *size as u64 != section.size).then(|| Difference::Size {
        section: section.name.clone(),
        ours: sizes[0],
        theirs: sizes[1],
    })
}

/// Fields that lead to a slot must lead to equal words.
fn slots_alike(
    section: &source::Section,
    target: Target,
    (ours, our): (&Linked, &Section),
    (theirs, their): (&Linked, &Section),
) -> Option<Difference> {
    section.relocations.iter().find_map(|relocation| {
        let field = relocation.slot?;
        let ours = slots::word(ours, our, relocation, field, target);
        let theirs = slots::word(theirs, their, relocation, field, target);
        (ours.is_none() || ours != theirs).then(|| Difference::Slot {
            section: section.name.clone(),
            relocation: describe(relocation, target),
            ours,
            theirs,
        })
    })
}

/// All other bytes must be equal.
fn filled_alike(
    section: &source::Section,
    target: Target,
    ours: &Section,
    theirs: &Section,
) -> Option<Difference> {
    let is_slot = |offset: usize| {
        let after = section.relocations.partition_point(|found| found.offset <= offset as u64);
        section.relocations[..after].last().is_some_and(|found| {
            found.slot.is_some() && offset as u64 - found.offset < found.width as u64
        })
    };
    let bytes = ours.bytes.iter().zip(&theirs.bytes).enumerate();
    let (offset, (ours, theirs)) =
        bytes.into_iter().find(|(offset, (ours, theirs))| ours != theirs && !is_slot(*offset))?;
    Some(Difference::Byte {
        relocation: relocation_at(section, target, offset as u64),
        section: section.name.clone(),
        offset,
        ours: *ours,
        theirs: *theirs,
    })
}

/// Whether a section must come out the same.
pub fn is_compared(section: &source::Section) -> bool {
    section.allocated && section.size > 0
}

/// The last relocation at or before an offset whose bytes could reach it.
fn relocation_at(section: &source::Section, target: Target, offset: u64) -> Option<String> {
    const WIDEST: u64 = 8;
    let after = section.relocations.partition_point(|relocation| relocation.offset <= offset);
    let relocation = section.relocations[..after].last()?;
    (offset - relocation.offset < WIDEST).then(|| describe(relocation, target))
}

fn describe(relocation: &Relocation, target: Target) -> String {
    let name = target.relocation_name(relocation.r_type);
    format!("{name} of {} at {:#x}", relocation.symbol, relocation.offset)
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { section, by } => write!(f, "{section} is not linked by {by}"),
            Self::Address { section, ours, theirs } => {
                write!(f, "{section} is at {ours:#x}, ld has it at {theirs:#x}")
            }
            Self::Size { section, ours, theirs } => {
                write!(f, "{section} has {ours} bytes, ld gives it {theirs}")
            }
            Self::Slot { section, relocation, ours, theirs } => {
                write!(f, "{section} ({relocation}): the slot holds {ours:x?}, ld's {theirs:x?}")
            }
            Self::Count { file, applied } => {
                write!(f, "of {file} relocations in the file, modlink applied {applied}")
            }
            Self::Byte { section, offset, relocation, ours, theirs } => {
                let relocation = relocation.as_deref().unwrap_or("no relocation");
                write!(f, "{section}+{offset:#x} ({relocation}): {ours:#04x}, ld has {theirs:#04x}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Referent;
    use object::elf::R_386_32;

    #[test]
    fn a_relocation_that_was_not_applied_is_a_difference() {
        let relocation = Relocation {
            offset: 0,
            r_type: R_386_32,
            symbol: String::new(),
            referent: Referent::Number,
            addend: 0,
            in_place: true,
            width: 4,
            slot: None,
        };
        let relocations = vec![relocation; 3];
        let section = source::Section { relocations, ..source::Section::default() };
        let source = Source { sections: vec![section.clone(), section], ..Source::default() };
        assert_eq!(count(&source, 6), None);
        assert_eq!(count(&source, 5), Some(Difference::Count { file: 6, applied: 5 }));
    }
}
