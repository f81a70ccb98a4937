//! What a module exports: the tables `__ksymtab` and `__ksymtab_gpl` of its image.
//!
//! An entry holds the address of the symbol, of its name and of its namespace, either as words or
//! as 32-bit distances from where each of them stands. The tables and the strings are constants of
//! the module, so that they can be searched where they are.

use super::Symbol;
use crate::arch::{Arch, Container};
use crate::image::Image;
use crate::image::raw::Fields;
use crate::link::{Group, Location, Part, Placed, Plan};
use crate::name::Name;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

/// How the entries of `__ksymtab` hold addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KsymtabFormat {
    /// As 32-bit distances from where the distance itself stands.
    Distances,
    /// As words of the architecture.
    Words,
}

/// The names of the tables; the symbols of the last are for GPL-compatible modules.
const TABLES: [&str; 2] = ["__ksymtab", "__ksymtab_gpl"];
const GPL: usize = 1;
const FIELDS: usize = 3;

/// The exported symbols of a module.
#[derive(Clone, Debug)]
pub(crate) struct Exports<A> {
    /// The constants of the core part: their offsets in it and the address of the first.
    constants: Range<usize>,
    address: u64,
    /// The offsets of each table in the constants.
    tables: [Range<usize>; TABLES.len()],
    arch: PhantomData<A>,
}

/// What is wrong with the symbols that a module exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportProblem {
    /// The table of that name is not among the constants of the core part, or has half an entry.
    Table(&'static str),
    /// The name or namespace of an entry is not among the module's constants.
    String {
        /// The table.
        table: &'static str,
        /// The number of the entry.
        index: usize,
    },
    /// The names do not ascend, so that a search would miss this one, or it is there twice.
    Order(Name),
    /// The kernel, a loaded module or the other table of this one exports a symbol of this name.
    Duplicate(Name),
}

impl fmt::Display for ExportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "{name} is not a table among the module's constants"),
            Self::String { table, index } => {
                write!(f, "{table}: the name of entry {index} is not in the module's constants")
            }
            Self::Order(name) => write!(f, "exported symbol {name} is not in order"),
            Self::Duplicate(name) => write!(f, "exported symbol {name} exists already"),
        }
    }
}

impl<A: Arch> Exports<A> {
    /// Reads the tables of a relocated module. Established: they and the strings that they refer
    /// to are constants of the core part, the names of each ascend strictly, and none is in both.
    pub fn check(
        image: &Image<'_, A>,
        plan: &Plan,
        placed: &Placed<'_, '_>,
    ) -> Result<Self, ExportProblem> {
        let group = plan.core.group(Group::ReadOnly);
        let all = Location {
            part: Part::Core,
            offset: group.start,
            size: group.end.saturating_sub(group.start),
        };
        let mut exports = Self {
            constants: all.range(),
            address: placed.address(all),
            tables: [0..0, 0..0],
            arch: PhantomData,
        };
        for (name, table) in TABLES.iter().zip(&mut exports.tables) {
            *table = locate::<A>(image, plan, &exports.constants, name)?;
        }
        let constants = placed.bytes(all);
        for (table, name) in TABLES.into_iter().enumerate() {
            exports.check_table(constants, table, name)?;
        }
        exports.check_disjoint(constants)?;
        Ok(exports)
    }

    /// Where the module's constants lie in its core part, in bytes; [`find`](Self::find) and
    /// [`iter`](Self::iter) are given these bytes.
    pub fn constants(&self) -> Range<usize> {
        self.constants.clone()
    }

