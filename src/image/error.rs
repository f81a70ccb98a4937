//! Why a file is not a module that can be linked.

use super::relocations::{SHT_ANDROID_REL, SHT_ANDROID_RELA, SHT_ANDROID_RELR, SHT_CREL, SHT_RELR};
use crate::arch::Names;
use crate::errno::Errno;
use crate::heap::OutOfMemory;
use crate::name::Name;
use core::fmt;

/// A claim about the file that does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The file header.
    Header(HeaderProblem),
    /// A section.
    Section {
        /// Which.
        section: SectionRef,
        /// What is wrong with it.
        problem: SectionProblem,
    },
    /// There is not exactly one symbol table, but this number.
    SymbolTables(usize),
    /// A symbol.
    Symbol {
        /// Which.
        symbol: SymbolRef,
        /// What is wrong with it.
        problem: SymbolProblem,
    },
    /// All sections and the gaps between them need more bytes than the limit.
    TooLarge {
        /// The bytes that they need.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The heap is exhausted.
    OutOfMemory,
}

/// A section, by its index in the section header table and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionRef {
    /// The index.
    pub index: usize,
    /// The name; empty if it could not be read.
    pub name: Name,
}

/// A symbol, by its index in the symbol table and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolRef {
    /// The index.
    pub index: usize,
    /// The name; empty if it has none or it could not be read.
    pub name: Name,
}

/// A relocation, by the section and offset that it applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelocationRef {
    /// The section that it changes.
    pub section: SectionRef,
    /// The offset in that section, in bytes.
    pub offset: u64,
    /// The architecture whose type it is (`e_machine`).
    pub machine: u16,
    /// Its type, a number of the psABI.
    pub r_type: u32,
    /// The symbol that it refers to.
    pub symbol: SymbolRef,
}

/// What is wrong with a file header (gABI, "ELF Header").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderProblem {
    /// The file ends inside the header.
    Truncated,
    /// It does not start with the ELF magic number.
    Magic,
    /// `EI_CLASS` is not the architecture's.
    Class(u8),
    /// `EI_DATA` is not the architecture's.
    ByteOrder(u8),
    /// `EI_VERSION` is not `EV_CURRENT`.
    IdentVersion(u8),
    /// `e_version` is not `EV_CURRENT`.
    Version(u32),
    /// `e_type` is not `ET_REL`.
    Type(u16),
    /// `e_machine` is not the architecture's.
    Machine(u16),
    /// `e_ehsize` is not the size of the header.
    HeaderSize {
        /// What it is.
        found: u16,
        /// What it should be.
        want: usize,
    },
    /// `e_shentsize` is not the size of a section header.
    SectionHeaderSize {
        /// What it is.
        found: u16,
        /// What it should be.
        want: usize,
    },
    /// `e_shnum` is 0 or too large for a count.
    SectionCount(u16),
    /// There are more sections than `e_shnum` can count (extended numbering): this number.
    TooManySections(u64),
    /// The section header table leaves the file.
    SectionTable,
    /// `e_shstrndx` is not the index of a section.
    NameTable(u16),
}

/// What is wrong with a section (gABI, "Sections").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SectionProblem {
    /// It is the first, and not `SHT_NULL` without a size and an address.
    NotNull,
    /// Its bytes leave the file.
    OutsideFile,
    /// Its alignment is not a power of two.
    Alignment(u64),
    /// Its alignment is stricter than the kernel's limit
    /// ([`Platform::MAX_ALIGN`](crate::Platform::MAX_ALIGN)), which is this in bytes.
    AlignmentLimit(u64),
    /// It and the sections before it need more bytes of memory than the limit, which is this.
    TooLarge(u64),
    /// `sh_entsize` is not the size of its entries.
    EntrySize(u64),
    /// Its size is not a multiple of the size of its entries.
    PartialEntry,
    /// Its name leaves the table of names.
    Name,
    /// It should be a string table, and is none that starts and ends with NUL.
    StringTable,
    /// `sh_link` is not the index of the section that it needs.
    Link(u32),
    /// `sh_info` is not the index of a section that can be relocated.
    Target(u32),
    /// It and the tables of relocations before it have more bytes than the file: they overlap.
    Overlap,
    /// It holds relocations of a loaded section in another format than `SHT_REL` and `SHT_RELA`:
    /// in that of this `sh_type`.
    RelocationFormat(u32),
    /// Its relocations are of the kind (REL or RELA) that the architecture does not have.
    AddendKind,
    /// It is thread-local, which a kernel has no use for.
    ThreadLocal,
    /// It is compressed, and would be loaded so.
    Compressed,
    /// Its flags ask for processing that nobody does (`SHF_OS_NONCONFORMING`, Linux's
    /// `SHF_RELA_LIVEPATCH`): all of its `sh_flags`.
    Nonconforming(u64),
    /// It is allocated, and its `sh_type` is none that is known: this.
    UnknownType(u32),
    /// It must be allocated (`SHF_ALLOC`).
    NotAllocated,
    /// It would be writable and executable at once.
    WritableCode,
    /// It may be there only once.
    Repeated,
    /// It must not be empty.
    NoBytes,
    /// Its `sh_type` must be `SHT_PROGBITS`, and is this.
    Type(u32),
    /// The string at this offset does not end.
    ModInfo(usize),
}

