//! The sections of a loaded module, for a kernel that does something about them.

use crate::arch::Arch;
use crate::heap::OutOfMemory;
use crate::image::strings::until_nul_within;
use crate::image::{Image, KnownSections};
use crate::link::{Part, Plan};
use alloc::vec::Vec;

/// The longest name in bytes of a section that is told of: what a file may be called in Linux. Who looks for
/// one looks at all of each name.
const MAX_NAME: usize = 255;

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
    /// How long the names are from this one's on.
    name: u32,
    /// The offset from the start of its part. A part has less than 4 GiB.
    offset: u32,
    size: u32,
    part: Part,
}

impl Sections {
    /// Those of an image that are `kept`; all that are loaded, if `all`.
    #[inline(never)]
    pub fn of<A: Arch>(
        image: &Image<'_, A>,
        plan: &Plan,
        kept: KnownSections,
        all: bool,
    ) -> Result<Self, OutOfMemory> {
        let (mut table, mut rows) = (&b""[..], Vec::new());
        for (index, section) in image.loaded_sections() {
            let Some(location) = plan.location(index) else { continue };
            if !all && !kept.has(section.known) {
                continue;
            }
            let name = section.name.rest();
            // All end where the table of names does.
            table = if name.len() > table.len() { name } else { table };
            rows.try_reserve(1)?;
            rows.push(Row {
                name: name.len() as u32,
                offset: location.offset as u32,
                size: location.size as u32,
                part: location.part,
            });
        }
        let mut names = Vec::new();
        names.try_reserve_exact(table.len())?;
        names.extend_from_slice(table);
        Ok(Self { names, rows })
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The sections with names of no more than [`MAX_NAME`] bytes, in the order of their headers, where the core part starts at `core`, and the
    /// init part, if it is still there, at `init`.
    pub fn iter(&self, core: u64, init: Option<u64>) -> impl Iterator<Item = LoadedSection<'_>> {
        self.rows.iter().filter_map(move |row| {
            let start = match row.part {
                Part::Core => core,
                Part::Init => init?,
            };
            Some(LoadedSection {
                name: until_nul_within(
                    self.names.get(self.names.len().checked_sub(row.name as usize)?..)?,
                    MAX_NAME,
                )?,
                address: start.wrapping_add(row.offset.into()),
                size: row.size.into(),
            })
        })
    }
}
