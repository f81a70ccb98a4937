//! Claims about relocations (gABI, "Relocation").

use super::sections::{Section, takes_addends};
use super::symbols::Symbols;
use super::{Error, RelocationProblem, RelocationRef, SectionProblem, SymbolRef, raw, section_ref};
use crate::arch::{self, Arch, Encoding};
use alloc::vec::Vec;
use core::marker::PhantomData;
use goblin::elf::reloc::Reloc;
use goblin::elf::section_header::*;

/// The relocations of one section.
#[derive(Clone, Copy, Debug)]
pub struct Relocations<'a, A> {
    /// The index of the section that they change.
    pub target: usize,
    /// Whether any of them needs a global offset table.
    pub needs_got: bool,
    entries: &'a [u8],
    explicit_addends: bool,
    arch: PhantomData<A>,
}

/// A relocation that has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The place: an offset in the section, in bytes.
    pub offset: usize,
    /// Its type, a number of the psABI that the architecture knows.
    pub r_type: u32,
    /// The index of its symbol.
    pub symbol: usize,
    /// The addend, unless it stands at the place.
    pub addend: Option<i64>,
}

impl<'a, A: Arch> Relocations<'a, A> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len() / self.entry_size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All of them in the order of the file.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Relocation> + use<'a, A> {
        let explicit = self.explicit_addends;
        self.entries
            .chunks_exact(self.entry_size())
            .filter_map(move |entry| raw::relocation::<A>(entry, explicit))
            .map(|entry| Relocation {
                offset: entry.r_offset as usize,
                r_type: entry.r_type,
                symbol: entry.r_sym,
                addend: entry.r_addend,
            })
    }

    fn entry_size(&self) -> usize {
        let sizes = raw::sizes::<A>();
        if self.explicit_addends { sizes.rela } else { sizes.rel }
    }
}

/// Finds the relocations of all sections that are loaded. Established, for each relocation
/// section: the one that it changes and the symbol table; and for each relocation there: its
/// type, its place with all bytes that it changes, and its symbol.
///
/// Relocations of other sections (debug information) are never applied and not looked at.
pub(super) fn check<'a, A: Arch>(
    sections: &[Section<'a>],
    symbols: &Symbols<'a, A>,
) -> Result<Vec<Relocations<'a, A>>, Error> {
    let is_table = |section: &Section<'_>| matches!(section.kind, SHT_REL | SHT_RELA);
    let mut tables = Vec::new();
    let count = sections.iter().filter(|section| is_table(section)).count();
    tables.try_reserve_exact(count).map_err(|_| Error::OutOfMemory)?;
    for (index, section) in sections.iter().enumerate().filter(|(_, section)| is_table(section)) {
        let refuse = |problem| Error::Section { section: section_ref(sections, index), problem };
        links(section, sections).map_err(refuse)?;
        let target = section.info as usize;
        let Some(changed) = sections.get(target).filter(|changed| changed.loaded) else {
            continue;
        };
        applicable::<A>(section, changed).map_err(refuse)?;
        let mut table = Relocations {
            target,
            needs_got: false,
            entries: section.data,
            explicit_addends: section.kind == SHT_RELA,
            arch: PhantomData,
        };
        table.needs_got = each(&table, changed, symbols, sections)?;
        tables.push(table);
    }
    Ok(tables)
}

/// Established: `sh_link` is the symbol table and `sh_info` a section with contents of its own.
fn links(section: &Section<'_>, sections: &[Section<'_>]) -> Result<(), SectionProblem> {
    match sections.get(section.link as usize) {
        Some(table) if table.kind == SHT_SYMTAB => {}
        _ => return Err(SectionProblem::Link(section.link)),
    }
    match sections.get(section.info as usize) {
        Some(target)
            if !matches!(target.kind, SHT_NULL | SHT_SYMTAB | SHT_STRTAB | SHT_REL | SHT_RELA) =>
        {
            Ok(())
        }
        _ => Err(SectionProblem::Target(section.info)),
    }
}

/// Established: the architecture has relocations of this kind, and there are bytes to change.
fn applicable<A: Arch>(section: &Section<'_>, changed: &Section<'_>) -> Result<(), SectionProblem> {
    if !takes_addends::<A>(section.kind) {
        return Err(SectionProblem::AddendKind);
    }
    if changed.is_zeroed() && section.size != 0 {
        return Err(SectionProblem::Target(section.info));
    }
    Ok(())
}

/// Checks all relocations of a table; returns whether any needs a global offset table.
fn each<'a, A: Arch>(
    table: &Relocations<'a, A>,
    changed: &Section<'a>,
    symbols: &Symbols<'a, A>,
    sections: &[Section<'a>],
) -> Result<bool, Error> {
    let symbol_count = symbols.len();
    let mut needs_got = false;
    let entries = table.entries.chunks_exact(table.entry_size());
    for entry in entries.filter_map(|bytes| raw::relocation::<A>(bytes, table.explicit_addends)) {
        let checked = one::<A>(&entry, changed, symbol_count);
        needs_got |= checked.map_err(|problem| Error::Relocation {
            relocation: relocation_ref(
                sections,
                symbols,
                table.target,
                entry.r_offset,
                entry.r_type,
                entry.r_sym,
            ),
            problem,
        })?;
    }
    Ok(needs_got)
}

#[inline]
fn one<A: Arch>(
    entry: &Reloc,
    changed: &Section<'_>,
    symbol_count: usize,
) -> Result<bool, RelocationProblem> {
    if entry.r_sym >= symbol_count {
        return Err(RelocationProblem::SymbolIndex);
    }
    let (before, place) = usize::try_from(entry.r_offset)
        .ok()
        .and_then(|offset| changed.data.split_at_checked(offset))
        .ok_or(RelocationProblem::OutsideSection)?;
    let arch::Relocation { operation, encoding } =
        A::relocation(entry.r_type, before).ok_or(RelocationProblem::UnknownType)?;
    if place.len() < encoding.width() {
        return Err(RelocationProblem::OutsideSection);
    }
    Ok(operation.needs_got())
}

/// Describes a relocation for a message.
pub(crate) fn relocation_ref<A: Arch>(
    sections: &[Section<'_>],
    symbols: &Symbols<'_, A>,
    target: usize,
    offset: u64,
    r_type: u32,
    symbol: usize,
) -> RelocationRef {
    let found = symbols.get(symbol);
    let name = match found.map(|found| (found.name(), found.definition)) {
        Some((b"", super::Definition::Section(index))) => section_ref(sections, index).name,
        Some((name, _)) => name.into(),
        None => (&b""[..]).into(),
    };
    RelocationRef {
        section: section_ref(sections, target),
        offset,
        r_type,
        symbol: SymbolRef { index: symbol, name },
    }
}
