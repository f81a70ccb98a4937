//! What a module exports: the tables `__ksymtab` and `__ksymtab_gpl` of its image.
//!
//! Linux 7.1 has the first alone, and beside it `__kflagstab`, a byte for each of its entries. An
//! entry holds the address of the symbol, of its name and of its namespace, either as words or
//! as 32-bit distances from where each of them stands. The tables and the strings are in the
//! module's rodata, so that they can be read where they are.

use super::Symbol;
use crate::arch::{Arch, Class};
use crate::image::raw::{Fields, wrap};
use crate::image::strings::until_nul_within;
use crate::image::{Definition, Image, KnownSection, MAX_SYMBOL_NAME, Section};
use crate::link::{Location, MemoryType, Part, Placed, Plan};
use crate::name::Name;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

/// How the entries of `__ksymtab` hold addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KsymtabFormat {
    /// As 32-bit distances from where the distance itself stands (Linux: `PREL32_RELOCATIONS`).
    Relative,
    /// As words of the architecture.
    Absolute,
}

/// The names of the tables; the symbols of the last are for GPL-compatible modules.
const TABLES: [&str; 2] = ["__ksymtab", "__ksymtab_gpl"];
const GPL: usize = 1;
const FIELDS: usize = 3;

/// The name of the table of flags, and the bit that says that an export is for GPL-compatible
/// modules only.
const FLAGS: &str = "__kflagstab";
const GPL_ONLY: u8 = 1;
/// Where the flags of a module are that has no table of them: beyond all rodata.
const NO_FLAGS: Range<u32> = u32::MAX..u32::MAX;

const NORMAL: KnownSection = KnownSection::row(TABLES[0]);
const GPL_TABLE: KnownSection = KnownSection::row(TABLES[1]);
const FLAG_TABLE: KnownSection = KnownSection::row(FLAGS);

/// The size of a version in bytes, and of a distance to one.
#[cfg(feature = "versions")]
const VERSION: usize = 4;
#[cfg(feature = "versions")]
const VERSION_TABLES: KnownSection = KnownSection::row("__kcrctab*");

/// How many symbols of a table may have values that are not in the module's memory, for each of
/// which all relocations of the table are looked at: a file cannot keep the linker busy for longer
/// than its size allows. No module of Debian's has any.
pub const MAX_OUTSIDE: usize = 64;

/// Where the exported symbols of a module are. The offsets are short, since this is kept for as
/// long as the module is loaded.
#[derive(Clone, Debug)]
pub(crate) struct Exports<A> {
    /// The rodata of the core part, as offsets in it.
    rodata: Range<u32>,
    /// The tables, as offsets in the rodata.
    tables: [Range<u32>; TABLES.len()],
    /// The table of flags, as an offset in the rodata; beyond it if there is none.
    flags: u32,
    #[cfg(feature = "versions")]
    versions: VersionTables,
    arch: PhantomData<A>,
}

/// The exported symbols of a module, to be read.
#[derive(Clone, Debug)]
pub(crate) struct ExportTables<'c, A> {
    rodata: &'c [u8],
    /// The address of the rodata.
    address: u64,
    tables: [Range<u32>; TABLES.len()],
    flags: u32,
    #[cfg(feature = "versions")]
    versions: VersionTables,
    arch: PhantomData<A>,
}

/// What an entry of a table holds.
struct Addresses {
    value: u64,
    name: u64,
    namespace: u64,
}

/// What is wrong with the symbols that a module exports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportProblem {
    /// The table of that name is not in the rodata of the core part, or has half an entry.
    Table(&'static str),
    /// `__kflagstab` has not a byte for each entry of `__ksymtab`.
    Flags {
        /// How many bytes it has.
        flags: usize,
        /// How many entries there are.
        exports: usize,
    },
    /// The table of versions of that name has not one for each export.
    #[cfg(feature = "versions")]
    Versions {
        /// The table.
        table: &'static str,
        /// How many it has.
        versions: usize,
        /// How many exports there are.
        exports: usize,
    },
    /// The entry of that table of versions is a distance to what is not in the module's rodata.
    #[cfg(feature = "versions")]
    Version {
        /// The table.
        table: &'static str,
        /// The index of the entry.
        index: usize,
    },
    /// The name or namespace of an entry is not in the module's rodata, or longer than
    /// [`MAX_SYMBOL_NAME`], or the name is empty.
    String {
        /// The table.
        table: &'static str,
        /// The index of the entry.
        index: usize,
    },
    /// This one's value is neither absolute nor in memory that the module keeps.
    Value(Name),
    /// This one and [`MAX_OUTSIDE`] before it have values that are not in the module's memory.
    Outside(Name),
    /// More exported names have the hash of this one than are looked through.
    Collision(Name),
}

