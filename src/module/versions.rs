//! Versions: whether a module was compiled for what it imports (Linux: `CONFIG_MODVERSIONS`).
//!
//! A version is a CRC that the kernel's build makes of a symbol's type. Who exports a symbol has one
//! of it, and a module has those that it was compiled for in one of two forms:
//!
//! - `__versions`: records of 64 bytes, a word of the architecture that is the CRC, and the name, which
//!   ends in NUL;
//! - `__version_ext_crcs` and `__version_ext_names` (Linux 6.14), which count if they are there: CRCs of
//!   32 bits, and as many names in the same order, of any length, each of which ends in NUL.

use super::{LoadOptions, Taints, vermagic};
use crate::arch::{Arch, Class};
use crate::error::{ImportProblem, LoadError};
use crate::heap::OutOfMemory;
use crate::image::raw::Fields;
use crate::image::strings::until_nul;
use crate::image::{Image, KnownSection};
use crate::name::Name;
use crate::platform::{Level, Platform};
use crate::symbols::{Index, Symbol, hash};
use crate::sync::{AtomicU32, Ordering};
use alloc::vec::Vec;
use core::fmt;

const RECORDS: &str = "__versions";
const EXTENDED_CRCS: &str = "__version_ext_crcs";
const EXTENDED_NAMES: &str = "__version_ext_names";
const RECORDS_ROW: KnownSection = KnownSection::row(RECORDS);
const EXTENDED_ROW: KnownSection = KnownSection::row("__version_ext_*");

/// The tables of exports, each with that of their versions.
const EXPORTED: [((KnownSection, &str), &str); 2] = [
    ((KnownSection::row("__ksymtab"), "__ksymtab"), "__kcrctab"),
    ((KnownSection::row("__ksymtab_gpl"), "__ksymtab_gpl"), "__kcrctab_gpl"),
];
const EXPORTED_ROW: KnownSection = KnownSection::row("__kcrctab*");

/// The size in bytes of a record of `__versions`, in both classes.
const RECORD: usize = 64;
const CRC: usize = 4;

/// What the build makes of the layout of Linux's `struct module`: the symbol that all modules have a
/// version of, though none refers to it.
const MODULE_LAYOUT: &[u8] = b"module_layout";

/// The versions that a module was compiled for.
#[derive(Debug)]
pub struct Versions<'a> {
    /// Names and CRCs, as they stand in the file.
    all: Vec<(&'a [u8], u32)>,
    index: Index,
}

/// What is wrong with the versions of a module's imports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionsProblem {
    /// The section of this name is not whole records that are in the file; it has this many bytes.
    Records(&'static str, u64),
    /// The CRC of the record of this index in `__versions` has more than 32 bits.
    Crc(usize),
    /// The name of the record of this index in `__versions` does not end.
    Name(usize),
    /// Of the pair of sections the one of this name is there alone.
    Alone(&'static str),
    /// `__version_ext_names` does not end with the end of a name.
    Names,
    /// `__version_ext_crcs` and `__version_ext_names` are not of one length.
    Counts {
        /// How many CRCs there are.
        crcs: usize,
        /// How many names there are.
        names: usize,
    },
    /// More names have the hash of this one than are looked through.
    Collision(Name),
}

/// What a module lacks, or the process said to ignore ([`LoadOptions`]), by which it is told whether it
/// was compiled for this kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unversioned {
    /// Its `vermagic` in `.modinfo`.
    Vermagic,
    /// The versions of what it imports.
    Imports,
    /// The versions of what it exports.
    Exports,
}

impl fmt::Display for VersionsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(section, size) => {
                write!(f, "{section}: {size} bytes are not whole records in the file")
            }
            Self::Crc(index) => write!(f, "{RECORDS}: entry {index} has no CRC of 32 bits"),
            Self::Name(index) => write!(f, "{RECORDS}: the name of entry {index} does not end"),
            Self::Alone(section) => {
                write!(f, "{section}: {EXTENDED_CRCS} and {EXTENDED_NAMES} go together")
            }
            Self::Names => write!(f, "{EXTENDED_NAMES}: the last name does not end"),
            Self::Counts { crcs, names } => {
                write!(f, "{EXTENDED_CRCS} has {crcs} entries, {EXTENDED_NAMES} {names}")
            }
            Self::Collision(name) => write!(f, "imported {name} has the hash of too many others"),
        }
    }
}

impl fmt::Display for Unversioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vermagic => "no version magic to be compared",
            Self::Imports => "no versions of its imports to be compared",
            Self::Exports => "no versions of its exports",
        })
    }
}

