//! Plan: which section goes where.

use super::error::Error;
use super::got::Got;
use crate::arch::Arch;
use crate::image::{Flags, Image, Section};
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// How long a section is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// As long as the module is loaded.
    Core,
    /// Until the module has started: sections whose names start with `.init`, as in Linux.
    Init,
}

/// Sections that are protected alike, in the order in which they lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Instructions.
    Text,
    /// Constants.
    ReadOnly,
    /// Data that only the module's start may change.
    ReadOnlyAfterInit,
    /// Data that has bytes in the file.
    Data,
    /// Data that starts as zeros.
    Zeroed,
}

impl Group {
    /// All groups in the order in which they lie in memory.
    pub const ALL: [Self; 5] =
        [Self::Text, Self::ReadOnly, Self::ReadOnlyAfterInit, Self::Data, Self::Zeroed];
}

/// Where a section lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// In which part.
    pub part: Part,
    /// The offset from the start of that part, in bytes.
    pub offset: u64,
    /// The size in bytes.
    pub size: u64,
}

/// The room that a part needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes, a multiple of the page size; 0 if the part is empty.
    pub size: u64,
    /// What its address must be a multiple of: a power of two, at least the page size.
    pub align: u64,
    groups: [Range<u64>; Group::ALL.len()],
}

/// The room that both parts need in one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Bytes, a multiple of the page size.
    pub size: u64,
    /// What its address must be a multiple of.
    pub align: u64,
    /// Where the init part starts; the core part starts at 0.
    pub init_offset: u64,
}

/// Which section of an image goes where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The room for the core part.
    pub core: Layout,
    /// The room for the init part.
    pub init: Layout,
    pub(super) got: Got,
    locations: Vec<Option<Location>>,
    /// The loaded sections in the order in which they lie in memory.
    order: Vec<Placing>,
}

/// A section that is to be placed.
#[derive(Clone, Copy, Debug)]
struct Placing {
    part: Part,
    group: Group,
    index: usize,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Core => "core",
            Self::Init => "init",
        })
    }
}

impl Layout {
    /// The offsets, in bytes, between which the sections of a group lie. Groups that are
    /// protected differently have no page in common.
    pub fn group(&self, group: Group) -> Range<u64> {
        self.groups.get(group as usize).cloned().unwrap_or_default()
    }
}

impl Plan {
    /// Lays out the loaded sections of an image, and room for a global offset table behind the
    /// constants of the core part where a relocation needs one. `page` is the granularity of
    /// protection in bytes, a power of two.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    // Out of line, which makes a loader half a kilobyte smaller.
    #[inline(never)]
    pub fn new<A: Arch>(image: &Image<'_, A>, page: u64) -> Result<Self, Error> {
        let got = Got::plan(image)?;
        let sections = image.sections();
        let mut locations = Vec::new();
        locations.try_reserve_exact(sections.len()).map_err(|_| Error::OutOfMemory)?;
        locations.resize(sections.len(), None);
        let order = in_order(image).map_err(|_| Error::OutOfMemory)?;
        let (core, init) = (Layout::empty(page), Layout::empty(page));
        let mut plan = Self { core, init, got, locations, order };
        plan.core = plan.lay_out(sections, Part::Core, page);
        plan.init = plan.lay_out(sections, Part::Init, page);
        Ok(plan)
    }

    /// The bytes that both parts need, a global offset table and whole pages included.
    pub fn size(&self) -> u64 {
        self.core.size.saturating_add(self.init.size)
    }

    /// Where the section of that index lies; `None` if it is not loaded.
    pub fn location(&self, section: usize) -> Option<Location> {
        self.locations.get(section).copied().flatten()
    }

    /// Where the global offset table lies, if the module needs one.
    pub fn got(&self) -> Option<Location> {
        self.got.location()
    }

    /// The room for both parts in one block, for when two blocks cannot be had close enough to
    /// each other.
    pub fn joined(&self) -> Joined {
        let init_offset = align_up(self.core.size, self.init.align);
        Joined {
            size: init_offset.saturating_add(self.init.size),
            align: self.core.align.max(self.init.align),
            init_offset,
        }
    }

