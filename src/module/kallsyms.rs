//! The names of a module's symbols, which are kept for as long as it is loaded (feature `kallsyms`; Linux:
//! `CONFIG_KALLSYMS`).
//!
//! What is kept is one run of bytes, written when the module is loaded and never changed:
//!
//! - the entries by address, those that no address is named by apart. An entry is a byte with the length
//!   of the name and two flags, the distance from the symbol before it, and the name. They are in blocks, each
//!   of at most [`BLOCK`] symbols of one section: the first says in which, and what that is the first time;
//! - for each part of the module an index: of each block the offset in that part of the first symbol, and
//!   where its entry stands.
//!
//! An address is looked up by halving the index and reading one block. Nothing is read that a module can write.

use super::{LoadedSection, Module};
use crate::arch::Arch;
use crate::error::LoadError;
use crate::heap::{OutOfMemory, exact};
use crate::image::strings::{length, zeros};
use crate::image::{
    Binding, Error, Flags, Image, MAX_SYMBOL_NAME, Section, SymbolProblem, Symbols,
};
use crate::link::{Part, Plan};
use crate::name::Name;
use crate::platform::Platform;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use goblin::elf::sym::STT_OBJECT;

/// Of which symbols a module keeps the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kallsyms {
    /// Of all that are in its memory (Linux: `CONFIG_KALLSYMS_ALL`, as in Debian's kernels for amd64).
    #[default]
    All,
    /// Of those in its code (as in Debian's kernels for i386).
    TextOnly,
}

/// A symbol of a module whose name is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kallsym<'m> {
    /// Its name; of one of more than [`MAX_SYMBOL_NAME`] bytes the first.
    pub name: &'m [u8],
    /// Its address.
    pub address: u64,
    /// What it is, by the letter that Linux and `nm` have for that, a small one: `t` code, `r`
    /// constants, `d` data, `b` zeros, `a` a variable of each CPU, `v` a weak object, `w` weak else.
    pub kind: char,
    /// The section in which it is.
    pub section: LoadedSection<'m>,
}

/// The symbol that an address belongs to. Shown as Linux shows it, `name+0x12/0x40 [module]`: how far from
/// its start the address is, and how long it is.
#[derive(Clone, Copy, Debug)]
pub struct Symbolized<'s> {
    /// The address that was asked for.
    pub address: u64,
    /// Its name, as in [`Kallsym::name`].
    pub name: &'s [u8],
    /// Where it starts.
    pub start: u64,
    /// How many bytes there are until the next one, or the end of its section.
    pub size: u64,
    /// The module that it is of; `None` if it is the kernel's.
    pub module: Option<&'s Name>,
    /// The section of the module's in which it is.
    pub section: Option<LoadedSection<'s>>,
}

impl<'s> Symbolized<'s> {
    /// That of an address in the kernel: in `size` bytes from `start` on, which have that name.
    pub const fn of_kernel(address: u64, name: &'s [u8], start: u64, size: u64) -> Self {
        Self { address, name, start, size, module: None, section: None }
    }

    /// How many bytes after its start the address is.
    pub const fn offset(&self) -> u64 {
        self.address.wrapping_sub(self.start)
    }
}

impl fmt::Display for Symbolized<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}/{:#x}", self.name.escape_ascii(), self.offset(), self.size)?;
        match self.module {
            Some(module) => write!(f, " [{module}]"),
            None => Ok(()),
        }
    }
}

/// The most symbols of a block; of those with more than a short name half as many.
const BLOCK: usize = 16;

/// The bytes in the index for each block.
const ROW: usize = 8;

/// The parts, and of each first the symbols that addresses are named by.
const RUNS: [(Part, bool); 4] =
    [(Part::Core, false), (Part::Core, true), (Part::Init, false), (Part::Init, true)];

/// How many times the bytes of a file's symbol table and its strings may be kept, beside those of names of
/// sections: of Debian's files less than half of them is.
const MOST_TABLES: usize = 2;

/// The bytes of an entry as most are, for which room is taken first.
const TYPICAL: usize = 28;

