//! How an object file is prepared so that GNU ld does nothing to it but relocate.
//!
//! ld merges strings, drops duplicate groups and rewrites notes and unwind tables, guided by the
//! names, types and flags of sections. In a copy of the file these become neutral: each section to
//! be linked gets a name of its own that means nothing to ld, and a script places it by that name.

use crate::ours::Outcome;
use crate::source::{LTO_MARK, Referent, Source};
use crate::target::Target;
use anyhow::{Context, Result, bail};
use object::elf::*;
use object::read::elf::{FileHeader, SectionHeader, SectionTable, Sym};
use object::{Endianness, FileKind};
use std::collections::BTreeMap;
use std::ops::Range;

/// Flags by which ld would do more with a section than place and relocate it.
const MEANINGFUL_FLAGS: u64 = SHF_MERGE.0
    | SHF_STRINGS.0
    | SHF_GROUP.0
    | SHF_LINK_ORDER.0
    | SHF_GNU_MBIND.0
    | SHF_EXCLUDE.0
    | SHF_X86_64_LARGE;

/// Where the large and medium code models put data (x86-64 psABI, "Section Attribute Flags"). Other
/// architectures have no flag of this value.
const SHF_X86_64_LARGE: u64 = 0x1000_0000;

/// The types of the sections that ld reads or may drop; all others it does not need to see.
const FOR_LD: [SectionType; 6] =
    [SHT_NULL, SHT_PROGBITS, SHT_NOBITS, SHT_SYMTAB, SHT_SYMTAB_SHNDX, SHT_STRTAB];

/// What ld is given.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The object file with neutral sections.
    pub object: Vec<u8>,
    /// The linker script.
    pub script: Vec<u8>,
}

/// The name in ld's output of the section of that index.
pub fn output_name(index: usize) -> String {
    format!(".O{index}")
}

fn input_name(index: usize) -> String {
    format!(".S{index}")
}

/// The name in ld's output of the global offset table.
pub const GOT_NAME: &str = ".G";

/// Where ld shall put things.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// The sections to link, by their indices.
    pub sections: BTreeMap<usize, u64>,
    /// The undefined symbols that have an address.
    pub symbols: BTreeMap<Vec<u8>, u64>,
    /// The global offset table, if one is needed.
    pub got: Option<u64>,
}

impl Addresses {
    /// Those that a linked file has.
    pub fn of(Outcome { linked, placement, .. }: &Outcome) -> Self {
        Self {
            sections: linked.sections.iter().map(|(at, section)| (*at, section.address)).collect(),
            symbols: placement.symbols.clone(),
            got: linked.got.as_ref().map(|got| got.address),
        }
    }
}

/// Prepares a file to be linked at those addresses. Sections without one are dropped, except that
/// those of no use in memory whose symbols are referred to are linked at 0. So are symbols that are
/// weak, have no address, and are loaded from the global offset table: from what is undefined, ld
/// makes an instruction that loads nothing, even when told not to relax.
///
/// # Errors
/// If its section headers cannot be read.
pub fn prepare(
    file: &[u8],
    source: &Source,
    addresses: &Addresses,
    target: Target,
) -> Result<Prepared> {
    let mut sections = addresses.sections.clone();
    for ghost in &source.ghosts {
        sections.entry(*ghost).or_insert(0);
    }
    let object = match FileKind::parse(file)? {
        FileKind::Elf32 => {
            neutral::<FileHeader32<Endianness>>(file, &FIELDS_32, &sections, target)?
        }
        FileKind::Elf64 => {
            neutral::<FileHeader64<Endianness>>(file, &FIELDS_64, &sections, target)?
        }
        kind => bail!("not an ELF file but {kind:?}"),
    };
    let mut symbols = addresses.symbols.clone();
    let relocations = source.sections.iter().flat_map(|section| &section.relocations);
    for relocation in relocations.filter(|relocation| relocation.slot.is_some()) {
        if let Referent::Undefined(name) = &relocation.referent {
            symbols.entry(name.clone()).or_insert(0);
        }
    }
    Ok(Prepared { object, script: script(&sections, &symbols, addresses.got) })
}

fn script(
    sections: &BTreeMap<usize, u64>,
    symbols: &BTreeMap<Vec<u8>, u64>,
    got: Option<u64>,
) -> Vec<u8> {
    let mut script = Vec::new();
    for (name, address) in symbols {
        script.push(b'"');
        script.extend(name);
        script.extend(format!("\" = {address:#x};\n").bytes());
    }
    script.extend(b"SECTIONS {\n");
    for (index, address) in sections {
        let (output, input) = (output_name(*index), input_name(*index));
        script.extend(format!("{output} {address:#x} : {{ KEEP(*({input})) }}\n").bytes());
    }
    if let Some(address) = got {
        // ld makes these two; the symbol of the table is the start of the first.
        script.extend(format!("{GOT_NAME} {address:#x} : {{ *(.got.plt) *(.got) }}\n").bytes());
    }
    script.extend(b"/DISCARD/ : { *(*) }\n}\n");
    script
}