    /// The sections in the order in which they lie in memory, the core part first.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (usize, Location)> {
        self.order.iter().filter_map(|placing| Some((placing.index, self.location(placing.index)?)))
    }

    /// Gives a place to each section of a part, the sections of a group in the order of the file.
    fn lay_out(&mut self, sections: &[Section<'_>], part: Part, page: u64) -> Layout {
        let mut layout = Layout::empty(page);
        let mut placings = self.order.iter().filter(|placing| placing.part == part).peekable();
        let mut end = 0_u64;
        for (group, range) in Group::ALL.into_iter().zip(&mut layout.groups) {
            if group != Group::Zeroed {
                end = align_up(end, page);
            }
            let start = end;
            while let Some(placing) = placings.next_if(|placing| placing.group == group) {
                let Some(section) = sections.get(placing.index) else { continue };
                let offset = align_up(end, section.align);
                end = offset.saturating_add(section.size);
                layout.align = layout.align.max(section.align);
                if let Some(location) = self.locations.get_mut(placing.index) {
                    *location = Some(Location { part, offset, size: section.size });
                }
            }
            if part == Part::Core && group == Group::ReadOnly {
                end = self.got.place_at(end);
            }
            *range = start..end;
        }
        layout.size = align_up(end, page);
        layout
    }
}

/// The next multiple of a power of two. The offsets of a plan are far from where that wraps, since
/// the image bounds the sum of its sections' sizes.
pub(crate) fn align_up(offset: u64, align: u64) -> u64 {
    let below = align.wrapping_sub(1);
    offset.wrapping_add(below) & !below
}

impl Layout {
    fn empty(page: u64) -> Self {
        Self { size: 0, align: page, groups: [const { 0..0 }; Group::ALL.len()] }
    }
}

/// The loaded sections, sorted by part and group, and else in the order of the file.
fn in_order<A: Arch>(image: &Image<'_, A>) -> Result<Vec<Placing>, TryReserveError> {
    let mut in_file = Vec::new();
    in_file.try_reserve_exact(image.sections().len())?;
    in_file.extend(image.loaded_sections().map(|(index, section)| {
        let (part, group) = (part_of(section), group_of(section));
        Placing { part, group, index }
    }));
    // First how many sections have each rank, then where those of that rank end.
    let mut ends = [0_usize; 2 * Group::ALL.len()];
    for placing in &in_file {
        if let Some(count) = ends.get_mut(placing.rank()) {
            *count = count.wrapping_add(1);
        }
    }
    let mut count = 0_usize;
    for end in &mut ends {
        count = count.wrapping_add(*end);
        *end = count;
    }
    let mut order = Vec::new();
    order.try_reserve_exact(count)?;
    order.resize(count, Placing { part: Part::Core, group: Group::Text, index: 0 });
    for placing in in_file.into_iter().rev() {
        let Some(end) = ends.get_mut(placing.rank()) else { continue };
        *end = end.wrapping_sub(1);
        if let Some(place) = order.get_mut(*end) {
            *place = placing;
        }
    }
    Ok(order)
}

impl Placing {
    fn rank(&self) -> usize {
        let part = match self.part {
            Part::Core => 0,
            Part::Init => Group::ALL.len(),
        };
        part.wrapping_add(self.group as usize)
    }
}

/// Linux's rule: `.init*` is needed until the module has started, everything else, `.exit*`
/// included, until it is taken out.
#[inline]
fn part_of(section: &Section<'_>) -> Part {
    if section.name.starts_with(b".init") { Part::Init } else { Part::Core }
}

/// Linux's rule for what only the module's start may change: the section that
/// `__ro_after_init` names, and the table of static branches.
const READ_ONLY_AFTER_INIT: [&[u8]; 2] = [b".data..ro_after_init", b"__jump_table"];

#[inline]
fn group_of(section: &Section<'_>) -> Group {
    if section.flags.contains(Flags::EXECUTE) {
        Group::Text
    } else if READ_ONLY_AFTER_INIT.iter().any(|name| section.name.is(name)) {
        Group::ReadOnlyAfterInit
    } else if !section.flags.contains(Flags::WRITE) {
        Group::ReadOnly
    } else if section.is_zeroed() {
        Group::Zeroed
    } else {
        Group::Data
    }
}
