//! What is in an object file, read independently of modlink.

use crate::target::{Needs, SlotField, Target};
use anyhow::{Context, Result, bail};
use object::elf::*;
use object::read::elf::{FileHeader, Rel, Rela, SectionHeader, SectionTable, Sym, SymbolTable};
use object::{Endianness, FileKind, SymbolIndex};
use std::collections::{BTreeMap, BTreeSet};

/// The name by which files refer to the global offset table.
const GOT: &[u8] = b"_GLOBAL_OFFSET_TABLE_";

/// What the names of the common symbols start with by which compilers mark what they made for
/// link-time optimisation. Nothing refers to them.
pub const LTO_MARK: &[u8] = b"__gnu_lto";

/// The one of these that says that there is no code but for that.
const SLIM_LTO_MARK: &[u8] = b"__gnu_lto_slim";

/// Common symbols of the large and medium code models (x86-64 psABI, "Special Sections").
const SHN_X86_64_LCOMMON: SymbolSection = SymbolSection(0xff02);

/// Sections that are marked as allocated, that only a module's loader reads and that therefore
/// have no address: the module's description and the versions of what it imports.
const NOT_LOADED: [&[u8]; 2] = [b".modinfo", b"__versions"];

/// An object file, as far as the oracle cares.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its sections in the order of their indices; the first is the null section.
    pub sections: Vec<Section>,
    /// The names of the undefined symbols, and whether the file works without them.
    pub undefined: BTreeMap<Vec<u8>, Binding>,
    /// The sections that are not allocated and define a symbol that an allocated one refers to.
    pub ghosts: BTreeSet<usize>,
}

/// How much a file needs an undefined symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It does.
    Global,
    /// It works without.
    Weak,
}

/// A section.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Whether it is in memory when the module runs.
    pub allocated: bool,
    /// Whether it has no bytes in the file and is zero in memory.
    pub zeroed: bool,
    /// Its size in memory.
    pub size: u64,
    /// The relocations of its bytes, if it is allocated.
    pub relocations: Vec<Relocation>,
}

/// A relocation.
#[derive(Clone, Debug)]
pub struct Relocation {
    /// Where in its section.
    pub offset: u64,
    /// Its type, a number of the psABI.
    pub r_type: RelocationType,
    /// The name of its symbol, or of the section that this stands for.
    pub symbol: String,
    /// What it refers to.
    pub referent: Referent,
    /// What is added to the value.
    pub addend: i64,
    /// Whether that stands at its place (REL).
    pub in_place: bool,
    /// How many bytes it writes.
    pub width: usize,
    /// How it says where its symbol's slot in the global offset table is, if that is its value.
    pub slot: Option<SlotField>,
}

/// What a relocation's symbol stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referent {
    /// A number, whatever lies where.
    Number,
    /// The undefined symbol of that name.
    Undefined(Vec<u8>),
    /// A place of the file itself.
    Own {
        /// The index of the section.
        section: usize,
        /// The offset in it, which may lie outside of it.
        offset: u64,
    },
    /// The global offset table.
    Got,
}

/// Why a file is not a case for the oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// It is not a relocatable ELF file of the architecture.
    OtherKind,
    /// Nothing in it is allocated.
    Empty,
    /// It has no symbol table.
    NoSymbols,
    /// It has thread-local data or refers to some.
    Tls,
    /// It has common symbols.
    Common,
    /// It has indirect functions.
    IndirectFunction,
}

impl LeftOut {
    /// The reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::OtherKind => "no relocatable file of this architecture",
            Self::Empty => "nothing in it is allocated",
            Self::NoSymbols => "no symbol table",
            Self::Tls => "thread-local storage",
            Self::Common => "common symbols",
            Self::IndirectFunction => "indirect functions",
        }
    }
}

/// Reads a file, or says why it is left out.
///
/// # Errors
/// If it is no well-formed ELF file, or if a loaded section has relocations in a form that is
/// neither REL nor RELA, which GNU ld would not apply.
pub fn read(bytes: &[u8], target: Target) -> Result<Result<Source, LeftOut>> {
    match FileKind::parse(bytes)? {
        FileKind::Elf32 => File::<FileHeader32<Endianness>>::read(bytes, target),
        FileKind::Elf64 => File::<FileHeader64<Endianness>>::read(bytes, target),
        _ => Ok(Err(LeftOut::OtherKind)),
    }
}

/// A file that is being read. Only what a linker needs of it is looked at: what no one refers to
/// may be odd.
struct File<'d, H: FileHeader<Endian = Endianness>> {
    bytes: &'d [u8],
    endian: Endianness,
    target: Target,
    headers: SectionTable<'d, H>,
    symbols: SymbolTable<'d, H>,
    source: Source,
}

