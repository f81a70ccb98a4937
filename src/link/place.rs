//! Place: the sections of an image are copied to where the plan wants them.

use super::error::Error;
use super::plan::{Layout, Location, Part, Plan};
use crate::arch::{Arch, Word};
use crate::image::Image;
use core::ops::Range;

/// Memory for one part of a module.
#[derive(Debug)]
pub struct Block<'m> {
    /// The address at which the module sees the first byte.
    pub address: u64,
    /// The bytes; what they hold does not matter.
    pub bytes: &'m mut [u8],
}

/// An image whose sections stand in memory, not relocated yet.
#[derive(Debug)]
pub struct Placed<'p, 'm> {
    pub(super) plan: &'p Plan,
    core: Block<'m>,
    init: Block<'m>,
}

impl Plan {
    /// Copies every loaded section to its location and clears all other bytes of the blocks.
    ///
    /// The init part may lie after the core part in one block: split it at
    /// [`Contiguous::init_offset`](super::Contiguous::init_offset).
    ///
    /// # Errors
    /// [`Error::Block`] if a block is smaller than its layout, not aligned as it asks, or wraps
    /// around the end of the address space.
    pub fn place<'p, 'm, A: Arch>(
        &'p self,
        image: &Image<'_, A>,
        core: Block<'m>,
        init: Block<'m>,
    ) -> Result<Placed<'p, 'm>, Error> {
        suits::<A>(&core, &self.core, Part::Core)?;
        suits::<A>(&init, &self.init, Part::Init)?;
        let mut placed = Placed { plan: self, core, init };
        let (mut core_end, mut init_end) = (0, 0);
        for (index, location) in self.in_order() {
            let data = image.sections().get(index).map_or(&[][..], |section| section.data);
            let end = match location.part {
                Part::Core => &mut core_end,
                Part::Init => &mut init_end,
            };
            let block = placed.block_mut(location.part);
            let range = location.range();
            clear(block.bytes, *end..range.start);
            let rest = block.bytes.get_mut(range.start..);
            if let Some(target) = rest.and_then(|bytes| bytes.get_mut(..data.len())) {
                target.copy_from_slice(data);
                *end = range.start.saturating_add(data.len());
            }
        }
        let (core_size, init_size) = (placed.core.bytes.len(), placed.init.bytes.len());
        clear(placed.core.bytes, core_end..core_size);
        clear(placed.init.bytes, init_end..init_size);
        Ok(placed)
    }
}

impl Placed<'_, '_> {
    /// The address at which the module sees a location.
    pub fn address(&self, location: Location) -> u64 {
        self.block(location.part).address.wrapping_add(location.offset)
    }

    /// The bytes of a location.
    pub fn bytes(&self, location: Location) -> &[u8] {
        self.block(location.part).bytes.get(location.range()).unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self, location: Location) -> &mut [u8] {
        self.block_mut(location.part).bytes.get_mut(location.range()).unwrap_or_default()
    }

    fn block(&self, part: Part) -> &Block<'_> {
        match part {
            Part::Core => &self.core,
            Part::Init => &self.init,
        }
    }
}

impl<'m> Placed<'_, 'm> {
    fn block_mut(&mut self, part: Part) -> &mut Block<'m> {
        match part {
            Part::Core => &mut self.core,
            Part::Init => &mut self.init,
        }
    }
}

impl Location {
    /// The offsets between which it lies.
    pub fn range(&self) -> Range<usize> {
        self.offset as usize..self.offset.saturating_add(self.size) as usize
    }
}

fn suits<A: Arch>(block: &Block<'_>, layout: &Layout, part: Part) -> Result<(), Error> {
    let size = block.bytes.len() as u64;
    let highest = A::Word::MAX.into();
    let last = block.address.checked_add(size.saturating_sub(1));
    let in_space = last.is_some_and(|last| last <= highest);
    let suits = size >= layout.size && in_space && block.address.is_multiple_of(layout.align);
    if layout.size == 0 || suits { Ok(()) } else { Err(Error::Block(part)) }
}

fn clear(bytes: &mut [u8], range: Range<usize>) {
    if range.is_empty() {
        return;
    }
    if let Some(gap) = bytes.get_mut(range) {
        gap.fill(0);
    }
}
