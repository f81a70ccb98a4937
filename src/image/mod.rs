//! An untrusted file becomes a checked [`Image`], without copying it.
//!
//! Everything that later steps rely on is established here, one function a claim; what has been
//! checked is kept in types through which nothing can go out of bounds. Relocations alone, of which
//! there are many, are checked where they are applied, so that each is decoded once. Linux's
//! loader trusts much of it; the comments of the functions say what each establishes.

mod error;
mod header;
mod known;
mod modinfo;
pub(crate) mod raw;
mod relocations;
mod sections;
pub mod signature;
pub(crate) mod strings;
mod symbols;

pub use error::{
    Error, HeaderProblem, RelocationRef, SectionProblem, SectionRef, SymbolProblem, SymbolRef,
};
pub(crate) use known::KnownSections;
pub use known::{KnownSection, Treatment};
pub use modinfo::ModInfo;
pub use relocations::{Relocation, Relocations};
pub use sections::{Flags, Section};
pub use symbols::{Binding, Definition, MAX_SYMBOL_NAME, Symbol, Symbols};

use crate::arch::Arch;
use alloc::vec::Vec;

/// A relocatable ELF file of the architecture `A`, of which everything has been checked but the
/// entries of its relocation tables: each of them is decoded and checked once, when it is applied.
#[derive(Clone, Debug)]
pub struct Image<'a, A> {
    sections: Vec<Section<'a>>,
    symbols: Symbols<'a, A>,
    modinfo: ModInfo<'a>,
    is_signed: bool,
}

impl<'a, A: Arch> Image<'a, A> {
    /// Checks a file. `limit` is the most memory in bytes that its sections may need.
    ///
    /// # Errors
    /// The first claim that does not hold, and where.
    pub fn check(file: &'a [u8], limit: u64) -> Result<Self, Error> {
        let (file, is_signed) = signature::split(file);
        let (header, table) = header::check::<A>(file)
            .and_then(|header| Ok((header, header::section_table::<A>(file, &header)?)))
            .map_err(Error::Header)?;
        let sections = sections::check::<A>(file, &header, table, limit)?;
        let symbols = symbols::check::<A>(&sections)?;
        relocations::check::<A>(&sections, file.len() as u64)?;
        let modinfo = check_modinfo(&sections)?;
        Ok(Self { sections, symbols, modinfo, is_signed })
    }

    /// All sections; the index of one is its index in the section header table.
    pub fn sections(&self) -> &[Section<'a>] {
        &self.sections
    }

    /// The sections that the module has in memory, with their indices.
    pub fn loaded_sections(&self) -> impl Iterator<Item = (usize, &Section<'a>)> {
        self.sections.iter().enumerate().filter(|(_, section)| section.loaded)
    }

    /// The first section of that name.
    pub fn section(&self, name: &[u8]) -> Option<(usize, &Section<'a>)> {
        find(&self.sections, name)
    }

    /// The index of the first section in that row of the table of known ones.
    pub(crate) fn known(&self, row: KnownSection) -> Option<usize> {
        find_known(&self.sections, row)
    }

    /// The first section of that name that is allocated, which is in that row of the table of known ones,
    /// and its index.
    #[cfg(feature = "versions")]
    pub(crate) fn allocated(&self, row: KnownSection, name: &str) -> Option<(usize, &Section<'a>)> {
        self.sections.iter().enumerate().find(|(_, section)| {
            section.known == Some(row)
                && section.flags.contains(Flags::ALLOC)
                && section.name.is(name.as_bytes())
        })
    }

    /// The symbol table.
    pub fn symbols(&self) -> &Symbols<'a, A> {
        &self.symbols
    }

    /// The relocations of each loaded section that has any.
    pub fn relocations(&self) -> impl Iterator<Item = Relocations<'a, A>> {
        relocations::all(&self.sections)
    }

    /// Calls `visit` for each relocation of a section that does anything, with its symbol. For those
    /// who look at few: it is one function, whatever they do with them.
    #[inline(never)]
    pub(crate) fn visit_relocations(
        &self,
        target: usize,
        visit: &mut dyn FnMut(&Relocation<A::Word>, &Symbol<'a>),
    ) {
        for table in self.relocations().filter(|table| table.target == target) {
            // Type 0 does nothing, in every psABI.
            for relocation in table.iter().filter(|relocation| relocation.r_type != 0) {
                if let Some(symbol) = &self.symbols.get(relocation.symbol) {
                    visit(&relocation, symbol);
                }
            }
        }
    }

    /// What the module says of itself.
    pub fn modinfo(&self) -> &ModInfo<'a> {
        &self.modinfo
    }

    /// Whether the file ends as one that has been signed. Nobody has verified that it was.
    pub fn is_signed(&self) -> bool {
        self.is_signed
    }

    /// Compares the alignments of the loaded sections with the strictest that a kernel offers.
    ///
    /// # Errors
    /// [`SectionProblem::AlignmentLimit`] for the first that is stricter.
    pub fn check_alignments(&self, limit: u64) -> Result<(), Error> {
        sections::check_alignments(&self.sections, limit)
    }

    /// Describes the section of that index for a message.
    #[cold]
    pub(crate) fn section_ref(&self, index: usize) -> SectionRef {
        section_ref(&self.sections, index)
    }

    /// Describes the symbol of that index for a message; one without a name by that of its section.
    pub(crate) fn symbol_ref(&self, index: usize) -> SymbolRef {
        relocations::symbol_ref(&self.sections, &self.symbols, index)
    }

    /// Describes the relocation of that index in a table for a message.
    pub(crate) fn relocation_ref(&self, table: &Relocations<'a, A>, index: usize) -> RelocationRef {
        relocations::relocation_ref(&self.sections, &self.symbols, table, index)
    }
}

const MODINFO: KnownSection = KnownSection::row(".modinfo");

fn find<'s, 'a>(sections: &'s [Section<'a>], name: &[u8]) -> Option<(usize, &'s Section<'a>)> {
    sections.iter().enumerate().find(|(_, section)| section.name.is(name))
}

fn find_known(sections: &[Section<'_>], row: KnownSection) -> Option<usize> {
    sections.iter().position(|section| section.known == Some(row))
}

/// Established: `.modinfo`, if there is one, holds strings.
fn check_modinfo<'a>(sections: &[Section<'a>]) -> Result<ModInfo<'a>, Error> {
    let found = find_known(sections, MODINFO);
    let Some((index, section)) = found.and_then(|index| Some((index, sections.get(index)?))) else {
        return Ok(ModInfo::default());
    };
    ModInfo::new(section.data)
        .map_err(|offset| reject(sections, index, SectionProblem::ModInfo(offset)))
}

#[cold]
#[inline(never)]
fn reject(sections: &[Section<'_>], index: usize, problem: SectionProblem) -> Error {
    Error::Section { section: section_ref(sections, index), problem }
}

fn section_ref(sections: &[Section<'_>], index: usize) -> SectionRef {
    let name = sections.get(index).map_or(&b""[..], |section| section.name());
    SectionRef { index, name: name.into() }
}

/// `size` bytes of `file` from `offset` on, if it has them all.
#[inline]
fn slice(file: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    file.get(start..end)
}