/// The most bytes of an entry beside the name, that of its section included, and what is written beyond
/// a number.
const MOST_BESIDE_NAME: usize = MAX_SECTION_NAME + 40;

/// The room that is there for an entry.
const ROOM: usize = MOST_BESIDE_NAME + MAX_SYMBOL_NAME;

/// Of a file no section has this index.
const NO_SECTION: usize = usize::MAX;

/// The longest name of a section that is kept: [`Module::sections`] has none that is longer either.
const MAX_SECTION_NAME: usize = 255;

/// What is kept of a module's symbols.
#[derive(Debug)]
pub(crate) struct KeptSymbols {
    bytes: Box<[u8]>,
    runs: [Run; RUNS.len()],
    /// Where the index stands, and how many rows of it are of the core part.
    index: u32,
    core_rows: u32,
}

/// The entries of symbols in one part, by address.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// Where the first stands, or would.
    start: u32,
    count: u32,
}

/// An entry.
#[derive(Clone, Copy, Debug)]
struct Entry<'k> {
    /// The offset in its part.
    offset: u32,
    /// 0 if it is that of the section.
    kind: u8,
    name: &'k [u8],
    /// Where what is kept of the section stands.
    section: usize,
}

/// What is kept of a section.
#[derive(Clone, Copy, Debug)]
struct Record<'k> {
    kind: u8,
    /// The offset in its part.
    offset: u32,
    size: u32,
    name: &'k [u8],
}

/// In the first byte of an entry, beside the length of its name: that it says its section, and that
/// its kind is not that of its section.
const SAYS_SECTION: u8 = 1 << 7;
const SAYS_KIND: u8 = 1 << 6;
/// That the length is in the next two bytes.
const LONG: u8 = SAYS_KIND - 1;

/// What symbols are sorted by, most important first:
///
/// | bit | |
/// |---|---|
/// | 63, 62 | the run |
/// | 30 to 61 | the offset in the part |
/// | 29 | that it is not the end of its section: what starts there is that address's |
/// | 0 to 28 | the index in the symbol table, the highest first: of several at an address the last is found, the first in the file as in Linux |
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    /// The lower bit of the run.
    const APART: u64 = 1 << 62;
    const OFFSET: u32 = 30;
    const STARTS: u64 = 1 << 29;
    const NUMBER: u64 = Self::STARTS - 1;

    /// What the symbols of a section at that offset in its part have in common.
    fn of_section(part: Part, offset: u32) -> Self {
        Self((run_of(part) as u64).wrapping_mul(Self::APART) | u64::from(offset) << Self::OFFSET)
    }

    /// That of the symbol of an index at an offset in the section, which is not beyond its end.
    #[inline(always)]
    fn of_symbol(self, offset: u64, apart: bool, starts: bool, index: usize) -> Self {
        let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let key = self.0.wrapping_add(offset << Self::OFFSET);
        let flags = flag(apart, Self::APART) | flag(starts, Self::STARTS);
        Self(key | flags | (!(index as u64) & Self::NUMBER))
    }

    fn run(self) -> usize {
        (self.0 / Self::APART) as usize
    }

    #[inline(always)]
    fn offset(self) -> u32 {
        (self.0 >> Self::OFFSET) as u32
    }

    #[inline(always)]
    fn symbol(self) -> usize {
        (!self.0 & Self::NUMBER) as usize
    }
}

/// The run of the symbols that addresses in a part are named by.
fn run_of(part: Part) -> usize {
    match part {
        Part::Core => 0,
        Part::Init => 2,
    }
}

