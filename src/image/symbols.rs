//! Claims about symbols (gABI, "Symbol Table").

use super::sections::Section;
use super::strings::Strings;
#[cfg(feature = "kallsyms")]
use super::strings::Text;
use super::{Error, SectionProblem, SymbolProblem, SymbolRef, raw, reject};
use crate::arch::Arch;
use core::marker::PhantomData;
use goblin::elf::Sym;
use goblin::elf::header::EM_X86_64;
use goblin::elf::section_header::*;
use goblin::elf::sym::*;

/// The longest name in bytes by which a symbol is looked up: 511, as in Linux. A file whose symbols
/// share one long name cannot keep the linker busy for longer than its size allows.
pub const MAX_SYMBOL_NAME: usize = 511;

/// The symbol table of an [`Image`](super::Image).
#[derive(Clone, Copy, Debug)]
pub struct Symbols<'a, A> {
    entries: &'a [u8],
    strings: Strings<'a>,
    arch: PhantomData<A>,
}

/// A symbol that has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Symbol<'a> {
    /// Its value: an offset in its section, or an address if it is absolute.
    pub value: u64,
    /// The bytes that it covers.
    pub size: u64,
    /// Who sees it.
    pub binding: Binding,
    /// `STT_*`: function, object, section, file …
    pub kind: u8,
    section: usize,
    name: usize,
    strings: Strings<'a>,
}

/// Where a symbol is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// Elsewhere: in the kernel or another module.
    Undefined,
    /// Nowhere: its value is an address.
    Absolute,
    /// In the section of that index.
    Section(usize),
}

/// Who sees a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Its own file.
    Local,
    /// Everybody.
    Global,
    /// Everybody; and it may be undefined.
    Weak,
}

impl<'a> Symbol<'a> {
    /// Where it is defined.
    #[inline(always)]
    pub fn definition(&self) -> Definition {
        match self.section as u32 {
            SHN_UNDEF => Definition::Undefined,
            SHN_ABS => Definition::Absolute,
            _ => Definition::Section(self.section),
        }
    }

    /// The index of the section that it is defined in, or one that means something else and is no section's.
    #[cfg(feature = "kallsyms")]
    #[inline(always)]
    pub(crate) fn section_index(&self) -> usize {
        self.section
    }

    /// Its name; that of a section symbol is empty.
    pub fn name(&self) -> &'a [u8] {
        self.strings.get(self.name).unwrap_or_default()
    }

    /// The table of strings from the first byte of its name on, which a NUL ends.
    #[cfg(feature = "kallsyms")]
    #[inline]
    pub(crate) fn name_and_rest(&self) -> &'a [u8] {
        self.strings.at(self.name).map(Text::rest).unwrap_or_default()
    }

    /// Its name, unless that is longer than [`MAX_SYMBOL_NAME`].
    #[inline]
    pub fn short_name(&self) -> Option<&'a [u8]> {
        self.strings.get_short(self.name, MAX_SYMBOL_NAME)
    }

    /// Whether that is its name.
    #[inline]
    pub fn is_named(&self, name: &[u8]) -> bool {
        self.strings.at(self.name).is_some_and(|text| text.is(name))
    }
}

impl<'a, A: Arch> Symbols<'a, A> {
    /// How many there are, the empty one at index 0 included.
    pub fn len(&self) -> usize {
        self.entries.chunks_exact(raw::sizes::<A>().symbol).len()
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of the table and of its strings.
    #[cfg(feature = "kallsyms")]
    pub(crate) fn table_size(&self) -> usize {
        self.entries.len().saturating_add(self.strings.len())
    }

    /// All symbols in the order of their indices.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = Symbol<'a>> + use<'a, A> {
        let strings = self.strings;
        self.entries().map(move |entry| checked(&entry, strings))
    }

    #[inline(always)]
    fn entries(&self) -> impl Iterator<Item = Sym> + use<'a, A> {
        self.entries.chunks_exact(raw::sizes::<A>().symbol).filter_map(raw::symbol::<A>)
    }

    /// The symbol of that index.
    pub fn get(&self, index: usize) -> Option<Symbol<'a>> {
        self.entry(index)
    }

    /// The same where instructions are counted.
    #[inline(always)]
    pub(crate) fn entry(&self, index: usize) -> Option<Symbol<'a>> {
        let size = raw::sizes::<A>().symbol;
        let at = index.checked_mul(size)?;
        let entry = raw::symbol::<A>(self.entries.get(at..)?.get(..size)?)?;
        Some(checked(&entry, self.strings))
    }
}

impl<A: Arch> Symbols<'_, A> {
    /// Describes the symbol of that index for a message.
    #[cold]
    pub(crate) fn describe(&self, index: usize) -> SymbolRef {
        let name = self.get(index).map_or(&b""[..], |symbol| symbol.name());
        SymbolRef { index, name: name.into() }
    }
}

/// The symbol of an entry that [`check`] has let pass.
#[inline(always)]
fn checked<'a>(entry: &Sym, strings: Strings<'a>) -> Symbol<'a> {
    Symbol {
        section: entry.st_shndx,
        value: entry.st_value,
        size: entry.st_size,
        binding: match entry.st_bind() {
            STB_LOCAL => Binding::Local,
            STB_WEAK => Binding::Weak,
            _ => Binding::Global,
        },
        kind: entry.st_type(),
        name: entry.st_name,
        strings,
    }
}

