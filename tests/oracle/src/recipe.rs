//! How an object file is prepared so that GNU ld does nothing to it but relocate.
//!
//! ld merges strings, drops duplicate groups and rewrites notes and unwind tables, guided by the
//! names, types and flags of sections. In a copy of the file these become neutral: each section to
//! be linked gets a name of its own that means nothing to ld, and a script places it by that name.

use crate::linked::Linked;
use crate::placement::Placement;
use crate::source::Source;
use anyhow::{Context, Result, bail};
use object::elf::{
    EM_386, FileHeader32, FileHeader64, R_386_GOT32, R_386_GOT32X, SHF_GROUP, SHF_LINK_ORDER,
    SHF_MERGE, SHF_STRINGS, SHT_GROUP, SHT_NOBITS, SHT_NULL, SHT_PROGBITS, SHT_REL,
};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, FileKind};
use std::collections::BTreeMap;

/// Flags by which ld would do more with a section than place and relocate it.
const MEANINGFUL_FLAGS: u64 = SHF_MERGE.0 | SHF_STRINGS.0 | SHF_GROUP.0 | SHF_LINK_ORDER.0;

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
    pub fn of(linked: &Linked, placement: &Placement) -> Self {
        Self {
            sections: linked.sections.iter().map(|(at, section)| (*at, section.address)).collect(),
            symbols: placement.symbols.clone(),
            got: linked.got.as_ref().map(|got| got.address),
        }
    }
}

/// Prepares a file to be linked at those addresses. Sections without one are dropped, except that
/// those of no use in memory whose symbols are referred to are linked at 0.
///
/// # Errors
/// If its section headers cannot be read.
pub fn prepare(file: &[u8], source: &Source, addresses: &Addresses) -> Result<Prepared> {
    let mut sections = addresses.sections.clone();
    for ghost in &source.ghosts {
        sections.entry(*ghost).or_insert(0);
    }
    let object = match FileKind::parse(file)? {
        FileKind::Elf32 => neutral::<FileHeader32<Endianness>>(file, &FIELDS_32, &sections)?,
        FileKind::Elf64 => neutral::<FileHeader64<Endianness>>(file, &FIELDS_64, &sections)?,
        kind => bail!("not an ELF file but {kind:?}"),
    };
    Ok(Prepared { object, script: script(&sections, addresses) })
}

fn script(sections: &BTreeMap<usize, u64>, addresses: &Addresses) -> Vec<u8> {
    let mut script = Vec::new();
    for (name, address) in &addresses.symbols {
        script.push(b'"');
        script.extend(name);
        script.extend(format!("\" = {address:#x};\n").bytes());
    }
    script.extend(b"SECTIONS {\n");
    for (index, address) in sections {
        let (output, input) = (output_name(*index), input_name(*index));
        script.extend(format!("{output} {address:#x} : {{ KEEP(*({input})) }}\n").bytes());
    }
    if let Some(address) = addresses.got {
        // ld makes these two; the symbol of the table is the start of the first.
        script.extend(format!("{GOT_NAME} {address:#x} : {{ *(.got.plt) *(.got) }}\n").bytes());
    }
    script.extend(b"/DISCARD/ : { *(*) }\n}\n");
    script
}

/// Where in a section header the fields after its type are, and how wide they are (gABI, "Section
/// Header").
struct Fields {
    flags: usize,
    offset: usize,
    size: usize,
    width: usize,
}

const NAME: usize = 0;
const TYPE: usize = 4;
const FIELDS_32: Fields = Fields { flags: 8, offset: 16, size: 20, width: 4 };
const FIELDS_64: Fields = Fields { flags: 8, offset: 24, size: 32, width: 8 };

fn neutral<H: FileHeader<Endian = Endianness>>(
    file: &[u8],
    fields: &Fields,
    linked: &BTreeMap<usize, u64>,
) -> Result<Vec<u8>> {
    let header = H::parse(file)?;
    let endian = header.endian()?;
    let sections = header.section_headers(endian, file)?;
    let table: u64 = header.e_shoff(endian).into();
    let entry_size = usize::from(header.e_shentsize(endian));
    let entry = |index: usize| table as usize + index * entry_size;
    let names_index = header.shstrndx(endian, file)? as usize;
    let names_section = sections.get(names_index).context("no section names")?;
    let mut names = names_section.data(endian, file)?.to_vec();

    let mut copy = Copy { bytes: file.to_vec(), endian };
    if header.e_machine(endian) == EM_386 {
        copy.forbid_relaxing(sections)?;
    }
    for (index, section) in sections.iter().enumerate() {
        let neutral_flags = section.sh_flags(endian).0 & !MEANINGFUL_FLAGS;
        copy.write(entry(index) + fields.flags, fields.width, neutral_flags);
        let kind = section.sh_type(endian);
        if kind == SHT_GROUP {
            copy.write(entry(index) + TYPE, 4, u64::from(SHT_NULL.0));
        }
        if linked.contains_key(&index) {
            if kind != SHT_NOBITS {
                copy.write(entry(index) + TYPE, 4, u64::from(SHT_PROGBITS.0));
            }
            copy.write(entry(index) + NAME, 4, names.len() as u64);
            names.extend(input_name(index).bytes());
            names.push(0);
        }
    }

    // The longer table of names stands behind everything else.
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
    /// Makes every `R_386_GOT32X` an `R_386_GOT32`: the X lets a linker change the instruction,
    /// and GNU ld does so even when told not to relax. The value is the same (i386 psABI).
    fn forbid_relaxing<S: SectionHeader<Endian = Endianness>>(
        &mut self,
        sections: &[S],
    ) -> Result<()> {
        /// Where in a relocation its type is: the least byte of r_info.
        const TYPE: usize = 4;
        for section in sections.iter().filter(|found| found.sh_type(self.endian) == SHT_REL) {
            let Some((start, size)) = section.file_range(self.endian) else { continue };
            let table = self.bytes.get_mut(start as usize..(start + size) as usize);
            for relocation in table.context("relocations outside the file")?.chunks_exact_mut(8) {
                if u32::from(relocation[TYPE]) == R_386_GOT32X.0 {
                    relocation[TYPE] = R_386_GOT32.0 as u8;
                }
            }
        }
        Ok(())
    }

    /// Writes an integer of `width` bytes at an offset in a section header that has been read.
    fn write(&mut self, at: usize, width: usize, value: u64) {
        let field = &mut self.bytes[at..at + width];
        match self.endian {
            Endianness::Little => field.copy_from_slice(&value.to_le_bytes()[..width]),
            Endianness::Big => field.copy_from_slice(&value.to_be_bytes()[8 - width..]),
        }
    }
}