impl KeptSymbols {
    /// Those of an image that is laid out.
    ///
    /// # Errors
    /// [`SymbolProblem::SharedNames`]; [`LoadError::OutOfMemory`].
    #[inline(never)]
    pub fn of<A: Arch>(
        image: &Image<'_, A>,
        plan: &Plan,
        which: Kallsyms,
    ) -> Result<Self, LoadError> {
        let symbols = image.symbols();
        // Of more there is no number. The file has gigabytes then.
        if symbols.len() as u64 > Key::NUMBER {
            return Err(LoadError::OutOfMemory);
        }
        let mut places = places(image, plan, which)?;
        let mut keys = Vec::new();
        keys.try_reserve_exact(symbols.len()).map_err(OutOfMemory::from)?;
        find_kept(symbols, &places, &mut keys);
        keys.sort_unstable();
        let of_sections = places.len().saturating_mul(MOST_BESIDE_NAME);
        let most = symbols.table_size().saturating_mul(MOST_TABLES).saturating_add(of_sections);
        let mut writer = Writer::new(&keys, most)?;
        for run in 0..RUNS.len() {
            if let Some(symbol) = writer.run(run, symbols, &mut keys, &mut places)? {
                return Err(shared_names(image, symbol));
            }
        }
        writer.finish(&keys)
    }

    /// The bytes that are kept beside the module's own record.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The entries of a run.
    fn run(&self, run: usize) -> Entries<'_> {
        let Run { start, count } = self.runs.get(run).copied().unwrap_or_default();
        Entries::new(&self.bytes, start, count)
    }

    /// The rows of the index for a part.
    fn index(&self, part: Part) -> &[[u8; ROW]] {
        let (rows, _) = self.bytes.get(self.index as usize..).unwrap_or_default().as_chunks();
        let (core, init) = rows.split_at_checked(self.core_rows as usize).unwrap_or_default();
        match part {
            Part::Core => core,
            Part::Init => init,
        }
    }

    /// The symbol that an offset in a part belongs to, its section, and how long it is.
    fn find(&self, part: Part, offset: u32) -> Option<(Entry<'_>, Record<'_>, u32)> {
        let index = self.index(part);
        let after = index.partition_point(|row| split(row).0 <= offset);
        let (first, at) = split(index.get(after.checked_sub(1)?)?);
        // The block ends where the next one starts, or the run of those apart.
        let next = index.get(after).map(split);
        let run = run_of(part).wrapping_add(1);
        let (mut next, end) = match next {
            Some((offset, at)) => (Some(offset), at),
            None => (None, self.runs.get(run)?.start),
        };
        let mut entries = Entries::new(self.bytes.get(..end as usize)?, at, BLOCK as u32);
        let mut found = entries.next()?;
        (found.offset, entries.offset) = (first, first);
        for entry in entries {
            if entry.offset > offset {
                next = Some(entry.offset);
                break;
            }
            found = entry;
        }
        let section = self.record(&found)?;
        let Record { offset: start, size, .. } = section;
        if offset.wrapping_sub(start) >= size {
            return None;
        }
        let end = start.saturating_add(size);
        let end = next.map_or(end, |next| next.min(end));
        Some((found, section, end.saturating_sub(found.offset)))
    }

    /// What is kept of the section of an entry.
    fn record(&self, entry: &Entry<'_>) -> Option<Record<'_>> {
        Entries { at: entry.section, ..Entries::new(&self.bytes, 0, 0) }.record()
    }
}

/// A section.
struct Place<'s, 'a> {
    /// What the keys of its symbols have in common.
    base: Key,
    /// The values of symbols that are kept are smaller: they are in the section, or its end. What is
    /// elsewhere is nowhere in the module's memory for certain.
    limit: u64,
    section: &'s Section<'a>,
    /// Where what is kept of it stands; 0, where no entry is, if that has not been written.
    written: u32,
}

/// The sections by their indices.
fn places<'s, 'a, A: Arch>(
    image: &'s Image<'a, A>,
    plan: &Plan,
    which: Kallsyms,
) -> Result<Vec<Place<'s, 'a>>, OutOfMemory> {
    let mut places = Vec::new();
    places.try_reserve_exact(image.sections().len())?;
    places.extend(image.sections().iter().enumerate().map(|(index, section)| {
        let is_text = section.flags.contains(Flags::EXECUTE);
        let location = plan.location(index).filter(|_| is_text || which == Kallsyms::All);
        let (base, limit) = location.map_or((Key(0), 0), |location| {
            let base = Key::of_section(location.part, location.offset as u32);
            (base, location.size.saturating_add(1))
        });
        Place { base, limit, section, written: 0 }
    }));
    Ok(places)
}