impl fmt::Display for ExportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "{name} is not a table in the module's rodata"),
            Self::String { table, index } => {
                write!(f, "{table}: entry {index} has no name in the module's rodata")
            }
            Self::Flags { flags, exports } => {
                write!(f, "{FLAGS} has {flags} bytes for the {exports} entries of __ksymtab")
            }
            #[cfg(feature = "versions")]
            Self::Versions { table, versions, exports } => {
                write!(f, "{table} has {versions} versions of {exports} exports")
            }
            #[cfg(feature = "versions")]
            Self::Version { table, index } => {
                write!(f, "{table}: entry {index} is at no version in the module's rodata")
            }
            Self::Value(name) => write!(
                f,
                "exported symbol {name} is neither in memory that the module keeps nor absolute"
            ),
            Self::Outside(name) => write!(
                f,
                "exported symbol {name} is one of more than {MAX_OUTSIDE} that are not in its memory"
            ),
            Self::Collision(name) => {
                write!(f, "exported symbol {name} has the hash of too many others")
            }
        }
    }
}

impl<A: Arch> Exports<A> {
    /// Reads the tables of a relocated module. Established: they and the strings that they refer
    /// to are in the rodata of the core part, and what they stand for is there for as long as the module.
    /// Names are in any order: it is the registry's index that finds them, and a name that is there
    /// twice.
    pub fn check(
        image: &Image<'_, A>,
        plan: &Plan,
        placed: &Placed<'_, '_>,
    ) -> Result<Self, ExportProblem> {
        let rodata = plan.core.range(MemoryType::Rodata);
        let size = rodata.end.saturating_sub(rodata.start);
        let all = Location { part: Part::Core, offset: rodata.start, size };
        let rodata = short(all.range()).ok_or(ExportProblem::Table(TABLES[0]))?;
        let (mut tables, mut flags) = ([0..0, 0..0], NO_FLAGS);
        let [normal, gpl] = &mut tables;
        for (index, section) in image.sections().iter().enumerate() {
            let (table, name, size) = match section.known {
                Some(NORMAL) => (&mut *normal, TABLES[0], entry_size::<A>()),
                Some(GPL_TABLE) => (&mut *gpl, TABLES[1], entry_size::<A>()),
                Some(FLAG_TABLE) => (&mut flags, FLAGS, 1),
                _ => continue,
            };
            let found = locate(section, plan.location(index), &rodata, size);
            *table = found.ok_or(ExportProblem::Table(name))?;
        }
        let (bytes, count) = (flags.len(), entries::<A>(normal));
        if bytes != count && flags != NO_FLAGS {
            return Err(ExportProblem::Flags { flags: bytes, exports: count });
        }
        #[cfg(feature = "versions")]
        let versions =
            VersionTables::find(image, plan, &rodata, &tables.each_ref().map(entries::<A>))?;
        let exports = Self {
            rodata,
            tables,
            flags: flags.start,
            #[cfg(feature = "versions")]
            versions,
            arch: PhantomData,
        };
        exports.tables(placed.bytes(all), placed.address(all)).check(image, plan, placed)?;
        Ok(exports)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tables.iter().map(entries::<A>).sum()
    }

    /// Where the module's rodata lies in its core part, in bytes.
    pub fn rodata(&self) -> Range<usize> {
        self.rodata.start as usize..self.rodata.end as usize
    }

