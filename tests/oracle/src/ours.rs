//! Linking with modlink.

use crate::limits::{Room, Rooms, Spot};
use crate::linked::{Linked, Section};
use crate::placement::Placement;
use anyhow::{Context, Error, Result, anyhow};
use modlink::arch::Arch;
use modlink::image::Image;
use modlink::link::{self, Block, Layout, Location, Plan, Problem};
use std::convert::Infallible;

/// The granularity of protection for which modules are laid out, in bytes.
const PAGE: u64 = 4096;

/// The most memory that a file's sections may need, in bytes.
const LIMIT: u64 = 64 << 20;

/// What came of a link.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How the file was laid out.
    pub rooms: Rooms,
    /// Where it was linked.
    pub placement: Placement,
    /// What is in memory.
    pub linked: Linked,
    /// How many relocations were applied.
    pub applied: usize,
}

/// Links a file for the architecture `A` where `choose` wants it, given its layout.
///
/// # Errors
/// What modlink rejects, in its words; [`is_overflow`] tells one reason from the others.
pub fn link<A: Arch>(
    file: &[u8],
    choose: impl FnOnce(&Rooms) -> Option<Placement>,
) -> Result<Outcome> {
    let image = Image::<A>::check(file, LIMIT).map_err(|error| anyhow!("{error}"))?;
    let plan = Plan::new(&image, PAGE).map_err(|error| anyhow!("{error}"))?;
    let rooms = layout(&plan, image.sections().len());
    let placement = choose(&rooms).context("no addresses suit all fields")?;

    // What lay in the memory before must not matter.
    let mut core = vec![0xa5; usize::try_from(plan.core.size)?];
    let mut init = vec![0xa5; usize::try_from(plan.init.size)?];
    let mut placed = plan
        .place(
            &image,
            Block { address: placement.core, bytes: &mut core },
            Block { address: placement.init, bytes: &mut init },
        )
        .map_err(|error| anyhow!("{error}"))?;
    let values = placed
        .resolve(&image, |name, _| Ok::<_, Infallible>(placement.symbols.get(name).copied()))
        .map_err(|error| anyhow!("{error}"))?;
    let applied = placed.relocate(&image, &values)?;

    let section = |location| Section {
        address: placed.address(location),
        bytes: placed.bytes(location).to_vec(),
    };
    let sections = (0..image.sections().len())
        .filter_map(|index| Some((index, section(plan.location(index)?))))
        .collect();
    let got = plan.got().map(section);
    Ok(Outcome { rooms, placement, linked: Linked { sections, got }, applied })
}

/// Whether modlink rejected because a value does not fit its field.
pub fn is_overflow(error: &Error) -> bool {
    let error = error.downcast_ref();
    matches!(error, Some(link::Error::Relocation { problem: Problem::Overflow { .. }, .. }))
}

fn layout(plan: &Plan, sections: usize) -> Rooms {
    let room = |layout: &Layout| Room { size: layout.size, align: layout.align };
    let spot = |location: Location| Spot { part: location.part, offset: location.offset };
    Rooms {
        core: room(&plan.core),
        init: room(&plan.init),
        sections: (0..sections)
            .filter_map(|index| Some((index, spot(plan.location(index)?))))
            .collect(),
        got: plan.got().map(|got| (spot(got), got.size)),
    }
}