/// The keys of the symbols that are kept, for which there is room. A function of its own, so that the loop
/// has the registers to itself.
#[inline(never)]
fn find_kept<A: Arch>(symbols: &Symbols<'_, A>, places: &[Place<'_, '_>], keys: &mut Vec<Key>) {
    for (index, symbol) in symbols.iter().enumerate() {
        // There is no section of the indices that mean something else, and nothing at 0.
        let Some(Place { base, limit, .. }) = places.get(symbol.section_index()) else { continue };
        if symbol.value >= *limit {
            continue;
        }
        let name = symbol.name_and_rest();
        let is_mark = match name.first() {
            None | Some(0) => continue,
            Some(first) => *first <= b'.' && is_mark(name),
        };
        let starts = symbol.value.wrapping_add(1) < *limit;
        keys.push(base.of_symbol(symbol.value, is_mark, starts, index));
    }
}

/// What is told of a symbol at which too much has been kept.
#[cold]
#[inline(never)]
fn shared_names<A: Arch>(image: &Image<'_, A>, symbol: usize) -> LoadError {
    let (symbol, problem) = (image.symbol_ref(symbol), SymbolProblem::SharedNames);
    Error::Symbol { symbol, problem }.into()
}

/// Whether it is a mark of the compiler's, by which Linux names no address: `.L…`, and `$a`, `$d`, `$t`
/// and `$x`, alone or before a dot.
#[inline(never)]
fn is_mark(name: &[u8]) -> bool {
    matches!(name, [b'.', b'L', ..] | [b'$', b'a' | b'd' | b't' | b'x', 0 | b'.', ..])
}

/// The string at the start of a table; of a longer one the first bytes.
fn first(rest: &[u8], most: usize) -> &[u8] {
    let rest = rest.get(..most).unwrap_or(rest);
    rest.get(..length(rest)).unwrap_or(rest)
}

/// Linux's letter for what is in a section (6.1: `elf_type`).
fn kind_of(section: &Section<'_>) -> u8 {
    if section.name.is(b".data..percpu") {
        b'a'
    } else if section.flags.contains(Flags::EXECUTE) {
        b't'
    } else if section.is_nobits() {
        b'b'
    } else if section.flags.contains(Flags::WRITE) {
        b'd'
    } else {
        b'r'
    }
}

/// The two numbers of a row of an index: the offset of the first symbol of a block, and where its
/// entry stands.
fn split(row: &[u8; ROW]) -> (u32, u32) {
    let row = u64::from_ne_bytes(*row);
    ((row >> 32) as u32, row as u32)
}

/// Writes what is kept.
struct Writer {
    bytes: Vec<u8>,
    /// Where the next byte goes.
    at: usize,
    runs: [Run; RUNS.len()],
    /// How many rows of the index have been written, where the keys were that have been read, and of
    /// those how many for the core part.
    rows: usize,
    core_rows: usize,
    /// More bytes than so many are not kept.
    most: usize,
}

impl Writer {
    fn new(keys: &[Key], most: usize) -> Result<Self, OutOfMemory> {
        let mut runs = [Run::default(); RUNS.len()];
        let mut rest = keys;
        for (number, run) in runs.iter_mut().enumerate() {
            let count = rest.partition_point(|key| key.run() == number);
            run.count = count as u32;
            rest = rest.get(count..).unwrap_or_default();
        }
        let mut bytes = Vec::new();
        let length = keys.len().saturating_mul(TYPICAL).saturating_add(ROOM);
        bytes.try_reserve(length)?;
        bytes.resize(length, 0);
        // Nothing stands at 0.
        Ok(Self { bytes, at: 1, runs, rows: 0, core_rows: 0, most })
    }

