//! A copy of an ELF file whose fields can be changed one at a time.
//!
//! Layouts are those of the gABI, chapters "ELF Header", "Sections", "Symbol Table" and
//! "Relocation", with the gABI's names of the fields.

use std::ops::Range;

/// A field of the file. Sections and symbols go by their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A field of the file header.
    Header(&'static str),
    /// A field of the header of that section.
    Section(usize, &'static str),
    /// A field of that symbol.
    Symbol(usize, &'static str),
    /// A field of an entry of that relocation section, which is the second number.
    Relocation(usize, usize, &'static str),
}

pub use At::*;

/// `sh_type` of the sections that the editor has to understand.
pub const SHT_PROGBITS: u64 = 1;
/// See [`SHT_PROGBITS`].
pub const SHT_SYMTAB: u64 = 2;
/// See [`SHT_PROGBITS`].
pub const SHT_STRTAB: u64 = 3;
/// See [`SHT_PROGBITS`].
pub const SHT_RELA: u64 = 4;
/// See [`SHT_PROGBITS`].
pub const SHT_NOBITS: u64 = 8;
/// See [`SHT_PROGBITS`].
pub const SHT_REL: u64 = 9;

/// How wide a field is.
#[derive(Clone, Copy)]
enum Width {
    Byte,
    Half,
    Word,
    /// As wide as the class: an address, an offset, a size.
    Native,
}

use Width::*;

type Layout = &'static [(&'static str, Width)];

const HEADER: Layout = &[
    ("EI_MAG0", Byte),
    ("EI_MAG1", Byte),
    ("EI_MAG2", Byte),
    ("EI_MAG3", Byte),
    ("EI_CLASS", Byte),
    ("EI_DATA", Byte),
    ("EI_VERSION", Byte),
    ("EI_OSABI", Byte),
    ("EI_ABIVERSION", Byte),
    ("EI_PAD", Byte),
    ("", Half),
    ("", Word),
    ("e_type", Half),
    ("e_machine", Half),
    ("e_version", Word),
    ("e_entry", Native),
    ("e_phoff", Native),
    ("e_shoff", Native),
    ("e_flags", Word),
    ("e_ehsize", Half),
    ("e_phentsize", Half),
    ("e_phnum", Half),
    ("e_shentsize", Half),
    ("e_shnum", Half),
    ("e_shstrndx", Half),
];

const SECTION: Layout = &[
    ("sh_name", Word),
    ("sh_type", Word),
    ("sh_flags", Native),
    ("sh_addr", Native),
    ("sh_offset", Native),
    ("sh_size", Native),
    ("sh_link", Word),
    ("sh_info", Word),
    ("sh_addralign", Native),
    ("sh_entsize", Native),
];

const SYMBOL_32: Layout = &[
    ("st_name", Word),
    ("st_value", Native),
    ("st_size", Native),
    ("st_info", Byte),
    ("st_other", Byte),
    ("st_shndx", Half),
];

const SYMBOL_64: Layout = &[
    ("st_name", Word),
    ("st_info", Byte),
    ("st_other", Byte),
    ("st_shndx", Half),
    ("st_value", Native),
    ("st_size", Native),
];

const REL: Layout = &[("r_offset", Native), ("r_info", Native)];

const RELA: Layout = &[("r_offset", Native), ("r_info", Native), ("r_addend", Native)];

/// A copy of an ELF file, to be changed.
#[derive(Clone)]
pub struct Edit {
    bytes: Vec<u8>,
    wide: bool,
    big_endian: bool,
}

impl Edit {
    /// A copy of `file`, whose class and byte order are those that it states now.
    pub fn new(file: &[u8]) -> Self {
        Self { wide: file[4] == 2, big_endian: file[5] == 2, bytes: file.to_vec() }
    }

    /// The file as it is now.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file as it is now.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The value of a field. `r_sym`, `r_type`, `st_bind` and `st_type` are taken apart.
    pub fn get(&self, at: At) -> u64 {
        if let Some((whole, shift, bits)) = self.part(at) {
            return (self.get(whole) >> shift) & mask(bits);
        }
        let mut value = [0; 8];
        let field = &self.bytes[self.place(at)];
        if self.big_endian {
            value[8 - field.len()..].copy_from_slice(field);
            u64::from_be_bytes(value)
        } else {
            value[..field.len()].copy_from_slice(field);
            u64::from_le_bytes(value)
        }
    }

    /// Changes a field; the value is cut to its width.
    pub fn set(&mut self, at: At, value: u64) {
        if let Some((whole, shift, bits)) = self.part(at) {
            let others = self.get(whole) & !(mask(bits) << shift);
            return self.set(whole, others | (value & mask(bits)) << shift);
        }
        let place = self.place(at);
        let field = &mut self.bytes[place];
        if self.big_endian {
            let width = field.len();
            field.copy_from_slice(&value.to_be_bytes()[8 - width..]);
        } else {
            let width = field.len();
            field.copy_from_slice(&value.to_le_bytes()[..width]);
        }
    }

    /// How many sections there are.
    pub fn section_count(&self) -> usize {
        self.get(Header("e_shnum")) as usize
    }

    /// The index of the first section of that name.
    pub fn section(&self, name: &str) -> usize {
        (0..self.section_count())
            .find(|index| self.section_name(*index) == name)
            .unwrap_or_else(|| panic!("the file has no section {name}"))
    }

    /// The name of a section.
    pub fn section_name(&self, index: usize) -> String {
        let names = self.get(Header("e_shstrndx")) as usize;
        self.string(names, self.get(Section(index, "sh_name")))
    }

    /// The index of the symbol table.
    pub fn symbol_table(&self) -> usize {
        self.first_of_type(SHT_SYMTAB)
    }

    /// How many symbols there are.
    pub fn symbol_count(&self) -> usize {
        self.contents(self.symbol_table()).len() / self.size(self.symbol_layout())
    }

    /// The name of a symbol.
    pub fn symbol_name(&self, index: usize) -> String {
        let strings = self.get(Section(self.symbol_table(), "sh_link")) as usize;
        self.string(strings, self.get(Symbol(index, "st_name")))
    }

    /// The index of the first symbol of that name.
    pub fn symbol(&self, name: &str) -> usize {
        (0..self.symbol_count())
            .find(|index| self.symbol_name(*index) == name)
            .unwrap_or_else(|| panic!("the file has no symbol {name}"))
    }

    /// The index of the section with the relocations of section `target`.
    pub fn relocations_of(&self, target: usize) -> usize {
        (0..self.section_count())
            .find(|index| {
                matches!(self.get(Section(*index, "sh_type")), SHT_REL | SHT_RELA)
                    && self.get(Section(*index, "sh_info")) as usize == target
            })
            .unwrap_or_else(|| panic!("section {target} has no relocations"))
    }

    /// How many relocations the relocation section `table` has.
    pub fn relocation_count(&self, table: usize) -> usize {
        self.contents(table).len() / self.size(self.relocation_layout(table))
    }

    /// The bytes of a section.
    pub fn contents(&self, section: usize) -> &[u8] {
        &self.bytes[self.extent(section)]
    }

    /// The bytes of a section, to be changed.
    pub fn contents_mut(&mut self, section: usize) -> &mut [u8] {
        let extent = self.extent(section);
        &mut self.bytes[extent]
    }

    /// Gives a section other contents, which may be longer: they are put at the file's end.
    /// Symbols in the section that lie after the contents now are taken to its start.
    pub fn set_contents(&mut self, section: usize, contents: &[u8]) {
        for index in 0..self.symbol_count() {
            let is_inside = self.get(Symbol(index, "st_shndx")) as usize == section;
            let [value, size] = ["st_value", "st_size"].map(|field| self.get(Symbol(index, field)));
            if is_inside && value + size > contents.len() as u64 {
                self.set(Symbol(index, "st_value"), 0);
                self.set(Symbol(index, "st_size"), 0);
            }
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(contents);
        self.set(Section(section, "sh_offset"), offset);
        self.set(Section(section, "sh_size"), contents.len() as u64);
    }

    /// Adds a section whose header is a copy of that of section `like`; returns its index.
    pub fn add_section_like(&mut self, like: usize) -> usize {
        let count = self.section_count();
        let size = self.size(SECTION);
        let start = self.get(Header("e_shoff")) as usize;
        let mut table = self.bytes[start..start + count * size].to_vec();
        table.extend_from_within(like * size..(like + 1) * size);
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&table);
        self.set(Header("e_shoff"), offset);
        self.set(Header("e_shnum"), count as u64 + 1);
        count
    }

    /// Gives a section another name, which is added to the table of names.
    pub fn rename_section(&mut self, section: usize, name: &str) {
        let names = self.get(Header("e_shstrndx")) as usize;
        let offset = self.add_string(names, name);
        self.set(Section(section, "sh_name"), offset);
    }

    /// Gives a symbol another name, which is added to the symbols' string table.
    pub fn rename_symbol(&mut self, symbol: usize, name: &str) {
        let names = self.get(Section(self.symbol_table(), "sh_link")) as usize;
        let offset = self.add_string(names, name);
        self.set(Symbol(symbol, "st_name"), offset);
    }

    /// Changes the value of the string `key=…` of `.modinfo`, or adds it.
    pub fn set_modinfo(&mut self, key: &str, value: &str) {
        let mut strings = self.modinfo_without(key);
        strings.extend(format!("{key}={value}\0").bytes());
        let modinfo = self.section(".modinfo");
        self.set_contents(modinfo, &strings);
    }

    /// Takes all strings `key=…` out of `.modinfo`.
    pub fn remove_modinfo(&mut self, key: &str) {
        let strings = self.modinfo_without(key);
        let modinfo = self.section(".modinfo");
        self.set_contents(modinfo, &strings);
    }

    /// Where a field lies in the file.
    pub fn place(&self, at: At) -> Range<usize> {
        let (start, layout, name) = match at {
            Header(name) => (0, HEADER, name),
            Section(index, name) => {
                let table = self.get(Header("e_shoff")) as usize;
                (table + index * self.size(SECTION), SECTION, name)
            }
            Symbol(index, name) => {
                let layout = self.symbol_layout();
                let table = self.extent(self.symbol_table()).start;
                (table + index * self.size(layout), layout, name)
            }
            Relocation(table, index, name) => {
                let layout = self.relocation_layout(table);
                let start = self.extent(table).start;
                (start + index * self.size(layout), layout, name)
            }
        };
        let position = layout
            .iter()
            .position(|(field, _)| *field == name)
            .unwrap_or_else(|| panic!("no field {name}"));
        let offset = start + self.size(&layout[..position]);
        offset..offset + self.width(layout[position].1)
    }

    /// The size of the file header.
    pub fn header_size(&self) -> usize {
        self.size(HEADER)
    }

    fn part(&self, at: At) -> Option<(At, u32, u32)> {
        let type_bits = if self.wide { 32 } else { 8 };
        Some(match at {
            Relocation(table, index, "r_type") => {
                (Relocation(table, index, "r_info"), 0, type_bits)
            }
            Relocation(table, index, "r_sym") => {
                (Relocation(table, index, "r_info"), type_bits, if self.wide { 32 } else { 24 })
            }
            Symbol(index, "st_bind") => (Symbol(index, "st_info"), 4, 4),
            Symbol(index, "st_type") => (Symbol(index, "st_info"), 0, 4),
            _ => return None,
        })
    }

    fn modinfo_without(&self, key: &str) -> Vec<u8> {
        let key = format!("{key}=");
        self.contents(self.section(".modinfo"))
            .split_inclusive(|byte| *byte == 0)
            .filter(|string| !string.starts_with(key.as_bytes()))
            .flatten()
            .copied()
            .collect()
    }

    fn add_string(&mut self, table: usize, string: &str) -> u64 {
        let mut strings = self.contents(table).to_vec();
        let offset = strings.len() as u64;
        strings.extend(string.bytes().chain([0]));
        self.set_contents(table, &strings);
        offset
    }

    fn extent(&self, section: usize) -> Range<usize> {
        let start = self.get(Section(section, "sh_offset")) as usize;
        match self.get(Section(section, "sh_type")) {
            0 | SHT_NOBITS => start..start,
            _ => start..start + self.get(Section(section, "sh_size")) as usize,
        }
    }

    fn string(&self, table: usize, offset: u64) -> String {
        let rest = &self.contents(table)[offset as usize..];
        let string = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(string).into_owned()
    }

    fn first_of_type(&self, kind: u64) -> usize {
        (0..self.section_count())
            .find(|index| self.get(Section(*index, "sh_type")) == kind)
            .unwrap_or_else(|| panic!("the file has no section of type {kind}"))
    }

    fn symbol_layout(&self) -> Layout {
        if self.wide { SYMBOL_64 } else { SYMBOL_32 }
    }

    fn relocation_layout(&self, table: usize) -> Layout {
        match self.get(Section(table, "sh_type")) {
            SHT_RELA => RELA,
            _ => REL,
        }
    }

    fn size(&self, layout: &[(&str, Width)]) -> usize {
        layout.iter().map(|(_, width)| self.width(*width)).sum()
    }

    fn width(&self, width: Width) -> usize {
        match width {
            Byte => 1,
            Half => 2,
            Word => 4,
            Native if self.wide => 8,
            Native => 4,
        }
    }
}

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}
