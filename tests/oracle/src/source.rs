//! What is in an object file, read independently of modlink.

use crate::target::{Needs, SlotField, Target};
use anyhow::{Context, Result, bail};
use object::elf::{RelocationType, SHF_ALLOC, SHF_TLS, STT_GNU_IFUNC};
use object::{
    File, Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags, SectionKind, SymbolFlags, SymbolKind, SymbolSection,
};
use std::collections::{BTreeMap, BTreeSet};

/// The name by which files refer to the global offset table.
const GOT: &[u8] = b"_GLOBAL_OFFSET_TABLE_";

/// An object file, as far as the oracle cares.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its sections in the order of their indices; the first is the null section.
    pub sections: Vec<Section>,
    /// The names of the undefined symbols.
    pub undefined: BTreeMap<Vec<u8>, Undefined>,
    /// The sections that are not allocated and define a symbol that an allocated one refers to.
    pub ghosts: BTreeSet<usize>,
    /// The least and the greatest addend of a field of at most 32 bits that refers to a symbol
    /// of the file itself.
    pub own_addends: (i64, i64),
}

/// A section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Whether it is in memory when the module runs.
    pub allocated: bool,
    /// Whether it has no bytes in the file and is zero in memory.
    pub zeroed: bool,
    /// Its size in memory.
    pub size: u64,
    /// The relocations of its bytes.
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
    /// What is added to the value.
    pub addend: i64,
    /// How many bytes it writes.
    pub width: usize,
    /// How it says where its symbol's slot in the global offset table is, if that is its value.
    pub slot: Option<SlotField>,
}

/// An undefined symbol.
#[derive(Clone, Debug, Default)]
pub struct Undefined {
    /// Whether the file works without it.
    pub weak: bool,
    /// The least and the greatest addend with which a field of at most 32 bits refers to it.
    pub addends: (i64, i64),
    /// How far from its place at most, in bytes, a field narrower than 32 bits reaches it.
    pub near: Option<u64>,
    /// How high an absolute field narrower than 32 bits lets its address be.
    pub below: Option<u64>,
}

/// Why a file is not a case for the oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// It is not a relocatable ELF file of the architecture.
    OtherKind,
    /// Nothing in it would be in memory.
    Empty,
    /// It has thread-local data or refers to some.
    Tls,
    /// It needs more of a global offset table than modules can have.
    Got,
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
            Self::Tls => "thread-local storage",
            Self::Got => "needs more of a global offset table than slots",
            Self::Common => "common symbols",
            Self::IndirectFunction => "indirect functions",
        }
    }
}