    /// Writes the entries of a run. The index of a symbol, if there it has become too much: that is looked at
    /// once a block.
    #[inline(never)]
    fn run<A: Arch>(
        &mut self,
        number: usize,
        symbols: &Symbols<'_, A>,
        keys: &mut [Key],
        places: &mut [Place<'_, '_>],
    ) -> Result<Option<usize>, OutOfMemory> {
        let before = self.runs.iter().take(number).map(|run| run.count as usize);
        let start = before.fold(0, usize::saturating_add);
        let Some(run) = self.runs.get_mut(number) else { return Ok(None) };
        run.start = self.at as u32;
        let end = start.saturating_add(run.count as usize);
        let is_apart = RUNS.get(number).is_some_and(|(_, apart)| *apart);
        // What is read and written each time, where no function that is called can change it.
        let (mut at, mut offset, mut section, mut left) = (self.at, 0, NO_SECTION, 0_usize);
        for position in start..end {
            let Some(key) = keys.get(position).copied() else { break };
            let Some(symbol) = symbols.entry(key.symbol()) else { break };
            let name = symbol.name_and_rest();
            let distance = key.offset().wrapping_sub(offset);
            offset = key.offset();
            let section_before = section;
            section = symbol.section_index();
            left = left.wrapping_sub(1);
            if section == section_before
                && left < BLOCK
                && symbol.binding != Binding::Weak
                && let Some(end) = short(&mut self.bytes, at, distance, name)
            {
                at = end;
                continue;
            }
            self.at = at;
            let begins = section != section_before || left >= BLOCK;
            if begins {
                if self.at > self.most {
                    return Ok(Some(key.symbol()));
                }
                left = BLOCK.wrapping_sub(1);
                if !is_apart {
                    self.row(offset, keys);
                }
            } else {
                // What takes twice as long to read counts twice.
                left = left.saturating_sub(1);
            }
            self.any(symbols, key.symbol(), distance, places.get_mut(section).filter(|_| begins))?;
            at = self.at;
        }
        self.at = at;
        if number == run_of(Part::Core) {
            self.core_rows = self.rows;
        }
        Ok(None)
    }

    /// Writes the row of a block that begins here with a symbol at that offset.
    fn row(&mut self, offset: u32, keys: &mut [Key]) {
        if let Some(place) = keys.get_mut(self.rows) {
            *place = Key(u64::from(offset) << 32 | self.at as u64);
        }
        self.rows = self.rows.wrapping_add(1);
    }

    /// Writes the entry of a symbol, whatever it says; its section if that is given.
    #[inline(never)]
    fn any<A: Arch>(
        &mut self,
        symbols: &Symbols<'_, A>,
        index: usize,
        distance: u32,
        section: Option<&mut Place<'_, '_>>,
    ) -> Result<(), OutOfMemory> {
        if self.bytes.len().saturating_sub(self.at) < ROOM {
            self.grow()?;
        }
        let Some(symbol) = symbols.entry(index) else { return Ok(()) };
        let name = first(symbol.name_and_rest(), MAX_SYMBOL_NAME);
        let kind = match symbol.binding {
            Binding::Weak if symbol.kind == STT_OBJECT => b'v',
            Binding::Weak => b'w',
            _ => 0,
        };
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(section.is_some(), SAYS_SECTION) | flag(kind != 0, SAYS_KIND);
        self.some_of((flags | name.len().min(LONG.into()) as u8).into(), 1);
        if name.len() >= LONG.into() {
            self.put(&(name.len() as u16).to_ne_bytes());
        }
        if let Some(place) = section {
            self.section(place);
        }
        if kind != 0 {
            self.some_of(kind.into(), 1);
        }
        self.number(distance);
        self.put(name);
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> Result<(), OutOfMemory> {
        let more = self.bytes.len().max(ROOM);
        self.bytes.try_reserve(more)?;
        self.bytes.resize(self.bytes.len().saturating_add(more), 0);
        Ok(())
    }

    /// Says in which section the next symbols are: how far before here what is kept of it stands; 0 if it
    /// stands right after that.
    #[inline(always)]
    fn section(&mut self, place: &mut Place<'_, '_>) {
        let at = self.at as u32;
        if place.written != 0 {
            self.number(at.wrapping_sub(place.written));
            return;
        }
        place.written = at.wrapping_add(1);
        self.some_of(u64::from(kind_of(place.section)) << 8, 2);
        self.number(place.base.offset());
        self.number(place.limit.saturating_sub(1) as u32);
        let name = first(place.section.name.rest(), MAX_SECTION_NAME);
        self.some_of(name.len() as u64, 1);
        self.put(name);
    }

    #[inline(always)]
    fn number(&mut self, number: u32) {
        let (packed, length) = packed(number);
        self.some_of(packed, length);
    }

    /// Writes the first bytes of eight. There is room.
    #[inline(always)]
    fn some_of(&mut self, bytes: u64, length: usize) {
        let room = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut);
        if let Some(room) = room {
            *room = bytes.to_le_bytes();
        }
        self.at = self.at.wrapping_add(length);
    }