impl<'d, H: FileHeader<Endian = Endianness>> File<'d, H> {
    fn read(bytes: &'d [u8], target: Target) -> Result<Result<Source, LeftOut>> {
        let header = H::parse(bytes)?;
        let endian = header.endian()?;
        let is_target = header.e_machine(endian) == target.machine()
            && header.is_class_64() == (target.word() == 8);
        if header.e_type(endian) != ET_REL || !is_target {
            return Ok(Err(LeftOut::OtherKind));
        }
        let headers = header.sections(endian, bytes)?;
        let symbols = headers.symbols(endian, bytes, SHT_SYMTAB)?;
        let mut file = Self { bytes, endian, target, headers, symbols, source: Source::default() };
        if let Some(reason) = file.symbols_out_of_scope()? {
            return Ok(Err(reason));
        }
        file.source.undefined = file.undefined()?;
        for (_, header) in file.headers.enumerate() {
            let section = file.section(header)?;
            if section.allocated && section.size > 0 && file.has_flag(header, SHF_TLS) {
                return Ok(Err(LeftOut::Tls));
            }
            file.source.sections.push(section);
        }
        let allocated = |header: &_| file.has_flag(header, SHF_ALLOC);
        if !file.headers.iter().any(|header| allocated(header) && file.size(header) > 0) {
            return Ok(Err(LeftOut::Empty));
        }
        if file.symbols.is_empty() {
            return Ok(Err(LeftOut::NoSymbols));
        }
        for (_, header) in file.headers.enumerate() {
            if let Some(reason) = file.relocations(header)? {
                return Ok(Err(reason));
            }
        }
        for section in &mut file.source.sections {
            section.relocations.sort_by_key(|relocation| relocation.offset);
        }
        Ok(Ok(file.source))
    }

    fn has_flag(&self, header: &H::SectionHeader, flag: SectionFlags) -> bool {
        header.sh_flags(self.endian).0 & flag.0 != 0
    }

    fn size(&self, header: &H::SectionHeader) -> u64 {
        header.sh_size(self.endian).into()
    }

    fn symbols_out_of_scope(&self) -> Result<Option<LeftOut>> {
        for symbol in self.symbols.iter() {
            let section = symbol.st_shndx(self.endian);
            let is_common = match section {
                SHN_COMMON => {
                    let name = self.symbol_name(symbol)?;
                    // GNU ld has no code of such a file either, and says that it needs a plugin.
                    !name.starts_with(LTO_MARK) || name == SLIM_LTO_MARK
                }
                SHN_X86_64_LCOMMON => self.target == Target::X86_64,
                _ => false,
            };
            let reason = match symbol.st_type() {
                _ if is_common => LeftOut::Common,
                STT_TLS => LeftOut::Tls,
                STT_GNU_IFUNC => LeftOut::IndirectFunction,
                _ => continue,
            };
            return Ok(Some(reason));
        }
        Ok(None)
    }

    /// All undefined symbols except the one that stands for the global offset table.
    fn undefined(&self) -> Result<BTreeMap<Vec<u8>, Binding>> {
        let mut found = BTreeMap::new();
        for symbol in self.symbols.iter().filter(|symbol| symbol.is_undefined(self.endian)) {
            let name = self.symbol_name(symbol)?;
            if name.contains(&b'"') {
                bail!("a linker script cannot name {}", String::from_utf8_lossy(name));
            }
            if !name.is_empty() && name != GOT {
                let binding = if symbol.is_weak() { Binding::Weak } else { Binding::Global };
                found.insert(name.to_owned(), binding);
            }
        }
        Ok(found)
    }

