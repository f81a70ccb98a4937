//! Whether two links of a file came out the same.

use crate::gnu_ld;
use crate::ours;
use crate::source::Source;
use crate::target::Target;
use std::collections::BTreeMap;
use std::fmt;

/// Sections that are marked as allocated, that only a module's loader reads and that therefore
/// have no address: the module's description and the versions of what it imports.
const NOT_LOADED: [&str; 2] = [".modinfo", "__versions"];

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
}

/// Compares every allocated section and returns the first difference.
pub fn compare(
    source: &Source,
    target: Target,
    ours: &[ours::Section],
    theirs: &BTreeMap<usize, gnu_ld::Section>,
) -> Option<Difference> {
    let ours: BTreeMap<_, _> = ours.iter().map(|section| (section.index, section)).collect();
    source.sections.iter().enumerate().find_map(|(index, section)| {
        if !is_compared(section) {
            return None;
        }
        let name = section.name.clone();
        let Some(ours) = ours.get(&index) else {
            return Some(Difference::Missing { section: name, by: "modlink" });
        };
        let Some(theirs) = theirs.get(&index) else {
            return Some(Difference::Missing { section: name, by: "ld" });
        };
        if ours.address != theirs.address {
            let (ours, theirs) = (ours.address, theirs.address);
            return Some(Difference::Address { section: name, ours, theirs });
        }
        let sizes = [ours.bytes.len(), theirs.bytes.len()];
        if sizes.iter().any(|size| *size as u64 != section.size) {
            return Some(Difference::Size { section: name, ours: sizes[0], theirs: sizes[1] });
        }
        let offset =
            ours.bytes.iter().zip(&theirs.bytes).position(|(ours, theirs)| ours != theirs)?;
        Some(Difference::Byte {
            relocation: relocation_at(section, target, offset as u64),
            section: name,
            offset,
            ours: ours.bytes[offset],
            theirs: theirs.bytes[offset],
        })
    })
}

/// Whether a section must come out the same.
pub fn is_compared(section: &crate::source::Section) -> bool {
    section.allocated && section.size > 0 && !NOT_LOADED.contains(&&*section.name)
}

/// The last relocation at or before an offset whose bytes could reach it.
fn relocation_at(section: &crate::source::Section, target: Target, offset: u64) -> Option<String> {
    const WIDEST: u64 = 8;
    let after = section.relocations.partition_point(|relocation| relocation.offset <= offset);
    let relocation = section.relocations[..after].last()?;
    (offset - relocation.offset < WIDEST).then(|| {
        let name = target.relocation_name(relocation.r_type);
        format!("{name} of {} at {:#x}", relocation.symbol, relocation.offset)
    })
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
            Self::Byte { section, offset, relocation, ours, theirs } => {
                let relocation = relocation.as_deref().unwrap_or("no relocation");
                write!(f, "{section}+{offset:#x} ({relocation}): {ours:#04x}, ld has {theirs:#04x}")
            }
        }
    }
}