    /// Writes bytes for which there is room.
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.at.wrapping_add(bytes.len());
        if let Some(room) = self.bytes.get_mut(self.at..end) {
            room.copy_from_slice(bytes);
        }
        self.at = end;
    }

    /// What has been written, and after it the index, without room for more.
    fn finish(self, keys: &[Key]) -> Result<KeptSymbols, LoadError> {
        let entries = self.bytes.get(..self.at).unwrap_or_default();
        let rows = keys.get(..self.rows).unwrap_or_default();
        let length = entries.len().saturating_add(rows.len().saturating_mul(ROW));
        // So that no place in it has been cut.
        u32::try_from(length).map_err(|_| OutOfMemory)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(OutOfMemory::from)?;
        bytes.extend_from_slice(entries);
        rows.iter().for_each(|row| bytes.extend_from_slice(&row.0.to_ne_bytes()));
        let (index, core_rows) = (self.at as u32, self.core_rows as u32);
        Ok(KeptSymbols { bytes: exact(bytes)?, runs: self.runs, index, core_rows })
    }
}

/// The longest name that [`short`] looks at, and its NUL.
const SHORT: usize = LONG as usize + 1;
const WORD: usize = size_of::<usize>();

/// Writes an entry that says nothing but its distance and a name shorter than [`LONG`]; where the next one
/// stands. `None`, and nothing that stays, if the name is longer, or there is not room for the longest,
/// or the strings end before that.
#[inline(always)]
fn short(bytes: &mut [u8], at: usize, distance: u32, name: &[u8]) -> Option<usize> {
    let entry: &mut [u8; 8 + SHORT] = bytes.get_mut(at..)?.first_chunk_mut()?;
    let name: &[u8; SHORT] = name.first_chunk()?;
    let (distance, before) = packed(distance);
    *entry.first_chunk_mut()? = (distance << 8).to_le_bytes();
    let before = before.wrapping_add(1);
    let to: &mut [u8; SHORT] = entry.get_mut(before..)?.first_chunk_mut()?;
    let mut length = 0_usize;
    for (from, to) in name.as_chunks::<WORD>().0.iter().zip(to.as_chunks_mut().0) {
        *to = *from;
        let zeros = zeros(usize::from_le_bytes(*from));
        if zeros != 0 {
            length = length.wrapping_add(zeros.trailing_zeros() as usize / 8);
            break;
        }
        length = length.wrapping_add(WORD);
    }
    if length >= LONG.into() {
        return None;
    }
    *entry.first_mut()? = length as u8;
    Some(at.wrapping_add(before).wrapping_add(length))
}

