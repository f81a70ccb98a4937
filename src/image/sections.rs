//! Claims about sections (gABI, "Sections").

use super::known::{KnownSection, KnownSections};
use super::strings::{Strings, Text};
use super::{Error, HeaderProblem, SectionProblem, SectionRef, raw};
use crate::arch::{Addends, Arch};
use alloc::vec::Vec;
use bitflags::bitflags;
use goblin::elf::header::EM_X86_64;
use goblin::elf::section_header::*;
use goblin::elf::{Header, SectionHeader};

bitflags! {
    /// What a section is for (`sh_flags`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u64 {
        /// The module writes to it.
        const WRITE = SHF_WRITE as u64;
        /// It is in memory while the module runs.
        const ALLOC = SHF_ALLOC as u64;
        /// It holds instructions.
        const EXECUTE = SHF_EXECINSTR as u64;
        /// `sh_info` is the index of a section.
        const INFO_LINK = SHF_INFO_LINK as u64;
        /// It is thread-local.
        const TLS = SHF_TLS as u64;
        /// It is compressed in the file.
        const COMPRESSED = SHF_COMPRESSED as u64;
    }
}

/// A section that has been checked.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    pub(crate) name: Text<'a>,
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`, without those that do not matter to a loader.
    pub flags: Flags,
    /// Its size in memory, in bytes.
    pub size: u64,
    /// What its address must be a multiple of: a power of two.
    pub align: u64,
    /// Its bytes in the file: `size` of them, or none for `SHT_NOBITS`.
    pub data: &'a [u8],
    /// Whether the module has it in memory: it is allocated and not one of those that only the
    /// loader reads.
    pub loaded: bool,
    /// What its name or type means, if that is not known to the module alone.
    pub known: Option<KnownSection>,
    pub(super) link: u32,
    pub(super) info: u32,
    pub(super) entry_size: u64,
}

impl<'a> Section<'a> {
    /// Its name.
    pub fn name(&self) -> &'a [u8] {
        self.name.bytes()
    }

    /// Whether it has no bytes in the file and is cleared in memory.
    pub fn is_nobits(&self) -> bool {
        self.kind == SHT_NOBITS
    }
}

/// They are marked as allocated, and only the loader reads them.
const FOR_THE_LOADER: KnownSections =
    KnownSections::of([".modinfo", "__versions", "__version_ext_*"]);
/// A module has at most one of each.
const UNIQUE: KnownSections = KnownSections::of([
    ".modinfo",
    ".gnu.linkonce.this_module",
    "__ksymtab",
    "__ksymtab_gpl",
    "__kflagstab",
    #[cfg(feature = "exceptions")]
    "__ex_table",
]);
/// Linux looks at them only if they are allocated and have bytes in the file.
const WITH_BYTES: KnownSections = KnownSections::of([".modinfo", ".gnu.linkonce.this_module"]);

/// Reads all section headers. Established, for each that is not null: its bytes in the file, its
/// alignment, the size of a symbol, its name, and that it can be loaded as what it says it is.
/// Established for all: the first is null, and their sizes add up to no more than `limit`.
// Out of line, as the other checks of many things are: that makes a loader smaller.
#[inline(never)]
pub(super) fn check<'a, A: Arch>(
    file: &'a [u8],
    header: &Header,
    table: &'a [u8],
    limit: u64,
) -> Result<Vec<Section<'a>>, Error> {
    let headers = || table.chunks_exact(raw::sizes::<A>().section_header);
    let mut sections = Vec::new();
    sections.try_reserve_exact(headers().len()).map_err(|_| Error::OutOfMemory)?;
    let names = name_table::<A>(file, header, headers)?;
    let (mut seen, mut size) = (KnownSections::default(), 0_u64);
    let limit = limit.min(isize::MAX as u64 / 2);
    for (index, bytes) in headers().enumerate() {
        let section = raw::section_header::<A>(bytes)
            .ok_or(SectionProblem::OutsideFile)
            .and_then(|header| one::<A>(file, index, header, names));
        let problem = match section {
            Ok(section) => match together(&section, &mut seen, &mut size, limit) {
                Ok(()) => {
                    sections.push(section);
                    continue;
                }
                Err(problem) => problem,
            },
            Err(problem) => problem,
        };
        return Err(reject(index, names, table_name::<A>(bytes), problem));
    }
    Ok(sections)
}

fn table_name<A: Arch>(header: &[u8]) -> usize {
    raw::section_header::<A>(header).map_or(0, |header| header.sh_name)
}

fn reject(index: usize, names: Strings<'_>, name: usize, problem: SectionProblem) -> Error {
    let name = names.get(name).unwrap_or_default().into();
    Error::Section { section: SectionRef { index, name }, problem }
}

/// Established: `e_shstrndx` is the index of a string table.
fn name_table<'a, A: Arch>(
    file: &'a [u8],
    header: &Header,
    mut headers: impl FnMut() -> core::slice::ChunksExact<'a, u8>,
) -> Result<Strings<'a>, Error> {
    let index = usize::from(header.e_shstrndx);
    let names = headers()
        .nth(index)
        .filter(|_| index != 0)
        .and_then(raw::section_header::<A>)
        .ok_or(Error::Header(HeaderProblem::NameTable(header.e_shstrndx)))?;
    let bytes = if names.sh_type == SHT_STRTAB {
        super::slice(file, names.sh_offset, names.sh_size)
    } else {
        None
    };
    bytes.and_then(Strings::new).ok_or_else(|| Error::Section {
        section: SectionRef { index, name: (&b""[..]).into() },
        problem: SectionProblem::StringTable,
    })
}

fn one<'a, A: Arch>(
    file: &'a [u8],
    index: usize,
    header: SectionHeader,
    names: Strings<'a>,
) -> Result<Section<'a>, SectionProblem> {
    if index == 0 {
        first(&header)?;
    }
    // The other members of a header that is null mean nothing, wherever it stands.
    let header = if header.sh_type == SHT_NULL { SectionHeader::default() } else { header };
    let name = names.at(header.sh_name).ok_or(SectionProblem::Name)?;
    let flags = Flags::from_bits_truncate(header.sh_flags);
    alignment(&header)?;
    if header.sh_type == SHT_SYMTAB {
        entries(raw::sizes::<A>().symbol, header.sh_entsize, header.sh_size)?;
    }
    let known = KnownSection::of(name, header.sh_type);
    loadable::<A>(known, &header, flags)?;
    Ok(Section {
        name,
        kind: header.sh_type,
        flags,
        size: header.sh_size,
        align: header.sh_addralign.max(1),
        data: bytes(file, &header)?,
        loaded: flags.contains(Flags::ALLOC) && !FOR_THE_LOADER.has(known),
        known,
        link: header.sh_link,
        info: header.sh_info,
        entry_size: header.sh_entsize,
    })
}

/// Established, as in Linux: the first section header is null, and of no size and address.
#[inline]
fn first(header: &SectionHeader) -> Result<(), SectionProblem> {
    match (header.sh_type, header.sh_size, header.sh_addr) {
        (SHT_NULL, 0, 0) => Ok(()),
        _ => Err(SectionProblem::NotNull),
    }
}

/// Established: the section's bytes, if it has any there, lie in the file.
#[inline]
fn bytes<'a>(file: &'a [u8], header: &SectionHeader) -> Result<&'a [u8], SectionProblem> {
    match header.sh_type {
        SHT_NOBITS => Ok(&[]),
        _ => {
            super::slice(file, header.sh_offset, header.sh_size).ok_or(SectionProblem::OutsideFile)
        }
    }
}

/// Established: the alignment is a power of two; 0 means 1.
#[inline]
fn alignment(header: &SectionHeader) -> Result<(), SectionProblem> {
    match header.sh_addralign {
        0 => Ok(()),
        align if align.is_power_of_two() => Ok(()),
        align => Err(SectionProblem::Alignment(align)),
    }
}

/// Established: a table of `size` bytes has entries of the right size, and only whole ones.
pub(super) fn entries(want: usize, entry_size: u64, size: u64) -> Result<(), SectionProblem> {
    if entry_size != want as u64 {
        return Err(SectionProblem::EntrySize(entry_size));
    }
    if !size.is_multiple_of(entry_size) {
        return Err(SectionProblem::PartialEntry);
    }
    Ok(())
}

/// Established: a section that will be loaded can be; those that the loader reads have bytes.
#[inline]
fn loadable<A: Arch>(
    known: Option<KnownSection>,
    header: &SectionHeader,
    flags: Flags,
) -> Result<(), SectionProblem> {
    if header.sh_flags & NONCONFORMING != 0 {
        return Err(SectionProblem::Nonconforming(header.sh_flags));
    }
    let allocated = flags.contains(Flags::ALLOC);
    if allocated {
        if flags.contains(Flags::TLS) && header.sh_size != 0 {
            return Err(SectionProblem::ThreadLocal);
        }
        if flags.contains(Flags::COMPRESSED) {
            return Err(SectionProblem::Compressed);
        }
        if flags.contains(Flags::WRITE | Flags::EXECUTE) {
            return Err(SectionProblem::WritableCode);
        }
    }
    match (header.sh_type, header.sh_size) {
        _ if !WITH_BYTES.has(known) => {
            if allocated {
                known_type::<A>(header.sh_type)
            } else {
                Ok(())
            }
        }
        _ if !allocated => Err(SectionProblem::NotAllocated),
        (SHT_PROGBITS, 0) => Err(SectionProblem::NoBytes),
        (SHT_PROGBITS, _) => Ok(()),
        (other, _) => Err(SectionProblem::Type(other)),
    }
}

/// The flag `SHF_OS_NONCONFORMING` of the gABI and `SHF_RELA_LIVEPATCH`, by which Linux knows
/// relocations that wait until what they patch is loaded: who does not know what they ask for has
/// to reject the file.
const NONCONFORMING: u64 = SHF_OS_NONCONFORMING as u64 | 0x0010_0000;

/// Established: a type of the gABI, which all are below 20, or an operating system's, whose
/// sections may be treated as others are unless they say that they must not. GNU ld draws the line
/// at the same type. (x86-64 psABI: `SHT_X86_64_UNWIND`.)
#[inline]
fn known_type<A: Arch>(kind: u32) -> Result<(), SectionProblem> {
    match kind {
        0..=19 | SHT_LOOS..=SHT_HIOS => Ok(()),
        SHT_X86_64_UNWIND if A::MACHINE == EM_X86_64 => Ok(()),
        _ => Err(SectionProblem::UnknownType(kind)),
    }
}

/// Established: a section that a module has at most once is not among those that have been `seen`;
/// and the loaded sections fit in `limit` bytes, so that no sum of their sizes can wrap. `total` is
/// what those before this one need. What the gaps between them need is known once they are laid
/// out.
#[inline]
fn together(
    section: &Section<'_>,
    seen: &mut KnownSections,
    total: &mut u64,
    limit: u64,
) -> Result<(), SectionProblem> {
    if let Some(known) = section.known.filter(|known| UNIQUE.has(Some(*known))) {
        if seen.has(Some(known)) {
            return Err(SectionProblem::Repeated);
        }
        seen.insert(known);
    }
    if section.loaded {
        *total = total.saturating_add(section.size);
    }
    if *total > limit { Err(SectionProblem::TooLarge(limit)) } else { Ok(()) }
}

/// Established: no loaded section asks for a stricter alignment than `limit`.
pub(super) fn check_alignments(sections: &[Section<'_>], limit: u64) -> Result<(), Error> {
    let too_strict = |section: &Section<'_>| section.loaded && section.align > limit;
    match sections.iter().position(too_strict) {
        Some(index) => Err(super::reject(sections, index, SectionProblem::AlignmentLimit(limit))),
        None => Ok(()),
    }
}

/// Whether the architecture has relocation sections of type `kind`.
pub(super) fn takes_addends<A: Arch>(kind: u32) -> bool {
    match A::ADDENDS {
        Addends::Both => true,
        Addends::Implicit => kind == SHT_REL,
        Addends::Explicit => kind == SHT_RELA,
    }
}