/// What is wrong with a symbol (gABI, "Symbol Table").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SymbolProblem {
    /// Its name leaves the string table.
    Name,
    /// It is defined in a section that does not exist, or has a reserved index.
    Section(u16),
    /// Its section index is in an extra table (`SHN_XINDEX`).
    ExtendedIndex,
    /// It is a common symbol: the module has to be compiled with `-fno-common`.
    Common {
        /// The bytes that it asks for.
        size: u64,
        /// Whether it is one of x86-64's large model (`SHN_X86_64_LCOMMON`).
        large: bool,
    },
    /// It marks a file that has no code but for link-time optimisation (GCC's
    /// `-fno-fat-lto-objects`).
    SlimLto,
    /// It is thread-local.
    ThreadLocal,
    /// It is an indirect function.
    IndirectFunction,
    /// Its binding is none that modules have.
    Binding(u8),
    /// Symbol 0 must be empty.
    NotNull,
    /// The names of it and of those before it, which share their bytes, are too long together to be kept.
    #[cfg(feature = "kallsyms")]
    SharedNames,
}

impl Error {
    /// The error number that Linux gives for it.
    pub const fn errno(&self) -> Errno {
        match self {
            Self::OutOfMemory => Errno::ENOMEM,
            Self::TooLarge { .. } => Errno::ENOMEM,
            Self::Section { problem: SectionProblem::TooLarge(_), .. } => Errno::ENOMEM,
            _ => Errno::ENOEXEC,
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(problem) => write!(f, "ELF header: {problem}"),
            Self::Section { section, problem } => write!(f, "{section}: {problem}"),
            Self::SymbolTables(found) => {
                write!(f, "a module has exactly one symbol table; this one has {found}")
            }
            Self::Symbol { symbol, problem } => write!(f, "{symbol}: {problem}"),
            Self::TooLarge { size, limit } => {
                write!(f, "needs {size} bytes of memory; the limit is {limit}")
            }
            Self::OutOfMemory => OutOfMemory.fmt(f),
        }
    }
}

impl fmt::Display for SectionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section {} ({})", self.index, self.name)
    }
}

impl fmt::Display for SymbolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "symbol {} ({})", self.index, self.name)
    }
}

impl fmt::Display for RelocationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, offset, machine, r_type, symbol } = self;
        match Names::of_machine(*machine).and_then(|names| names.get(*r_type)) {
            Some(name) => write!(f, "{section}+{offset:#x}: {name} to {symbol}"),
            None => write!(f, "{section}+{offset:#x}: relocation of type {r_type} to {symbol}"),
        }
    }
}

impl fmt::Display for HeaderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the file ends inside it"),
            Self::Magic => f.write_str("not an ELF file"),
            Self::Class(found) => write!(f, "EI_CLASS {found} is not this architecture's"),
            Self::ByteOrder(found) => write!(f, "EI_DATA {found} is not this architecture's"),
            Self::IdentVersion(found) => write!(f, "EI_VERSION is {found}, not 1"),
            Self::Version(found) => write!(f, "e_version is {found}, not 1"),
            Self::Type(found) => write!(f, "e_type is {found}; a module is relocatable, type 1"),
            Self::Machine(found) => write!(f, "e_machine {found} is not this architecture's"),
            Self::HeaderSize { found, want } => write!(f, "e_ehsize is {found}, not {want}"),
            Self::SectionHeaderSize { found, want } => {
                write!(f, "e_shentsize is {found}, not {want}")
            }
            Self::SectionCount(found) => write!(f, "e_shnum is {found}"),
            Self::TooManySections(found) => {
                write!(f, "{found} sections; more than 65,279 are not supported")
            }
            Self::SectionTable => f.write_str("the section header table leaves the file"),
            Self::NameTable(found) => write!(f, "e_shstrndx {found} is not a section's index"),
        }
    }
}