/// A number, seven bits a byte, the lowest first; the highest bit says that there are more. The bytes, the
/// first in the lowest, and how many they are.
#[inline(always)]
fn packed(mut number: u32) -> (u64, usize) {
    if number < 0x4000 {
        let low = u64::from(number & 0x7f | (number & 0x3f80) << 1);
        return if number < 0x80 { (low, 1) } else { (low | 0x80, 2) };
    }
    let (mut bytes, mut length) = (0, 0_usize);
    while number >= 0x80 {
        bytes |= u64::from(number & 0x7f | 0x80) << (length & 7).wrapping_mul(8);
        length = length.wrapping_add(1);
        number >>= 7;
    }
    bytes |= u64::from(number) << (length & 7).wrapping_mul(8);
    (bytes, length.wrapping_add(1))
}

/// Reads entries.
#[derive(Debug)]
struct Entries<'k> {
    bytes: &'k [u8],
    at: usize,
    left: u32,
    /// The offset of the last symbol, and its section.
    offset: u32,
    section: usize,
}

impl<'k> Entries<'k> {
    fn new(bytes: &'k [u8], at: u32, left: u32) -> Self {
        Self { bytes, at: at as usize, left, offset: 0, section: 0 }
    }

    fn take(&mut self, length: usize) -> Option<&'k [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at = self.at.wrapping_add(1);
        Some(byte)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn record(&mut self) -> Option<Record<'k>> {
        let (kind, offset, size) = (self.byte()?, self.number()?, self.number()?);
        let length = self.byte()?;
        Some(Record { kind, offset, size, name: self.take(length.into())? })
    }

    #[inline(always)]
    fn entry(&mut self) -> Option<Entry<'k>> {
        // As most are: without a flag, a short name, not far from the one before.
        match self.bytes.get(self.at..)?.first_chunk()? {
            [head, low, _] if *head < LONG && *low < 0x80 => {
                self.named(2, 0, (*low).into(), (*head).into())
            }
            [head, low, high] if *head < LONG && *high < 0x80 => {
                let distance = u32::from(low & 0x7f) | u32::from(*high) << 7;
                self.named(3, 0, distance, (*head).into())
            }
            _ => self.rare(),
        }
    }

    /// The entry whose name is so many bytes from here, and so long.
    #[inline(always)]
    fn named(&mut self, at: usize, kind: u8, distance: u32, length: usize) -> Option<Entry<'k>> {
        self.at = self.at.wrapping_add(at);
        self.offset = self.offset.wrapping_add(distance);
        let name = self.take(length)?;
        Some(Entry { offset: self.offset, kind, name, section: self.section })
    }

    /// Any entry.
    #[inline(never)]
    fn rare(&mut self) -> Option<Entry<'k>> {
        let first = self.byte()?;
        let length = match first & LONG {
            LONG => u16::from_ne_bytes(*self.take(2)?.first_chunk()?),
            length => length.into(),
        };
        if first & SAYS_SECTION != 0 {
            let at = self.at;
            self.section = match self.number()? {
                0 => {
                    let here = self.at;
                    self.record()?;
                    here
                }
                before => at.checked_sub(before as usize)?,
            };
        }
        let kind = if first & SAYS_KIND != 0 { self.byte()? } else { 0 };
        let distance = self.number()?;
        self.named(0, kind, distance, length.into())
    }
}

impl<'k> Iterator for Entries<'k> {
    type Item = Entry<'k>;

    fn next(&mut self) -> Option<Entry<'k>> {
        self.left = self.left.checked_sub(1)?;
        self.entry()
    }
}

impl<'k> Record<'k> {
    /// The section, in a part that starts at this address.
    fn in_part(self, start: u64) -> LoadedSection<'k> {
        let address = start.wrapping_add(self.offset.into());
        LoadedSection { name: self.name, address, size: self.size.into() }
    }
}

