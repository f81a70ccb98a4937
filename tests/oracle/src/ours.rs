//! Linking with modlink.

use crate::linked::{Linked, Section};
use crate::placement::{Placement, Room};
use anyhow::{Context, Result, anyhow};
use modlink::arch::Arch;
use modlink::image::Image;
use modlink::link::{Block, Layout, Plan};
use std::convert::Infallible;

/// The granularity of protection for which modules are laid out, in bytes.
const PAGE: u64 = 4096;

/// The most memory that a file's sections may need, in bytes.
const LIMIT: u64 = 64 << 20;

/// Links a file for the architecture `A` where `choose` wants it, given the room that the core and
/// the init part need, and returns what was chosen and what came of it.
///
/// # Errors
/// What modlink refuses, in its words.
pub fn link<A: Arch>(
    file: &[u8],
    choose: impl FnOnce(Room, Room) -> Option<Placement>,
) -> Result<(Placement, Linked)> {
    let image = Image::<A>::check(file, LIMIT).map_err(|error| anyhow!("{error}"))?;
    let plan = Plan::new(&image, PAGE).map_err(|error| anyhow!("{error}"))?;
    let room = |layout: &Layout| Room { size: layout.size, align: layout.align };
    let placement =
        choose(room(&plan.core), room(&plan.init)).context("does not fit into the window")?;

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
    placed.relocate(&image, &values).map_err(|error| anyhow!("{error}"))?;

    let section = |location| Section {
        address: placed.address(location),
        bytes: placed.bytes(location).to_vec(),
    };
    let sections = (0..image.sections().len())
        .filter_map(|index| Some((index, section(plan.location(index)?))))
        .collect();
    let got = plan.got().map(section);
    Ok((placement, Linked { sections, got }))
}
