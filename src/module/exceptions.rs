//! The exception table of a module: checked and put in order before anybody finds it, and read where it
//! stands, in memory that nobody writes.

use crate::arch::Arch;
use crate::exceptions::{Entries, Exception, Table, TableProblem};
use crate::image::{Flags, Image, KnownSection};
use crate::link::{Layout, Location, MemoryType, Part, Placed, Plan};
use crate::module::Content;
use crate::platform::{Platform, ProtectedMemory};
use core::ops::Range;

const EX_TABLE: KnownSection = KnownSection::row("__ex_table");

/// Where the table is: offsets in the core part, which has less than 4 GiB. Empty if there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exceptions(Range<u32>);

impl Exceptions {
    /// Checks the table of a relocated module and puts it in order. Established: each entry is for an
    /// instruction in the module's code, and goes on in code that is there for as long as that.
    #[inline(never)]
    pub fn check<A: Arch>(
        image: &Image<'_, A>,
        plan: &Plan,
        placed: &mut Placed<'_, '_>,
    ) -> Result<Self, TableProblem> {
        let Some((index, location)) = locate(image, plan) else { return Ok(Self::default()) };
        let flags = image.sections().get(index).map_or(Flags::WRITE, |section| section.flags);
        let range = location.range();
        let (Ok(start), Ok(end)) = (u32::try_from(range.start), u32::try_from(range.end)) else {
            return Err(TableProblem::Memory);
        };
        if flags.intersects(Flags::WRITE | Flags::EXECUTE) || location.part != Part::Core {
            return Err(TableProblem::Memory);
        }
        let code = |part: Part, layout: &Layout| {
            let text = layout.range(MemoryType::Text);
            let size = text.end.saturating_sub(text.start);
            let start = placed.address(Location { part, offset: text.start, size });
            start..start.saturating_add(size)
        };
        let (core, init) = (code(Part::Core, &plan.core), code(Part::Init, &plan.init));
        let address = placed.address(location);
        let entries = Entries::<A>::whole(placed.bytes(location), address)?;
        for (index, (instruction, Exception { fixup, .. })) in entries.iter().enumerate() {
            let stays = core.contains(&instruction);
            if !stays && !init.contains(&instruction) {
                return Err(TableProblem::Instruction { index, address: instruction });
            }
            if !core.contains(&fixup) && (stays || !init.contains(&fixup)) {
                return Err(TableProblem::Fixup { index, address: fixup });
            }
        }
        Table::<A>::sort(placed.bytes_mut(location), address)?;
        Ok(Self(start..end))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The section and where it is, if a module has one that is loaded and not empty.
fn locate<A: Arch>(image: &Image<'_, A>, plan: &Plan) -> Option<(usize, Location)> {
    let index = image.known(EX_TABLE)?;
    plan.location(index).filter(|location| location.size != 0).map(|location| (index, location))
}

impl<P: Platform> Content<P> {
    /// Where to go on after a fault of the instruction at an address of this module's.
    pub fn exception(&self, address: u64) -> Option<Exception> {
        let Range { start, end } = self.extra.as_ref()?.exceptions.0;
        let memory = &self.core.memory;
        let bytes = memory.read_only(start as usize..end as usize)?;
        Table::<P::Arch>::in_order(bytes, memory.address().wrapping_add(start.into())).find(address)
    }
}
