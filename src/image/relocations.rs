//! Claims about relocations (gABI, "Relocation").

use super::sections::{Flags, Section, entries, takes_addends};
use super::symbols::Symbols;
use super::{Error, RelocationRef, SectionProblem, SymbolRef, raw, reject, section_ref};
use crate::arch::{Addends, Arch};
use core::marker::PhantomData;
use goblin::elf::section_header::*;

/// The relocations of one section.
#[derive(Clone, Copy, Debug)]
pub struct Relocations<'a, A> {
    /// The index of the section that they change.
    pub target: usize,
    entries: &'a [u8],
    explicit_addends: bool,
    arch: PhantomData<A>,
}

/// A relocation as it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation<W> {
    /// The place: an offset in the section, in bytes, or outside of it.
    pub offset: usize,
    /// Its type, a number of the psABI or not.
    pub r_type: u32,
    /// The index of its symbol, if there is one.
    pub symbol: usize,
    /// The addend, unless it stands at the place.
    pub addend: Option<W>,
}

impl<W> Relocation<W> {
    /// Outside of every section: what an entry with too few bytes would be, if there were any.
    const NOWHERE: Self = Self { offset: usize::MAX, r_type: u32::MAX, symbol: 0, addend: None };
}

impl<'a, A: Arch> Relocations<'a, A> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.chunks_exact(self.entry_size()).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All of them in the order of the file.
    #[inline(always)]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Relocation<A::Word>> + use<'a, A> {
        let explicit = self.has_explicit_addends();
        self.entries
            .chunks_exact(self.entry_size())
            .map(move |entry| raw::relocation::<A>(entry, explicit).unwrap_or(Relocation::NOWHERE))
    }

    /// The one of that index; outside of every section if there is none.
    pub fn get(&self, index: usize) -> Relocation<A::Word> {
        raw::relocation::<A>(self.entry(index), self.has_explicit_addends())
            .unwrap_or(Relocation::NOWHERE)
    }

    /// The bytes of the one of that index; none if there is none.
    fn entry(&self, index: usize) -> &'a [u8] {
        self.entries.chunks_exact(self.entry_size()).nth(index).unwrap_or_default()
    }

    /// Known when the crate is compiled where the architecture has one kind only.
    #[inline(always)]
    fn has_explicit_addends(&self) -> bool {
        match A::ADDENDS {
            Addends::Explicit => true,
            Addends::Implicit => false,
            Addends::Both => self.explicit_addends,
        }
    }

    #[inline(always)]
    fn entry_size(&self) -> usize {
        let sizes = raw::sizes::<A>();
        if self.has_explicit_addends() { sizes.rela } else { sizes.rel }
    }
}

/// Established, for each section that is not empty and holds relocations of a section that is
/// loaded: they are in the format of the gABI and of the architecture, its symbol table, and that
/// there are bytes to change.
///
/// Relocations of sections that are not loaded (debug information) are never applied. Established
/// for all others: they are not more than the `room` bytes of the file hold, so that nothing takes
/// longer than its size allows.
#[inline(never)]
pub(super) fn check<A: Arch>(sections: &[Section<'_>], mut room: u64) -> Result<(), Error> {
    for (index, section) in sections.iter().enumerate().filter(|(_, section)| section.size != 0) {
        let checked = if is_table(section) {
            table::<A>(section, sections, &mut room)
        } else {
            other_format(section, sections)
        };
        checked.map_err(|problem| reject(sections, index, problem))?;
    }
    Ok(())
}

/// The relocations of all sections that are loaded, given what [`check`] has let pass.
pub(super) fn all<'s, 'a, A: Arch>(
    sections: &'s [Section<'a>],
) -> impl Iterator<Item = Relocations<'a, A>> + use<'s, 'a, A> {
    sections.iter().filter(|section| is_table(section)).filter_map(|section| {
        let target = section.info as usize;
        sections.get(target).filter(|changed| changed.loaded)?;
        Some(Relocations {
            target,
            entries: section.data,
            explicit_addends: section.kind == SHT_RELA,
            arch: PhantomData,
        })
    })
}

fn is_table(section: &Section<'_>) -> bool {
    matches!(section.kind, SHT_REL | SHT_RELA)
}