    fn symbol_name(&self, symbol: &H::Sym) -> Result<&'d [u8]> {
        Ok(symbol.name(self.endian, self.symbols.strings())?)
    }

    fn section(&self, header: &H::SectionHeader) -> Result<Section> {
        let kind = header.sh_type(self.endian);
        if kind == SHT_NULL {
            return Ok(Section::default());
        }
        let name = self.headers.section_name(self.endian, header)?;
        Ok(Section {
            name: String::from_utf8_lossy(name).into_owned(),
            allocated: self.has_flag(header, SHF_ALLOC) && !NOT_LOADED.contains(&name),
            zeroed: kind == SHT_NOBITS,
            size: self.size(header),
            relocations: Vec::new(),
        })
    }

    /// Takes down the relocations that are in a section, if it has any of loaded sections.
    fn relocations(&mut self, header: &H::SectionHeader) -> Result<Option<LeftOut>> {
        let info = header.sh_info(self.endian) as usize;
        let changed = self.source.sections.get(info).filter(|_| info != 0);
        let of_loaded = changed.is_some_and(|section| section.allocated);
        if self.size(header) == 0 {
            return Ok(None);
        }
        match header.sh_type(self.endian) {
            SHT_REL | SHT_RELA if !of_loaded => return Ok(None),
            SHT_REL | SHT_RELA => {}
            kind if self.has_relocations(kind, header)? && (of_loaded || changed.is_none()) => {
                let name = self.headers.section_name(self.endian, header)?;
                bail!(
                    "{} of type {:#x} has relocations that only REL and RELA would show",
                    String::from_utf8_lossy(name),
                    kind.0
                );
            }
            _ => return Ok(None),
        }
        if header.link(self.endian) != self.symbols.section() {
            bail!("relocations by another symbol table");
        }
        let data = self.headers.iter().nth(info).context("no such section")?;
        let data = data.data(self.endian, self.bytes)?;
        let (endian, bytes) = (self.endian, self.bytes);
        if let Some((entries, _)) = header.rel(endian, bytes)? {
            for entry in entries {
                let at = (entry.r_offset(endian).into(), entry.r_type(endian));
                if let Some(reason) = self.relocation(info, data, at, entry.r_sym(endian), None)? {
                    return Ok(Some(reason));
                }
            }
        }
        if let Some((entries, _)) = header.rela(endian, bytes)? {
            for entry in entries {
                let at = (entry.r_offset(endian).into(), entry.r_type(endian, false));
                let (symbol, addend) = (entry.r_sym(endian, false), entry.r_addend(endian).into());
                if let Some(reason) = self.relocation(info, data, at, symbol, Some(addend))? {
                    return Ok(Some(reason));
                }
            }
        }
        Ok(None)
    }

    /// Whether a section that is neither REL nor RELA has relocations, or could have: its type is
    /// one that has, or none that the gABI or GNU describes, and its flags or its name say so.
    fn has_relocations(&self, kind: SectionType, header: &H::SectionHeader) -> Result<bool> {
        const OTHERS: [SectionType; 5] =
            [SHT_RELR, SHT_CREL, SHT_ANDROID_REL, SHT_ANDROID_RELA, SHT_ANDROID_RELR];
        let name = self.headers.section_name(self.endian, header)?;
        let says_so = self.has_flag(header, SHF_INFO_LINK)
            || name.starts_with(b".rel")
            || name.starts_with(b".crel");
        Ok(OTHERS.contains(&kind) || kind.name().is_none() && says_so)
    }

    fn relocation(
        &mut self,
        section: usize,
        data: &[u8],
        (offset, r_type): (u64, RelocationType),
        symbol: u32,
        addend: Option<i64>,
    ) -> Result<Option<LeftOut>> {
        let target = self.target;
        let at = usize::try_from(offset)?;
        let (before, field) = data.split_at_checked(at).context("relocation outside data")?;
        let needs = target.needs(r_type, before);
        if needs == Needs::Tls {
            return Ok(Some(LeftOut::Tls));
        }
        let width = target.width(r_type);
        let in_place = || target.integer(field.get(..width).unwrap_or_default());
        let (referent, name) = self.referent(symbol)?;
        let slot = match needs {
            Needs::Slot(field) if referent != Referent::Got => Some(field),
            _ => None,
        };
        if let Referent::Own { section, .. } = referent {
            let defining = self.source.sections.get(section).context("symbol in no section")?;
            if !defining.allocated {
                self.source.ghosts.insert(section);
            }
        }
        let relocation = Relocation {
            offset,
            r_type,
            symbol: String::from_utf8_lossy(&name).into_owned(),
            referent,
            addend: addend.unwrap_or_else(in_place),
            in_place: addend.is_none(),
            width,
            slot,
        };
        self.source.sections[section].relocations.push(relocation);
        Ok(None)
    }

    /// What the symbol of that index stands for, and how to call it.
    fn referent(&self, index: u32) -> Result<(Referent, Vec<u8>)> {
        if index == 0 {
            return Ok((Referent::Number, Vec::new()));
        }
        let index = SymbolIndex(index as usize);
        let symbol = self.symbols.symbol(index)?;
        let name = self.symbol_name(symbol)?.to_owned();
        if symbol.is_undefined(self.endian) {
            let referent = match &*name {
                GOT => Referent::Got,
                b"" => Referent::Number,
                _ => Referent::Undefined(name.clone()),
            };
            return Ok((referent, name));
        }
        let Some(section) = self.symbols.symbol_section(self.endian, symbol, index)? else {
            return Ok((Referent::Number, name));
        };
        let own = Referent::Own { section: section.0, offset: symbol.st_value(self.endian).into() };
        let called = match self.source.sections.get(section.0) {
            Some(section) if name.is_empty() => section.name.clone().into_bytes(),
            _ => name,
        };
        Ok((own, called))
    }
}