/// Reads a file, or says why it is left out.
///
/// # Errors
/// If it is no well-formed ELF file.
pub fn read(bytes: &[u8], target: Target) -> Result<Result<Source, LeftOut>> {
    let file = File::parse(bytes)?;
    if file.kind() != ObjectKind::Relocatable || file.architecture() != target.architecture() {
        return Ok(Err(LeftOut::OtherKind));
    }
    if let Some(reason) = symbols_out_of_scope(&file) {
        return Ok(Err(reason));
    }
    let mut source = Source {
        sections: vec![Section::null()],
        undefined: undefined(&file)?,
        ghosts: BTreeSet::new(),
        own_addends: (0, 0),
    };
    for section in file.sections() {
        while source.sections.len() < section.index().0 {
            source.sections.push(Section::null());
        }
        match read_section(&file, &section, target, &mut source)? {
            Ok(section) => source.sections.push(section),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    if !source.sections.iter().any(|section| section.allocated && section.size > 0) {
        return Ok(Err(LeftOut::Empty));
    }
    Ok(Ok(source))
}

impl Section {
    fn null() -> Self {
        Self {
            name: String::new(),
            allocated: false,
            zeroed: false,
            size: 0,
            relocations: Vec::new(),
        }
    }
}

fn symbols_out_of_scope(file: &File<'_>) -> Option<LeftOut> {
    for symbol in file.symbols() {
        let indirect = matches!(
            symbol.flags(),
            SymbolFlags::Elf { st_info, .. } if st_info.st_type() == STT_GNU_IFUNC
        );
        let reason = if symbol.is_common() {
            LeftOut::Common
        } else if symbol.kind() == SymbolKind::Tls {
            LeftOut::Tls
        } else if indirect {
            LeftOut::IndirectFunction
        } else {
            continue;
        };
        return Some(reason);
    }
    None
}

/// All undefined symbols except the one that stands for the global offset table.
fn undefined(file: &File<'_>) -> Result<BTreeMap<Vec<u8>, Undefined>> {
    let mut found = BTreeMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.is_undefined()) {
        let name = symbol.name_bytes()?;
        if name.contains(&b'"') {
            bail!("a linker script cannot name {}", String::from_utf8_lossy(name));
        }
        if name == GOT {
            continue;
        }
        let entry = Undefined { weak: symbol.is_weak(), ..Undefined::default() };
        found.insert(name.to_owned(), entry);
    }
    Ok(found)
}

fn read_section(
    file: &File<'_>,
    section: &object::Section<'_, '_>,
    target: Target,
    source: &mut Source,
) -> Result<Result<Section, LeftOut>> {
    let allocated = has_flag(section, SHF_ALLOC);
    if allocated && has_flag(section, SHF_TLS) {
        return Ok(Err(LeftOut::Tls));
    }
    let mut relocations = Vec::new();
    if allocated {
        let data = section.data()?;
        for (offset, relocation) in section.relocations() {
            let RelocationFlags::Elf { r_type } = relocation.flags() else {
                bail!("not an ELF relocation");
            };
            let at = usize::try_from(offset)?;
            let (before, field) = data.split_at_checked(at).context("relocation outside data")?;
            let needs = target.needs(r_type, before);
            if let Some(reason) = out_of_scope(needs) {
                return Ok(Err(reason));
            }
            let width = target.width(r_type);
            let addend = if relocation.has_implicit_addend() {
                target.integer(field.get(..width).unwrap_or_default())
            } else {
                relocation.addend()
            };
            let symbol = note_use(file, &relocation, addend, r_type, target, source)?;
            let slot = match needs {
                Needs::Slot(field) if symbol.as_bytes() != GOT => Some(field),
                _ => None,
            };
            relocations.push(Relocation { offset, r_type, symbol, addend, width, slot });
        }
        relocations.sort_by_key(|relocation| relocation.offset);
    }
    Ok(Ok(Section {
        name: String::from_utf8_lossy(section.name_bytes()?).into_owned(),
        allocated,
        zeroed: section.kind() == SectionKind::UninitializedData,
        size: section.size(),
        relocations,
    }))
}

fn out_of_scope(needs: Needs) -> Option<LeftOut> {
    match needs {
        Needs::OtherGot => Some(LeftOut::Got),
        Needs::Tls => Some(LeftOut::Tls),
        Needs::Nothing | Needs::Table | Needs::Slot(_) => None,
    }
}

/// Takes down what a relocation asks of the address of its symbol, and names that symbol.
fn note_use(
    file: &File<'_>,
    relocation: &object::Relocation,
    addend: i64,
    r_type: RelocationType,
    target: Target,
    source: &mut Source,
) -> Result<String> {
    let RelocationTarget::Symbol(index) = relocation.target() else {
        return Ok(String::new());
    };
    let symbol = file.symbol_by_index(index)?;
    let mut name = symbol.name_bytes()?.to_owned();
    let width = target.width(r_type);
    match symbol.section() {
        SymbolSection::Undefined if !name.is_empty() && name != GOT => {
            let undefined = source.undefined.get_mut(&name).context("symbol table changed")?;
            if width < 8 {
                undefined.addends = widen(undefined.addends, addend);
            }
            if width < 4 && target.needs(r_type, &[]) == Needs::Nothing {
                // A quarter of the range, so that place and symbol have room around each other.
                let quarter = 1 << (width * 8 - 2);
                let limit = if target.is_relative(r_type) {
                    &mut undefined.near
                } else {
                    &mut undefined.below
                };
                *limit = Some(limit.map_or(quarter, |old: u64| old.min(quarter)));
            }
        }
        SymbolSection::Section(section) => {
            if width < 8 {
                source.own_addends = widen(source.own_addends, addend);
            }
            let section = file.section_by_index(section)?;
            if !has_flag(&section, SHF_ALLOC) {
                source.ghosts.insert(section.index().0);
            }
            if name.is_empty() {
                name = section.name_bytes()?.to_owned();
            }
        }
        _ => {}
    }
    Ok(String::from_utf8_lossy(&name).into_owned())
}

fn has_flag(section: &object::Section<'_, '_>, flag: object::elf::SectionFlags) -> bool {
    matches!(section.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.0 & flag.0 != 0)
}

fn widen((least, greatest): (i64, i64), addend: i64) -> (i64, i64) {
    (least.min(addend), greatest.max(addend))
}
