//! Linking with modlink.

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

/// A file that modlink has linked.
#[derive(Clone, Debug)]
pub struct Linked {
    /// Where it was told to put things.
    pub placement: Placement,
    /// Its loaded sections.
    pub sections: Vec<Section>,
}

/// A section as it would stand in memory.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its index in the section header table.
    pub index: usize,
    /// Its address.
    pub address: u64,
    /// Its bytes, relocated.
    pub bytes: Vec<u8>,
}

/// Links a file for the architecture `A` where `choose` wants it, given the room that the core and
/// the init part need.
///
/// # Errors
/// What modlink refuses, in its words.
pub fn link<A: Arch>(
    file: &[u8],
    choose: impl FnOnce(Room, Room) -> Option<Placement>,
) -> Result<Linked> {
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

    let sections = (0..image.sections().len())
        .filter_map(|index| {
            let location = plan.location(index)?;
            let address = placed.address(location);
            Some(Section { index, address, bytes: placed.bytes(location).to_vec() })
        })
        .collect();
    Ok(Linked { placement, sections })
}
