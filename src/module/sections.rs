//! The sections of a loaded module, for a kernel that does something about them.

use crate::arch::Arch;
use crate::image::strings::until_nul;
use crate::image::{Image, KnownSections};
use crate::link::{self, Part, Plan};
use alloc::vec::Vec;

/// A section of a loaded module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadedSection<'m> {
    /// Its name.
    pub name: &'m [u8],
    /// Its address.
    pub address: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// Those that a module keeps account of.
#[derive(Debug)]
pub(crate) struct Sections {
    /// The end of the file's table of section names, from the first that is needed on: no more than
    /// the file has, whatever its headers say of it.
    names: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// Where its name starts in the names.
    name: u32,
    /// The offset from the start of its part. A part has less than 4 GiB.
    offset: u32,
    size: u32,
    part: Part,
}

impl Sections {
    /// Those of an image that are `kept`; all that are loaded, if `all`.
    pub fn of<A: Arch>(
        image: &Image<'_, A>,
        plan: &Plan,
        kept: KnownSections,
        all: bool,
    ) -> Result<Self, link::Error> {
        let wanted = || {
            let wanted = image.loaded_sections();
            let wanted = wanted.filter(move |(_, section)| all || kept.has(section.known));
            wanted.filter_map(|(index, section)| Some((section.name.rest(), plan.location(index)?)))
        };
        let names = wanted().map(|(name, _)| name).max_by_key(|name| name.len());
        let from = names.unwrap_or_default();
        let (mut names, mut rows) = (Vec::new(), Vec::new());
        names.try_reserve_exact(from.len()).map_err(|_| link::Error::OutOfMemory)?;
        names.extend_from_slice(from);
        rows.try_reserve_exact(wanted().count()).map_err(|_| link::Error::OutOfMemory)?;
        rows.extend(wanted().map(|(name, place)| Row {
            // All end where the table does.
            name: from.len().saturating_sub(name.len()) as u32,
            offset: place.offset as u32,
            size: place.size as u32,
            part: place.part,
        }));
        Ok(Self { names, rows })
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The sections, in the order of their headers, where the core part starts at `core`, and the
    /// init part, if it is still there, at `init`.
    pub fn iter(&self, core: u64, init: Option<u64>) -> impl Iterator<Item = LoadedSection<'_>> {
        self.rows.iter().filter_map(move |row| {
            let start = match row.part {
                Part::Core => core,
                Part::Init => init?,
            };
            Some(LoadedSection {
                name: self.names.get(row.name as usize..).and_then(until_nul)?,
                address: start.wrapping_add(row.offset.into()),
                size: row.size.into(),
            })
        })
    }
}