    /// The tables, given the module's rodata and its address.
    pub fn tables<'c>(&self, rodata: &'c [u8], address: u64) -> ExportTables<'c, A> {
        let Self { tables, flags, .. } = self;
        let (tables, flags) = (tables.clone(), *flags);
        ExportTables {
            rodata,
            address,
            tables,
            flags,
            #[cfg(feature = "versions")]
            versions: self.versions,
            arch: PhantomData,
        }
    }
}

impl<'c, A: Arch> ExportTables<'c, A> {
    /// Those of a module that exports nothing.
    pub fn none() -> Self {
        let tables = [const { 0..0 }; TABLES.len()];
        Self {
            rodata: &[],
            address: 0,
            tables,
            flags: 0,
            #[cfg(feature = "versions")]
            versions: VersionTables::NONE,
            arch: PhantomData,
        }
    }

    /// The exported symbol of that index, if this is its name.
    pub fn named(&self, index: usize, name: &[u8]) -> Option<Symbol<'c>> {
        let (table, index) = self.position(index);
        let addresses = self.addresses(table, index)?;
        let (found, rest) = self.rodata_from(addresses.name)?.split_at_checked(name.len())?;
        let is_it = found == name && rest.first() == Some(&0);
        if is_it { self.symbol(table, index, found, &addresses) } else { None }
    }

    /// All exported symbols, in the order of their indices.
    pub fn into_iter(self) -> impl Iterator<Item = Symbol<'c>> {
        let count = self.tables.iter().map(entries::<A>).sum();
        (0..count).filter_map(move |index| {
            let (table, index) = self.position(index);
            self.entry(table, index)
        })
    }

    /// The table in which the symbol of that index is, and its index there: those of the second table
    /// follow those of the first.
    fn position(&self, index: usize) -> (usize, usize) {
        index.checked_sub(self.len(0)).map_or((0, index), |index| (GPL, index))
    }

    fn check(
        &self,
        image: &Image<'_, A>,
        plan: &Plan,
        placed: &Placed<'_, '_>,
    ) -> Result<(), ExportProblem> {
        let core = placed.address(Location { part: Part::Core, offset: 0, size: 0 });
        for (table, name) in TABLES.into_iter().enumerate() {
            let mut outside = 0..MAX_OUTSIDE;
            for index in 0..self.len(table) {
                let symbol =
                    self.entry(table, index).ok_or(ExportProblem::String { table: name, index })?;
                #[cfg(feature = "versions")]
                if symbol.crc.is_none() && self.versions.is_there(table) {
                    return Err(VersionTables::outside(table, index));
                }
                let offset = symbol.address.wrapping_sub(core);
                if offset >= plan.core.size {
                    if outside.next().is_none() {
                        return Err(ExportProblem::Outside(symbol.name.into()));
                    }
                    if !is_kept(image, plan, (name, index), offset == plan.core.size) {
                        return Err(ExportProblem::Value(symbol.name.into()));
                    }
                }
            }
        }
        Ok(())
    }

    fn len(&self, table: usize) -> usize {
        self.tables.get(table).map_or(0, entries::<A>)
    }

    fn entry(&self, table: usize, index: usize) -> Option<Symbol<'c>> {
        let addresses = self.addresses(table, index)?;
        let name = self.string(addresses.name).filter(|name| !name.is_empty())?;
        self.symbol(table, index, name, &addresses)
    }

    fn addresses(&self, table: usize, index: usize) -> Option<Addresses> {
        let Range { start, end } = self.tables.get(table)?.clone();
        let start = index.checked_mul(entry_size::<A>())?.checked_add(start as usize)?;
        let mut fields = Fields::<A>::new(self.rodata.get(start..end as usize)?);
        let mut address = |field: usize| {
            Some(match A::KSYMTAB {
                KsymtabFormat::Absolute => fields.native()?,
                KsymtabFormat::Relative => {
                    let distance = i64::from(fields.word()? as i32);
                    let offset = start.wrapping_add(field.wrapping_mul(4));
                    let field = self.address.wrapping_add(offset as u64);
                    wrap::<A>(field.wrapping_add_signed(distance))
                }
            })
        };
        Some(Addresses { value: address(0)?, name: address(1)?, namespace: address(2)? })
    }

    fn symbol(
        &self,
        table: usize,
        index: usize,
        name: &'c [u8],
        addresses: &Addresses,
    ) -> Option<Symbol<'c>> {
        Some(Symbol {
            name,
            address: addresses.value,
            gpl_only: table == GPL || self.flags(index) & GPL_ONLY != 0,
            namespace: match addresses.namespace {
                0 => b"",
                address => self.string(address)?,
            },
            #[cfg(feature = "versions")]
            crc: self.versions.of::<A>(table, index, self),
        })
    }

    /// The flags of an entry of the first table.
    fn flags(&self, index: usize) -> u8 {
        let at = (self.flags as usize).checked_add(index);
        at.and_then(|at| self.rodata.get(at)).copied().unwrap_or(0)
    }

    fn string(&self, address: u64) -> Option<&'c [u8]> {
        until_nul_within(self.rodata_from(address)?, MAX_SYMBOL_NAME)
    }

    /// The rodata from an address on.
    fn rodata_from(&self, address: u64) -> Option<&'c [u8]> {
        self.rodata.get(usize::try_from(address.checked_sub(self.address)?).ok()?..)
    }
}