impl<P: Platform> Module<P> {
    /// The symbols whose names it keeps ([`Platform::KALLSYMS`]), those of the init part while that is there. In each
    /// part they are in the order of their addresses, but for marks of the compiler's (`.L…`), which come
    /// after the others. Not those without a name, and not those that are outside of their sections.
    pub fn kallsyms(&self) -> impl Iterator<Item = Kallsym<'_>> {
        let (core, init) = (self.core().start, self.init().map(|init| init.start));
        let symbols = &self.content().kallsyms;
        RUNS.into_iter().enumerate().flat_map(move |(run, (part, _))| {
            let start = match part {
                Part::Core => Some(core),
                Part::Init => init,
            };
            start.into_iter().flat_map(move |start| {
                symbols.run(run).filter_map(move |entry| {
                    let section = symbols.record(&entry)?;
                    let Entry { offset, kind, name, .. } = entry;
                    Some(Kallsym {
                        name,
                        address: start.wrapping_add(offset.into()),
                        kind: if kind == 0 { section.kind } else { kind }.into(),
                        section: section.in_part(start),
                    })
                })
            })
        })
    }

    /// The symbol of its own that an address belongs to; see [`Loader::symbolize`](crate::Loader::symbolize).
    pub fn symbolize(&self, address: u64) -> Option<Symbolized<'_>> {
        let in_part = |range: core::ops::Range<u64>, part| {
            range.contains(&address).then_some((part, range.start))
        };
        let (part, start) = in_part(self.core(), Part::Core)
            .or_else(|| self.init().and_then(|init| in_part(init, Part::Init)))?;
        let offset = u32::try_from(address.wrapping_sub(start)).ok()?;
        let (Entry { offset, name, .. }, section, size) =
            self.content().kallsyms.find(part, offset)?;
        Some(Symbolized {
            address,
            name,
            start: start.wrapping_add(offset.into()),
            size: size.into(),
            module: Some(self.name()),
            section: Some(section.in_part(start)),
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::arch::{I386, M68k, X86_64};
    use modlink_host::corpus;

    /// The bytes that the modules of a corpus keep of the bytes of their symbol tables and strings, and how
    /// many modules those are: all, or every one of `every`.
    fn kept<A: Arch>(folder: &str, which: Kallsyms, every: usize) -> (f64, usize) {
        let (mut kept, mut of, mut count) = (0, 0, 0);
        for path in corpus::find(&corpus::folder(folder)).iter().step_by(every) {
            let file = std::fs::read(path).unwrap();
            let image = Image::<A>::check(&file, 64 << 20).unwrap();
            let plan = Plan::new(&image, 4096).unwrap();
            let symbols = KeptSymbols::of(&image, &plan, which).unwrap();
            kept += symbols.len() + size_of::<KeptSymbols>();
            of += image.symbols().table_size();
            count += 1;
            if which == Kallsyms::TextOnly {
                let mut all = (0..RUNS.len()).flat_map(|run| symbols.run(run));
                assert!(all.all(|entry| symbols.record(&entry).unwrap().kind == b't'), "{path:?}");
            }
        }
        (kept as f64 / of as f64, count)
    }

    #[test]
    fn what_is_kept_of_names_is_less_than_half_of_the_tables() {
        // `EVERY=1 cargo test --release --lib --features kallsyms -- --nocapture less_than_half` for all modules.
        let every = std::env::var("EVERY").map_or(40, |every| every.parse().unwrap());
        let check = |title: &str, most: f64, (kept, count): (f64, usize)| {
            std::println!("{title}: {:.2} % of {count} modules", kept * 100.0);
            assert!(count > 20 && kept > 0.1 && kept <= most, "{title}: {kept}");
        };
        let (all, text) = (Kallsyms::All, Kallsyms::TextOnly);
        check("amd64, all", 0.45, kept::<X86_64>("amd64", all, every));
        check("amd64, text only", 0.45, kept::<X86_64>("amd64", text, every));
        check("i386, all", 0.55, kept::<I386>("i386", all, every));
        check("i386, text only", 0.55, kept::<I386>("i386", text, every));
        check("m68k, all", 0.55, kept::<M68k>("m68k-modules", all, 1));
        check("m68k, text only", 0.55, kept::<M68k>("m68k-modules", text, 1));
        if every == 1 {
            check("cloud-amd64, all", 0.45, kept::<X86_64>("cloud-amd64", all, every));
            check("cloud-amd64, text only", 0.45, kept::<X86_64>("cloud-amd64", text, every));
        }
    }
}
