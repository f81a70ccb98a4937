//! Where the fields of an ELF file stand, found without trusting any of it (gABI, "ELF Header",
//! "Sections", "Symbol Table", "Relocation").

use std::ops::Range;

/// Class and byte order of a file.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    wide: bool,
    big: bool,
}

/// Section types.
pub const SHT_SYMTAB: u64 = 2;
pub const SHT_RELA: u64 = 4;
pub const SHT_REL: u64 = 9;

/// Which field of a section header is which.
pub const SH_TYPE: usize = 1;
pub const SH_OFFSET: usize = 4;
pub const SH_SIZE: usize = 5;

/// The widths in bytes of consecutive fields.
type Widths = &'static [usize];

const HEADER: [Widths; 2] =
    [&[2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2], &[2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2]];
const SECTION: [Widths; 2] = [&[4, 4, 4, 4, 4, 4, 4, 4, 4, 4], &[4, 4, 8, 8, 8, 8, 4, 4, 8, 8]];
const SYMBOL: [Widths; 2] = [&[4, 4, 4, 1, 1, 2], &[4, 1, 1, 2, 8, 8]];
/// The type of a relocation apart from its symbol; their order depends on the byte order.
const REL: [[Widths; 2]; 2] = [[&[4, 1, 3], &[8, 4, 4]], [&[4, 3, 1], &[8, 4, 4]]];
const RELA: [[Widths; 2]; 2] = [[&[4, 1, 3, 4], &[8, 4, 4, 8]], [&[4, 3, 1, 4], &[8, 4, 4, 8]]];

/// A table of entries with the same fields.
#[derive(Clone, Debug)]
pub struct Table {
    start: usize,
    count: usize,
    widths: Widths,
}

impl Format {
    /// That of a file; `None` if it has no ELF identification.
    pub fn of(file: &[u8]) -> Option<Self> {
        let ident = file.first_chunk::<16>()?;
        ident.starts_with(b"\x7fELF").then_some(Self { wide: ident[4] == 2, big: ident[5] == 2 })
    }

    /// The number in a field.
    pub fn get(self, file: &[u8], field: Range<usize>) -> u64 {
        let bytes = file.get(field).unwrap_or_default().iter();
        let more = |all: u64, byte: &u8| all << 8 | u64::from(*byte);
        if self.big { bytes.fold(0, more) } else { bytes.rev().fold(0, more) }
    }

    /// Puts a number into a field, cut down to its width.
    pub fn set(self, file: &mut [u8], field: Range<usize>, value: u64) {
        let width = field.len();
        let Some(bytes) = file.get_mut(field) else { return };
        if self.big {
            bytes.copy_from_slice(&value.to_be_bytes()[8 - width..]);
        } else {
            bytes.copy_from_slice(&value.to_le_bytes()[..width]);
        }
    }

    /// All tables that a file has: its header (one entry), section headers, symbols, relocations.
    pub fn tables(self, file: &[u8]) -> Vec<Table> {
        let [header, sections] = self.headers(file);
        let of_sections: Vec<_> = (0..sections.count)
            .filter_map(|section| self.table(file, &sections, section))
            .collect();
        let mut tables = [vec![header, sections], of_sections].concat();
        tables.retain(|table| table.count != 0);
        tables
    }

    /// The file's header and the section headers.
    pub fn headers(self, file: &[u8]) -> [Table; 2] {
        let wide = usize::from(self.wide);
        let header = Table { start: 16, count: 1, widths: HEADER[wide] }.cut_to(file.len());
        let [start, count] =
            [5, 11].map(|field| self.get(file, header.field(0, field).unwrap_or(0..0)) as usize);
        let sections = Table { start, count, widths: SECTION[wide] }.cut_to(file.len());
        [header, sections]
    }

    /// The symbols or relocations of a section, if it has any such.
    pub fn table(self, file: &[u8], sections: &Table, section: usize) -> Option<Table> {
        let field = |field| sections.field(section, field).unwrap_or(0..0);
        let [kind, start, size] =
            [SH_TYPE, SH_OFFSET, SH_SIZE].map(|number| self.get(file, field(number)) as usize);
        let (wide, big) = (usize::from(self.wide), usize::from(self.big));
        let widths = match kind as u64 {
            SHT_SYMTAB => SYMBOL[wide],
            SHT_REL => REL[big][wide],
            SHT_RELA => RELA[big][wide],
            _ => return None,
        };
        let count = size / widths.iter().sum::<usize>();
        Some(Table { start, count, widths }.cut_to(file.len()))
    }
}

impl Table {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// How many fields an entry has.
    pub fn fields(&self) -> usize {
        self.widths.len()
    }

    /// Where a field of an entry stands.
    pub fn field(&self, entry: usize, field: usize) -> Option<Range<usize>> {
        let before: usize = self.widths.get(..field)?.iter().sum();
        let start = entry.checked_mul(self.entry_size())?.checked_add(self.start)?;
        let start = start.checked_add(before)?;
        Some(start..start.checked_add(*self.widths.get(field)?)?)
    }

    /// Where a whole entry stands.
    pub fn entry(&self, entry: usize) -> Range<usize> {
        let start = self.start + entry * self.entry_size();
        start..start + self.entry_size()
    }

    fn entry_size(&self) -> usize {
        self.widths.iter().sum()
    }

    fn cut_to(mut self, size: usize) -> Self {
        self.count = self.count.min(size.saturating_sub(self.start) / self.entry_size());
        self
    }
}