/// Established for a table of relocations: `sh_info` is a section; and if it is one that is loaded,
/// everything that applying them takes.
fn table<A: Arch>(
    section: &Section<'_>,
    sections: &[Section<'_>],
    room: &mut u64,
) -> Result<(), SectionProblem> {
    let changed = match sections.get(section.info as usize) {
        Some(changed) if section.info != 0 => changed,
        _ => return Err(SectionProblem::Target(section.info)),
    };
    if !changed.loaded {
        return Ok(());
    }
    *room = room.checked_sub(section.size).ok_or(SectionProblem::Overlap)?;
    if !takes_addends::<A>(section.kind) {
        return Err(SectionProblem::AddendKind);
    }
    if section.flags.contains(Flags::COMPRESSED) {
        return Err(SectionProblem::Compressed);
    }
    let sizes = raw::sizes::<A>();
    let entry_size = if section.kind == SHT_RELA { sizes.rela } else { sizes.rel };
    entries(entry_size, section.entry_size, section.size)?;
    match sections.get(section.link as usize) {
        Some(table) if table.kind == SHT_SYMTAB => {}
        _ => return Err(SectionProblem::Link(section.link)),
    }
    if changed.is_nobits() { Err(SectionProblem::Target(section.info)) } else { Ok(()) }
}

/// Established for a section that is no such table: it holds no relocations of a loaded section in
/// another format.
fn other_format(section: &Section<'_>, sections: &[Section<'_>]) -> Result<(), SectionProblem> {
    let links = section.flags.contains(Flags::INFO_LINK);
    // Most sections.
    if section.kind == SHT_PROGBITS && !links {
        return Ok(());
    }
    let is_named = is_named_so(section);
    let target = sections.get(section.info as usize).filter(|_| section.info != 0);
    let is_format = match section.kind {
        SHT_RELR | SHT_ANDROID_RELR => true,
        _ if target.is_some_and(|found| !found.loaded) => false,
        SHT_CREL | SHT_ANDROID_REL | SHT_ANDROID_RELA => true,
        // The gABI's other types are all something else, unless all but the type says relocations.
        0..=11 | 14..=18 => links && is_named,
        _ => links || is_named,
    };
    if is_format { Err(SectionProblem::RelocationFormat(section.kind)) } else { Ok(()) }
}

/// Whether the name is one that assemblers give to relocations.
fn is_named_so(section: &Section<'_>) -> bool {
    [".rel", ".crel"].iter().any(|prefix| section.name.starts_with(prefix.as_bytes()))
}

/// Relocations that are not in the format of the gABI: compact ones (LLVM), lists of addresses that
/// move with the image (gABI), and Android's packed forms of all of them.
pub(super) const SHT_RELR: u32 = 19;
pub(super) const SHT_CREL: u32 = 0x4000_0014;
pub(super) const SHT_ANDROID_REL: u32 = 0x6000_0001;
pub(super) const SHT_ANDROID_RELA: u32 = 0x6000_0002;
pub(super) const SHT_ANDROID_RELR: u32 = 0x6fff_ff00;

/// Describes the relocation of that index in a table for a message.
#[cold]
pub(crate) fn relocation_ref<A: Arch>(
    sections: &[Section<'_>],
    symbols: &Symbols<'_, A>,
    table: &Relocations<'_, A>,
    index: usize,
) -> RelocationRef {
    let entry = table.entry(index);
    let offset = raw::Fields::<A>::new(entry).native().unwrap_or(0);
    let entry = raw::relocation::<A>(entry, table.explicit_addends);
    let (symbol, r_type) = entry.map_or((0, 0), |entry| (entry.symbol, entry.r_type));
    RelocationRef {
        section: section_ref(sections, table.target),
        offset,
        machine: A::MACHINE,
        r_type,
        symbol: symbol_ref(sections, symbols, symbol),
    }
}

/// Describes the symbol of that index for a message; one without a name by that of its section.
#[cold]
#[inline(never)]
pub(super) fn symbol_ref<A: Arch>(
    sections: &[Section<'_>],
    symbols: &Symbols<'_, A>,
    index: usize,
) -> SymbolRef {
    let name = match symbols.get(index).map(|found| (found.name(), found.definition())) {
        Some((b"", super::Definition::Section(section))) => section_ref(sections, section).name,
        Some((name, _)) => name.into(),
        None => (&b""[..]).into(),
    };
    SymbolRef { index, name }
}