impl<'a> Versions<'a> {
    /// Those of an image; `None` if it has no table of them. As in Linux, a table counts only if it is
    /// allocated, and the first of its name.
    ///
    /// # Errors
    /// [`LoadError::Versions`] and [`LoadError::OutOfMemory`].
    pub fn of<A: Arch>(image: &Image<'a, A>) -> Result<Option<Self>, LoadError> {
        let crcs = bytes(image, EXTENDED_ROW, EXTENDED_CRCS, CRC)?;
        let names = bytes(image, EXTENDED_ROW, EXTENDED_NAMES, 1)?;
        let all = match (crcs, names) {
            (Some(crcs), Some(names)) => extended::<A>(crcs, names)?,
            (None, None) => match bytes(image, RECORDS_ROW, RECORDS, RECORD)? {
                Some(records) => self::records::<A>(records)?,
                None => return Ok(None),
            },
            (Some(_), None) => return Err(VersionsProblem::Alone(EXTENDED_CRCS).into()),
            (None, Some(_)) => return Err(VersionsProblem::Alone(EXTENDED_NAMES).into()),
        };
        let index = index(&all, all.len()).or_else(|error| match error {
            // In twice the room there is a slot for names that had none.
            LoadError::Versions(_) => index(&all, all.len().saturating_mul(2)),
            error => Err(error),
        })?;
        Ok(Some(Self { all, index }))
    }

    /// The names of symbols and their versions, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], u32)> {
        self.all.iter().copied()
    }

    /// The version of the symbol of that name; the first, if it has several.
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        let mut first = u32::MAX;
        self.index.find(hash(name), &mut |number| {
            if self.all.get(number as usize).is_some_and(|(found, _)| *found == name) {
                first = first.min(number);
            }
            false
        });
        self.all.get(first as usize).map(|(_, crc)| *crc)
    }
}

/// The bytes of the section of that name, if there is one; they are whole records of that size.
fn bytes<'a, A: Arch>(
    image: &Image<'a, A>,
    row: KnownSection,
    name: &'static str,
    record: usize,
) -> Result<Option<&'a [u8]>, VersionsProblem> {
    let Some((_, section)) = image.allocated(row, name) else { return Ok(None) };
    let data = section.data;
    let in_file = data.len() as u64 == section.size && data.len().is_multiple_of(record);
    if in_file { Ok(Some(data)) } else { Err(VersionsProblem::Records(name, section.size)) }
}

/// The entries of `__versions`.
fn records<A: Arch>(table: &[u8]) -> Result<Vec<(&[u8], u32)>, LoadError> {
    let word = match A::CLASS {
        Class::Elf32 => 4,
        Class::Elf64 => 8,
    };
    let mut all = Vec::new();
    all.try_reserve_exact(table.len() / RECORD).map_err(OutOfMemory::from)?;
    for (index, record) in table.chunks_exact(RECORD).enumerate() {
        let crc = Fields::<A>::new(record).native().and_then(|crc| u32::try_from(crc).ok());
        let crc = crc.ok_or(VersionsProblem::Crc(index))?;
        let name = record.get(word..).and_then(until_nul).ok_or(VersionsProblem::Name(index))?;
        all.push((name, crc));
    }
    Ok(all)
}

/// The entries of the extended pair.
fn extended<'a, A: Arch>(
    crcs: &'a [u8],
    names: &'a [u8],
) -> Result<Vec<(&'a [u8], u32)>, LoadError> {
    if names.last().is_some_and(|last| *last != 0) {
        return Err(VersionsProblem::Names.into());
    }
    let counts = (crcs.len() / CRC, names.iter().filter(|byte| **byte == 0).count());
    if counts.0 != counts.1 {
        return Err(VersionsProblem::Counts { crcs: counts.0, names: counts.1 }.into());
    }
    let mut all = Vec::new();
    all.try_reserve_exact(counts.0).map_err(OutOfMemory::from)?;
    let (mut crcs, mut rest) = (Fields::<A>::new(crcs), names);
    while let (Some(crc), Some(name)) = (crcs.word(), until_nul(rest)) {
        all.push((name, crc));
        rest = rest.get(name.len().saturating_add(1)..).unwrap_or_default();
    }
    Ok(all)
}

/// The index of these names, with room for so many.
fn index(all: &[(&[u8], u32)], room: usize) -> Result<Index, LoadError> {
    let mut index = Index::with_room(room)?;
    for (name, _) in all {
        let hash = hash(name);
        if index.push(hash).is_none() {
            // Nothing is lost of a name that is there already.
            let known =
                |number: u32| all.get(number as usize).is_some_and(|(other, _)| other == name);
            if !index.find(hash, &mut { known }) {
                return Err(VersionsProblem::Collision((*name).into()).into());
            }
            index.skip();
        }
    }
    Ok(index)
}

/// Compares the versions that a module was compiled for with those of what it imports.
pub(crate) struct Compared<'l, P: Platform> {
    pub(super) platform: &'l P,
    /// The kernel's taints.
    tainted: &'l AtomicU32,
    /// The module's name.
    name: &'l [u8],
    versions: Option<Versions<'l>>,
    /// What it lacks and the kernel accepts, a bit each.
    forced: u8,
    /// Whether there has been a word about an import that is not in the table.
    has_warned: bool,
}