/// Where in the file's tables are the fields that change, and how wide they are (gABI, "Section
/// Header", "Symbol Table", "Relocation").
struct Fields {
    /// Of section headers.
    flags: usize,
    offset: usize,
    size: usize,
    width: usize,
    /// Of symbols.
    shndx: usize,
    /// Of relocations: the bytes of the type, where the order is little-endian.
    r_type: Range<usize>,
}

const NAME: usize = 0;
const TYPE: usize = 4;
const FIELDS_32: Fields =
    Fields { flags: 8, offset: 16, size: 20, width: 4, shndx: 14, r_type: 4..5 };
const FIELDS_64: Fields =
    Fields { flags: 8, offset: 24, size: 32, width: 8, shndx: 6, r_type: 8..12 };

fn neutral<H: FileHeader<Endian = Endianness>>(
    file: &[u8],
    fields: &Fields,
    linked: &BTreeMap<usize, u64>,
    target: Target,
) -> Result<Vec<u8>> {
    let header = H::parse(file)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, file)?;
    let table: u64 = header.e_shoff(endian).into();
    let entry_size = usize::from(header.e_shentsize(endian));
    let entry = |index: usize| table as usize + index * entry_size;
    let names_index = header.shstrndx(endian, file)? as usize;
    let names_section = sections.iter().nth(names_index).context("no section names")?;
    let mut names = names_section.data(endian, file)?.to_vec();

    let mut copy = Copy { bytes: file.to_vec(), endian };
    for (index, section) in sections.iter().enumerate() {
        let neutral_flags = section.sh_flags(endian).0 & !MEANINGFUL_FLAGS;
        copy.write(entry(index) + fields.flags, fields.width, neutral_flags);
        let kind = section.sh_type(endian);
        match kind {
            SHT_REL => copy.forbid_relaxing(section, size_of::<H::Rel>(), fields, target)?,
            SHT_RELA => copy.forbid_relaxing(section, size_of::<H::Rela>(), fields, target)?,
            kind if !linked.contains_key(&index) && !FOR_LD.contains(&kind) => {
                copy.write(entry(index) + TYPE, 4, u64::from(SHT_NULL.0));
            }
            _ => {}
        }
        if linked.contains_key(&index) && kind != SHT_NULL {
            if kind != SHT_NOBITS {
                copy.write(entry(index) + TYPE, 4, u64::from(SHT_PROGBITS.0));
            }
            copy.write(entry(index) + NAME, 4, names.len() as u64);
            names.extend(input_name(index).bytes());
            names.push(0);
        }
    }
    copy.remove_lto_marks(&sections, file, fields)?;

    // The longer table of names follows everything else.
    let end = copy.bytes.len() as u64;
    copy.write(entry(names_index) + fields.offset, fields.width, end);
    copy.write(entry(names_index) + fields.size, fields.width, names.len() as u64);
    copy.bytes.extend(names);
    Ok(copy.bytes)
}

struct Copy {
    bytes: Vec<u8>,
    endian: Endianness,
}

impl Copy {
    /// Exchanges all types in a relocation section that let a linker change the instruction for
    /// those of the same value that do not.
    fn forbid_relaxing<S: SectionHeader<Endian = Endianness>>(
        &mut self,
        section: &S,
        entry_size: usize,
        fields: &Fields,
        target: Target,
    ) -> Result<()> {
        let Some((start, size)) = section.file_range(self.endian) else { return Ok(()) };
        let end = start.checked_add(size).context("relocations outside the file")? as usize;
        let table = self.bytes.get_mut(start as usize..end);
        let table = table.context("relocations outside the file")?;
        for relocation in table.chunks_exact_mut(entry_size) {
            let field = &mut relocation[fields.r_type.clone()];
            // As wide as it is, it is less than 128.
            let Ok(r_type) = u32::try_from(target.integer(field)) else { continue };
            let r_type = RelocationType(r_type);
            if target.may_be_relaxed(r_type) {
                field[0] = target.unrelaxed(r_type).0 as u8;
            }
        }
        Ok(())
    }

    /// Makes numbers of the common symbols by which compilers mark what they made for link-time
    /// optimisation, lest ld look for the plugin that makes more of it.
    fn remove_lto_marks<H: FileHeader<Endian = Endianness>>(
        &mut self,
        sections: &SectionTable<'_, H>,
        file: &[u8],
        fields: &Fields,
    ) -> Result<()> {
        let symbols = sections.symbols(self.endian, file, SHT_SYMTAB)?;
        let table = sections.section(symbols.section())?;
        let start = table.file_range(self.endian).map_or(0, |(start, _)| start as usize);
        for (index, symbol) in symbols.enumerate() {
            let name = symbol.name(self.endian, symbols.strings())?;
            if symbol.is_common(self.endian) && name.starts_with(LTO_MARK) {
                let at = start + index.0 * size_of::<H::Sym>() + fields.shndx;
                self.write(at, 2, SHN_ABS.0.into());
            }
        }
        Ok(())
    }

    /// Writes an integer of `width` bytes at an offset in a table that has been read.
    fn write(&mut self, at: usize, width: usize, value: u64) {
        let field = &mut self.bytes[at..at + width];
        match self.endian {
            Endianness::Little => field.copy_from_slice(&value.to_le_bytes()[..width]),
            Endianness::Big => field.copy_from_slice(&value.to_be_bytes()[8 - width..]),
        }
    }
}