    /// The exported symbol of that name.
    pub fn find<'c>(&self, constants: &'c [u8], name: &[u8]) -> Option<Symbol<'c>> {
        (0..TABLES.len()).find_map(|table| self.find_in(constants, table, name))
    }

    /// All exported symbols.
    pub fn iter<'c>(&self, constants: &'c [u8]) -> impl Iterator<Item = Symbol<'c>> {
        (0..TABLES.len()).flat_map(move |table| {
            (0..self.len(table)).filter_map(move |index| self.entry(constants, table, index))
        })
    }

    fn find_in<'c>(&self, constants: &'c [u8], table: usize, name: &[u8]) -> Option<Symbol<'c>> {
        let (mut low, mut high) = (0, self.len(table));
        while low < high {
            let middle = low.midpoint(high);
            let symbol = self.entry(constants, table, middle)?;
            match symbol.name.cmp(name) {
                core::cmp::Ordering::Equal => return Some(symbol),
                core::cmp::Ordering::Less => low = middle.saturating_add(1),
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn check_table(
        &self,
        constants: &[u8],
        table: usize,
        name: &'static str,
    ) -> Result<(), ExportProblem> {
        let mut last: Option<&[u8]> = None;
        for index in 0..self.len(table) {
            let symbol = self
                .entry(constants, table, index)
                .ok_or(ExportProblem::String { table: name, index })?;
            if last.is_some_and(|last| last >= symbol.name) {
                return Err(ExportProblem::Order(symbol.name.into()));
            }
            last = Some(symbol.name);
        }
        Ok(())
    }

    fn check_disjoint(&self, constants: &[u8]) -> Result<(), ExportProblem> {
        let gpl_only = (0..self.len(GPL)).filter_map(|index| self.entry(constants, GPL, index));
        for symbol in gpl_only {
            if self.find_in(constants, 0, symbol.name).is_some() {
                return Err(ExportProblem::Duplicate(symbol.name.into()));
            }
        }
        Ok(())
    }

    fn len(&self, table: usize) -> usize {
        let entries = self.tables.get(table).map_or(0, Range::len);
        entries.checked_div(entry_size::<A>()).unwrap_or(0)
    }

    fn entry<'c>(&self, constants: &'c [u8], table: usize, index: usize) -> Option<Symbol<'c>> {
        let start =
            index.checked_mul(entry_size::<A>())?.checked_add(self.tables.get(table)?.start)?;
        let mut fields = Fields::<A>::new(constants.get(start..)?.get(..entry_size::<A>())?);
        let mut address = |field: usize| {
            Some(match A::KSYMTAB {
                KsymtabFormat::Words => fields.native()?,
                KsymtabFormat::Distances => {
                    let distance = i64::from(fields.word()? as i32);
                    let offset = start.wrapping_add(field.wrapping_mul(4));
                    let place = self.address.wrapping_add(offset as u64);
                    wrap::<A>(place.wrapping_add_signed(distance))
                }
            })
        };
        let (value, name, namespace) = (address(0)?, address(1)?, address(2)?);
        Some(Symbol {
            name: self.string(constants, name).filter(|name| !name.is_empty())?,
            address: value,
            gpl_only: table == GPL,
            namespace: match namespace {
                0 => b"",
                address => self.string(constants, address)?,
            },
        })
    }

    fn string<'c>(&self, constants: &'c [u8], address: u64) -> Option<&'c [u8]> {
        let offset = usize::try_from(address.checked_sub(self.address)?).ok()?;
        let rest = constants.get(offset..)?;
        rest.get(..rest.iter().position(|byte| *byte == 0)?)
    }
}

/// The offsets of a table in the constants; none if the module does not have it.
fn locate<A: Arch>(
    image: &Image<'_, A>,
    plan: &Plan,
    constants: &Range<usize>,
    name: &'static str,
) -> Result<Range<usize>, ExportProblem> {
    let Some((index, section)) =
        image.section(name.as_bytes()).filter(|(_, section)| section.size != 0)
    else {
        return Ok(0..0);
    };
    let location = plan.location(index).ok_or(ExportProblem::Table(name))?;
    let range = location.range();
    let inside = location.part == Part::Core
        && constants.start <= range.start
        && range.end <= constants.end
        && !section.is_zeroed();
    if !inside || !range.len().is_multiple_of(entry_size::<A>()) {
        return Err(ExportProblem::Table(name));
    }
    let offset = |end: usize| end.saturating_sub(constants.start);
    Ok(offset(range.start)..offset(range.end))
}

const fn entry_size<A: Arch>() -> usize {
    match (A::KSYMTAB, A::CLASS) {
        (KsymtabFormat::Words, Container::Big) => FIELDS * 8,
        _ => FIELDS * 4,
    }
}

fn wrap<A: Arch>(address: u64) -> u64 {
    match A::CLASS {
        Container::Little => u64::from(address as u32),
        Container::Big => address,
    }
}