/// Where the versions of a module's exports are: `__kcrctab` and `__kcrctab_gpl`, with a CRC of 32 bits
/// for each export of the table of that name, in its order. Either the CRC itself stands there, or the
/// distance from there to where it stands (Linux 4.11 to 5.18, `MODULE_REL_CRCS`), which a relocation
/// that refers to something in the module then gives.
#[cfg(feature = "versions")]
#[derive(Clone, Copy, Debug)]
struct VersionTables {
    /// As offsets in the rodata; beyond it where there is none.
    starts: [u32; TABLES.len()],
    relative: [bool; TABLES.len()],
}

#[cfg(feature = "versions")]
impl VersionTables {
    const NAMES: [&str; TABLES.len()] = ["__kcrctab", "__kcrctab_gpl"];
    const NONE: Self = Self { starts: [u32::MAX; TABLES.len()], relative: [false; TABLES.len()] };

    /// Those of an image whose tables of exports have so many entries: as many versions as these.
    fn find<A: Arch>(
        image: &Image<'_, A>,
        plan: &Plan,
        rodata: &Range<u32>,
        exports: &[usize; TABLES.len()],
    ) -> Result<Self, ExportProblem> {
        let mut found = Self::NONE;
        let places = found.starts.iter_mut().zip(&mut found.relative);
        for ((table, exports), (start, relative)) in
            Self::NAMES.into_iter().zip(exports).zip(places)
        {
            // Versions of nothing mean nothing.
            if *exports == 0 {
                continue;
            }
            let Some((index, section)) = image.allocated(VERSION_TABLES, table) else { continue };
            let range = locate(section, plan.location(index), rodata, VERSION);
            let range = range.ok_or(ExportProblem::Table(table))?;
            let versions = range.len() / VERSION;
            if versions != *exports {
                return Err(ExportProblem::Versions { table, versions, exports: *exports });
            }
            *start = range.start;
            image.visit_relocations(index, &mut |_, symbol| {
                *relative |= matches!(symbol.definition(), Definition::Section(_));
            });
        }
        Ok(found)
    }

    fn is_there(&self, table: usize) -> bool {
        self.starts.get(table).is_some_and(|start| *start != u32::MAX)
    }

    #[cold]
    fn outside(table: usize, index: usize) -> ExportProblem {
        let table = Self::NAMES.get(table).copied().unwrap_or_default();
        ExportProblem::Version { table, index }
    }

    /// The version of the entry of that index in that table; `None` if it has none.
    fn of<A: Arch>(
        &self,
        table: usize,
        index: usize,
        exports: &ExportTables<'_, A>,
    ) -> Option<u32> {
        let (start, relative) = (*self.starts.get(table)?, *self.relative.get(table)?);
        let at = index.checked_mul(VERSION)?.checked_add(start as usize)?;
        let word = |bytes| Fields::<A>::new(bytes).word();
        let found = word(exports.rodata.get(at..)?)?;
        if !relative {
            return Some(found);
        }
        let entry = exports.address.wrapping_add(at as u64);
        word(exports.rodata_from(wrap::<A>(entry.wrapping_add_signed((found as i32).into())))?)
    }
}

