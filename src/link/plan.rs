//! Plan: which section goes where.

use super::got::Got;
use crate::arch::Arch;
use crate::heap::{OutOfMemory, boxed};
use crate::image::{Flags, Image, KnownSections, Section};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// How long a section is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// As long as the module is loaded.
    Core,
    /// Until the init function has returned: sections whose names start with `.init`, as in Linux.
    Init,
}

/// Declares [`MemoryType`] with the list of all, which cannot lack one.
macro_rules! memory_types {
    ($(#[doc = $doc:literal] $name:ident,)*) => {
        /// Sections that are protected alike, in the order in which they lie in memory.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum MemoryType {
            $(#[doc = $doc] $name,)*
        }

        impl MemoryType {
            /// All types in the order in which they lie in memory.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];
        }
    };
}

memory_types! {
    /// Instructions.
    Text,
    /// Constants (`.rodata`).
    Rodata,
    /// Data that only the module's init function may change.
    ReadOnlyAfterInit,
    /// Data that has bytes in the file.
    Data,
    /// Data that starts as zeros (`.bss`).
    Bss,
}

/// A section that is to be placed.
#[derive(Clone, Copy, Debug)]
struct Placing {
    part: Part,
    memory_type: MemoryType,
    index: usize,
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
    ranges: [Range<u64>; MemoryType::ALL.len()],
}

/// The room that both parts need in one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contiguous {
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
    /// The indices of the loaded sections in the order in which they lie in memory.
    order: Vec<usize>,
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
    /// The offsets, in bytes, between which the sections of a memory type lie. Types that are
    /// protected differently have no page in common.
    pub fn range(&self, memory_type: MemoryType) -> Range<u64> {
        self.ranges.get(memory_type as usize).cloned().unwrap_or_default()
    }
}

impl Plan {
    /// Lays out the loaded sections of an image, and room for a global offset table after the
    /// rodata of the core part where a relocation needs one. `page` is the granularity of
    /// protection in bytes, a power of two.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new<A: Arch>(image: &Image<'_, A>, page: u64) -> Result<Self, OutOfMemory> {
        Self::boxed(image, page).map(|plan| *plan)
    }

    /// As [`new`](Self::new), on the heap, where it does not take the stack of an init function.
    // Out of line, which makes a loader half a kilobyte smaller.
    #[inline(never)]
    pub(crate) fn boxed<A: Arch>(
        image: &Image<'_, A>,
        page: u64,
    ) -> Result<Box<Self>, OutOfMemory> {
        let got = Got::plan(image)?;
        let (core, init) = (Layout::empty(page), Layout::empty(page));
        let mut plan = boxed(Self { core, init, got, locations: Vec::new(), order: Vec::new() })?;
        plan.lay_out_all(image.sections(), page)?;
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
    pub fn contiguous(&self) -> Contiguous {
        let init_offset = align_up(self.core.size, self.init.align);
        Contiguous {
            size: init_offset.saturating_add(self.init.size),
            align: self.core.align.max(self.init.align),
            init_offset,
        }
    }

    /// The sections in the order in which they lie in memory, the core part first.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (usize, Location)> {
        self.order.iter().filter_map(|index| Some((*index, self.location(*index)?)))
    }

    /// Gives a location to each loaded section.
    fn lay_out_all(&mut self, sections: &[Section<'_>], page: u64) -> Result<(), OutOfMemory> {
        self.locations.try_reserve_exact(sections.len())?;
        self.locations.resize(sections.len(), None);
        self.order.try_reserve_exact(sections.len())?;
        let mut placings = Vec::new();
        placings.try_reserve_exact(sections.len())?;
        let loaded = sections.iter().enumerate().filter(|(_, section)| section.loaded);
        placings.extend(loaded.map(|(index, section)| Placing {
            part: part_of(section),
            memory_type: memory_type_of(section),
            index,
        }));
        self.core = self.lay_out(sections, &placings, Part::Core, page);
        self.init = self.lay_out(sections, &placings, Part::Init, page);
        Ok(())
    }

    /// Gives a location to each section of a part, those of a memory type in the order of the file.
    fn lay_out(
        &mut self,
        sections: &[Section<'_>],
        placings: &[Placing],
        part: Part,
        page: u64,
    ) -> Layout {
        let mut layout = Layout::empty(page);
        let mut end = 0_u64;
        for (memory_type, range) in MemoryType::ALL.into_iter().zip(&mut layout.ranges) {
            if memory_type != MemoryType::Bss {
                end = align_up(end, page);
            }
            let start = end;
            let wanted =
                |placing: &&Placing| placing.part == part && placing.memory_type == memory_type;
            for &Placing { index, .. } in placings.iter().filter(wanted) {
                let (Some(section), Some(location)) =
                    (sections.get(index), self.locations.get_mut(index))
                else {
                    continue;
                };
                let offset = align_up(end, section.align);
                end = offset.saturating_add(section.size);
                layout.align = layout.align.max(section.align);
                *location = Some(Location { part, offset, size: section.size });
                self.order.push(index);
            }
            if part == Part::Core && memory_type == MemoryType::Rodata {
                end = self.got.place_at(end);
            }
            *range = start..end;
        }
        layout.size = align_up(end, page);
        layout
    }
}

/// The next multiple of a power of two; beyond all memory, and not beyond all numbers, if there is
/// none. The image bounds the sum of its sections' sizes, and nobody that of the gaps between them.
pub(crate) fn align_up(offset: u64, align: u64) -> u64 {
    let below = align.wrapping_sub(1);
    offset.saturating_add(below) & !below
}

impl Layout {
    fn empty(page: u64) -> Self {
        Self { size: 0, align: page, ranges: [const { 0..0 }; MemoryType::ALL.len()] }
    }
}

/// Linux's rule: `.init*` is needed until the init function has returned, everything else, `.exit*`
/// included, until the module is unloaded.
#[inline]
fn part_of(section: &Section<'_>) -> Part {
    if section.name.starts_with(b".init") { Part::Init } else { Part::Core }
}

/// Linux's rule for what only the module's init function may change: the section that
/// `__ro_after_init` names, and the table of static branches.
const READ_ONLY_AFTER_INIT: KnownSections =
    KnownSections::of([".data..ro_after_init", "__jump_table"]);

#[inline]
fn memory_type_of(section: &Section<'_>) -> MemoryType {
    if section.flags.contains(Flags::EXECUTE) {
        MemoryType::Text
    } else if READ_ONLY_AFTER_INIT.has(section.known) {
        MemoryType::ReadOnlyAfterInit
    } else if !section.flags.contains(Flags::WRITE) {
        MemoryType::Rodata
    } else if section.is_nobits() {
        MemoryType::Bss
    } else {
        MemoryType::Data
    }
}