impl<'l, P: Platform> Compared<'l, P> {
    /// Established, in Linux's order: the tables of versions are well-formed; the module was compiled for
    /// the kernel's `struct module`, if that has a version of it, and for its vermagic. What it lacks of
    /// these the kernel accepts, which taints it.
    ///
    /// # Errors
    /// [`LoadError::Versions`], [`LoadError::ModuleLayout`], [`LoadError::Vermagic`],
    /// [`LoadError::Unversioned`].
    #[inline(never)]
    pub fn check(
        platform: &'l P,
        tainted: &'l AtomicU32,
        name: &'l [u8],
        image: &Image<'l, P::Arch>,
        options: LoadOptions,
    ) -> Result<Self, LoadError> {
        let versions = if options.ignore_modversions { None } else { Versions::of(image)? };
        let (forced, has_warned) = (0, false);
        let mut compared = Self { platform, tainted, name, versions, forced, has_warned };
        if let Some(layout) = platform.symbol(MODULE_LAYOUT)? {
            compared.may_use(&layout).map_err(|problem| match problem {
                ImportProblem::Version { wanted, found } => {
                    LoadError::ModuleLayout { wanted, found }
                }
                _ => LoadError::Unversioned(Unversioned::Imports),
            })?;
        }
        vermagic::check(&mut compared, image.modinfo(), options)?;
        Ok(compared)
    }

    /// Established: the module has versions of what it exports, or the kernel accepts that it has not. Not
    /// before it has its name, as in Linux.
    ///
    /// # Errors
    /// [`LoadError::Unversioned`].
    #[inline(never)]
    pub fn check_exports(&mut self, image: &Image<'_, P::Arch>) -> Result<(), LoadError> {
        let lacks = |(exports, versions): ((KnownSection, &str), &str)| {
            let (row, name) = exports;
            image.allocated(row, name).is_some_and(|(_, table)| table.size != 0)
                && image.allocated(EXPORTED_ROW, versions).is_none()
        };
        if EXPORTED.into_iter().any(lacks) { self.without(Unversioned::Exports) } else { Ok(()) }
    }

    /// Whether the module has versions of its imports that are compared.
    pub fn has_versions(&self) -> bool {
        self.versions.is_some()
    }

    /// Compares what the module was compiled for with what the symbol is. An export without a version,
    /// and an import that is not in the table, cannot be compared and are let pass, as in Linux.
    ///
    /// # Errors
    /// [`ImportProblem::Version`]; [`ImportProblem::Unversioned`] if there is no table, and the kernel
    /// does not load such modules.
    #[inline]
    pub fn may_use(&mut self, symbol: &Symbol<'_>) -> Result<(), ImportProblem> {
        let Some(found) = symbol.crc else { return Ok(()) };
        match self.versions.as_ref().map(|versions| versions.find(symbol.name)) {
            Some(Some(wanted)) if wanted == found => Ok(()),
            Some(Some(wanted)) => Err(ImportProblem::Version { wanted, found }),
            Some(None) => {
                self.warn(symbol.name);
                Ok(())
            }
            None if self.accepts(Unversioned::Imports) => Ok(()),
            None => Err(ImportProblem::Unversioned),
        }
    }

    /// Established: the module lacks what it lacks with the kernel's consent.
    pub fn without(&mut self, what: Unversioned) -> Result<(), LoadError> {
        if self.accepts(what) { Ok(()) } else { Err(LoadError::Unversioned(what)) }
    }

    /// Whether the module lacks anything, and is loaded all the same.
    pub fn is_forced(&self) -> bool {
        self.forced != 0
    }

    #[cold]
    #[inline(never)]
    fn accepts(&mut self, what: Unversioned) -> bool {
        let bit = 1_u8.wrapping_shl(what as u32);
        if self.forced & bit != 0 {
            return true;
        }
        if !self.platform.force_load(what) {
            return false;
        }
        self.forced |= bit;
        // At once, as Linux, whatever becomes of the load.
        self.tainted.fetch_or(Taints::FORCED_MODULE.bits(), Ordering::Relaxed);
        let name = self.name.escape_ascii();
        self.platform.log(Level::Warning, format_args!("module {name}: loaded by force: {what}"));
        true
    }

    #[cold]
    #[inline(never)]
    fn warn(&mut self, symbol: &[u8]) {
        if core::mem::replace(&mut self.has_warned, true) {
            return;
        }
        let (name, symbol) = (self.name.escape_ascii(), symbol.get(..Name::MAX).unwrap_or(symbol));
        let symbol = symbol.escape_ascii();
        let line = format_args!("module {name}: no version of symbol {symbol} in its table");
        self.platform.log(Level::Warning, line);
    }
}

impl From<VersionsProblem> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(problem: VersionsProblem) -> Self {
        Self::Versions(problem)
    }
}