/// The offsets of a table in the rodata, which have these offsets in the core part; `None` if it
/// is not there or has half an entry. An empty one may be anywhere.
fn locate(
    section: &Section<'_>,
    location: Option<Location>,
    rodata: &Range<u32>,
    entry_size: usize,
) -> Option<Range<u32>> {
    if section.size == 0 {
        return Some(0..0);
    }
    let location = location.filter(|location| location.part == Part::Core)?;
    let Range { start, end } = short(location.range())?;
    let start = start.checked_sub(rodata.start)?;
    let inside = end <= rodata.end && !section.is_nobits();
    let table = start..end.saturating_sub(rodata.start);
    if inside && table.len().is_multiple_of(entry_size) { Some(table) } else { None }
}

/// Whether an export stays what it is though its value is not within the core part: the entry of
/// that index in that table is relocated by an absolute symbol or, if the value `is_end` of the
/// core part, by a symbol in it.
#[cold]
#[inline(never)]
fn is_kept<A: Arch>(
    image: &Image<'_, A>,
    plan: &Plan,
    (table, index): (&str, usize),
    is_end: bool,
) -> bool {
    let offset = index.wrapping_mul(entry_size::<A>());
    let Some((target, _)) = image.section(table.as_bytes()) else { return false };
    let (mut all, mut any) = (true, false);
    image.visit_relocations(target, &mut |relocation, symbol| {
        if relocation.offset == offset {
            any = true;
            all &= match symbol.definition() {
                Definition::Absolute => true,
                Definition::Section(section) => {
                    is_end && plan.location(section).is_some_and(|found| found.part == Part::Core)
                }
                Definition::Undefined => false,
            };
        }
    });
    any && all
}

fn short(range: Range<usize>) -> Option<Range<u32>> {
    Some(u32::try_from(range.start).ok()?..u32::try_from(range.end).ok()?)
}

/// How many entries a table has that takes these bytes.
fn entries<A: Arch>(table: &Range<u32>) -> usize {
    table.len().checked_div(entry_size::<A>()).unwrap_or(0)
}

const fn entry_size<A: Arch>() -> usize {
    match (A::KSYMTAB, A::CLASS) {
        (KsymtabFormat::Absolute, Class::Elf64) => FIELDS * 8,
        _ => FIELDS * 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::M68k;
    use alloc::vec::Vec;

    /// Where the rodata is.
    const ADDRESS: u32 = 0x1000;

    /// Rodata with the entries of `ab` and `abc` and, in the second table, `b`; the symbols are
    /// at 1, 2 and 3. After the tables lies what would do as an entry.
    fn rodata() -> Vec<u8> {
        let names: [&[u8]; 4] = [b"ab\0", b"abc\0", b"b\0", b"c\0"];
        let mut name = ADDRESS + (names.len() * entry_size::<M68k>()) as u32;
        let mut rodata = Vec::new();
        for (value, string) in (1_u32..).zip(names) {
            rodata.extend([value, name, 0].iter().flat_map(|field| field.to_be_bytes()));
            name += string.len() as u32;
        }
        rodata.extend(names.concat());
        rodata
    }

    #[test]
    fn an_export_has_its_index_and_its_whole_name() {
        let rodata = rodata();
        let tables = ExportTables::<M68k> {
            rodata: &rodata,
            address: ADDRESS.into(),
            tables: [0..24, 24..36],
            flags: u32::MAX,
            #[cfg(feature = "versions")]
            versions: VersionTables::NONE,
            arch: PhantomData,
        };
        let all: Vec<_> = tables.clone().into_iter().collect();
        let expected = [(&b"ab"[..], 1, false), (b"abc", 2, false), (b"b", 3, true)];
        let found = all.iter().map(|symbol| (symbol.name, symbol.address, symbol.gpl_only));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        for index in 0..5 {
            for name in [&b""[..], b"a", b"ab", b"ab\0", b"abc", b"b", b"bc", b"c"] {
                let named = all.get(index).filter(|symbol| symbol.name == name);
                assert_eq!(tables.named(index, name).as_ref(), named, "{index} {name:?}");
            }
        }
    }
}