impl fmt::Display for SectionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNull => f.write_str("the first section header must be null"),
            Self::OutsideFile => f.write_str("its bytes leave the file"),
            Self::Alignment(found) => write!(f, "alignment {found} is not a power of two"),
            Self::AlignmentLimit(limit) => {
                write!(f, "its alignment is stricter than the limit of {limit} bytes")
            }
            Self::TooLarge(limit) => {
                write!(f, "with it, more memory is needed than the limit of {limit} bytes")
            }
            Self::EntrySize(found) => write!(f, "sh_entsize {found} is not that of its entries"),
            Self::PartialEntry => f.write_str("its size is not a whole number of entries"),
            Self::Name => f.write_str("its name leaves the table of section names"),
            Self::StringTable => f.write_str("not a string table that starts and ends with NUL"),
            Self::Link(found) => write!(f, "sh_link {found} is not the section that it needs"),
            Self::Target(found) => write!(f, "sh_info {found} is no section to relocate"),
            Self::RelocationFormat(kind) => {
                f.write_str("relocations in a format that is not supported: ")?;
                match relocation_format(*kind) {
                    Some(name) => write!(f, "{name} ({kind:#x})"),
                    None => write!(f, "sh_type {kind:#x}"),
                }
            }
            Self::Overlap => f.write_str("its relocations are those of other tables, too"),
            Self::AddendKind => f.write_str("this architecture has no relocations of its kind"),
            Self::ThreadLocal => f.write_str("thread-local storage is not for kernels"),
            Self::Compressed => f.write_str("compressed sections cannot be loaded"),
            Self::Nonconforming(flags) => {
                write!(f, "sh_flags {flags:#x} ask for processing that is not supported")
            }
            Self::UnknownType(found) => write!(f, "unknown sh_type {found:#x}"),
            Self::NotAllocated => f.write_str("it must be allocated"),
            Self::WritableCode => f.write_str("writable and executable at once"),
            Self::Repeated => f.write_str("a section of this name may be there only once"),
            Self::NoBytes => f.write_str("it must not be empty"),
            Self::Type(found) => write!(f, "sh_type is {found}; it must be SHT_PROGBITS, 1"),
            Self::ModInfo(offset) => write!(f, "the string at {offset:#x} does not end"),
        }
    }
}

/// The name of an `sh_type` whose sections hold relocations.
fn relocation_format(kind: u32) -> Option<&'static str> {
    Some(match kind {
        SHT_CREL => "SHT_CREL",
        SHT_RELR => "SHT_RELR",
        SHT_ANDROID_REL => "SHT_ANDROID_REL",
        SHT_ANDROID_RELA => "SHT_ANDROID_RELA",
        SHT_ANDROID_RELR => "SHT_ANDROID_RELR",
        _ => return None,
    })
}

impl fmt::Display for SymbolProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("its name leaves the string table"),
            Self::Section(found) => write!(f, "its section {found} does not exist"),
            Self::ExtendedIndex => f.write_str("extended section indices are not supported"),
            Self::Common { size, large } => {
                let large = if *large { "large " } else { "" };
                write!(f, "{large}common symbol of {size} bytes; compile with -fno-common")
            }
            Self::SlimLto => {
                f.write_str("no code but for link-time optimisation; compile with -fno-lto")
            }
            Self::ThreadLocal => f.write_str("thread-local storage is not for kernels"),
            Self::IndirectFunction => f.write_str("indirect functions are not supported"),
            Self::Binding(found) => write!(f, "unknown binding {found}"),
            Self::NotNull => f.write_str("the first symbol must be empty"),
            #[cfg(feature = "kallsyms")]
            Self::SharedNames => {
                f.write_str("too many names share bytes, so that they cannot be kept")
            }
        }
    }
}