/// Finds the symbol table. Established: there is exactly one, its strings are a string table, and
/// of every symbol the name, the section, the binding and the type. Its value may be anything, as
/// for GNU ld: before, in or after its section.
pub(super) fn check<'a, A: Arch>(sections: &[Section<'a>]) -> Result<Symbols<'a, A>, Error> {
    let mut tables = sections.iter().enumerate().filter(|(_, section)| section.kind == SHT_SYMTAB);
    let (Some((index, table)), None) = (tables.next(), tables.next()) else {
        let count = sections.iter().filter(|section| section.kind == SHT_SYMTAB).count();
        return Err(Error::SymbolTables(count));
    };
    let link = table.link as usize;
    let strings = sections
        .get(link)
        .filter(|strings| strings.kind == SHT_STRTAB)
        .ok_or_else(|| reject(sections, index, SectionProblem::Link(table.link)))?;
    let strings = Strings::new(strings.data)
        .ok_or_else(|| reject(sections, link, SectionProblem::StringTable))?;
    let symbols = Symbols { entries: table.data, strings, arch: PhantomData };
    first_problem(&symbols, sections)
        .map_err(|(index, problem)| Error::Symbol { symbol: symbols.describe(index), problem })?;
    Ok(symbols)
}

/// A function of its own, so that the loop has the registers to itself.
#[inline(never)]
fn first_problem<A: Arch>(
    symbols: &Symbols<'_, A>,
    sections: &[Section<'_>],
) -> Result<(), (usize, SymbolProblem)> {
    for (index, entry) in symbols.entries().enumerate() {
        one::<A>(index, entry, symbols.strings, sections).map_err(|problem| (index, problem))?;
    }
    Ok(())
}

#[inline(always)]
fn one<A: Arch>(
    index: usize,
    entry: Sym,
    strings: Strings<'_>,
    sections: &[Section<'_>],
) -> Result<(), SymbolProblem> {
    null(index, &entry)?;
    if entry.st_name >= strings.len() {
        return Err(SymbolProblem::Name);
    }
    binding(&entry)?;
    kind(&entry)?;
    definition::<A>(&entry, strings, sections)
}

/// Established: the symbol at index 0 refers to nothing.
#[inline(always)]
fn null(index: usize, entry: &Sym) -> Result<(), SymbolProblem> {
    if index == 0 && (entry.st_shndx as u32 != SHN_UNDEF || entry.st_name != 0) {
        return Err(SymbolProblem::NotNull);
    }
    Ok(())
}

/// Established: local, global or weak; GNU's unique symbols are global ones to a kernel.
#[inline(always)]
fn binding(entry: &Sym) -> Result<(), SymbolProblem> {
    match entry.st_bind() {
        STB_LOCAL | STB_GLOBAL | STB_WEAK | STB_GNU_UNIQUE => Ok(()),
        other => Err(SymbolProblem::Binding(other)),
    }
}

/// Established: neither thread-local nor an indirect function.
#[inline(always)]
fn kind(entry: &Sym) -> Result<(), SymbolProblem> {
    match entry.st_type() {
        STT_TLS => Err(SymbolProblem::ThreadLocal),
        STT_GNU_IFUNC => Err(SymbolProblem::IndirectFunction),
        _ => Ok(()),
    }
}

/// Established: undefined, absolute, or in a section that exists; or a mark of the compiler's that
/// stands for nothing.
#[inline(always)]
fn definition<A: Arch>(
    entry: &Sym,
    strings: Strings<'_>,
    sections: &[Section<'_>],
) -> Result<(), SymbolProblem> {
    let index = entry.st_shndx;
    match index as u32 {
        SHN_UNDEF | SHN_ABS => Ok(()),
        _ if index < sections.len() => Ok(()),
        _ => reserved::<A>(entry, strings),
    }
}

/// The large model's common symbols (x86-64 psABI, "Special Sections").
const SHN_X86_64_LCOMMON: u32 = 0xff02;

/// What an index means that is no section's.
#[cold]
#[inline(never)]
fn reserved<A: Arch>(entry: &Sym, strings: Strings<'_>) -> Result<(), SymbolProblem> {
    let size = entry.st_size;
    match entry.st_shndx as u32 {
        SHN_COMMON => {
            // GCC marks files for link-time optimisation: with `__gnu_lto_v1`, which says no more,
            // and with `__gnu_lto_slim` those that have no code but for that.
            match strings.at(entry.st_name) {
                Some(name) if name.is(b"__gnu_lto_slim") => Err(SymbolProblem::SlimLto),
                Some(name) if name.starts_with(b"__gnu_lto") => Ok(()),
                _ => Err(SymbolProblem::Common { size, large: false }),
            }
        }
        SHN_X86_64_LCOMMON if A::MACHINE == EM_X86_64 => {
            Err(SymbolProblem::Common { size, large: true })
        }
        SHN_XINDEX => Err(SymbolProblem::ExtendedIndex),
        index => Err(SymbolProblem::Section(index as u16)),
    }
}
