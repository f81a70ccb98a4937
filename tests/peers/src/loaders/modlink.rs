//! modlink's own linker.

use crate::memory;
use modlink::arch::X86_64;
use modlink::image::Image;
use modlink::link::{Block, Layout, Plan};
use std::convert::Infallible;

const PAGE: u64 = 4096;
const LIMIT: u64 = 64 << 20;

pub fn load(file: &[u8]) -> bool {
    try_load(file).is_some()
}

fn try_load(file: &[u8]) -> Option<()> {
    let image = Image::<X86_64>::check(file, LIMIT).ok()?;
    let plan = Plan::new(&image, PAGE).ok()?;
    let (core, init) = (block(&plan.core), block(&plan.init));
    let mut placed = plan.place(&image, core, init).ok()?;
    let lookup = |name: &[u8], _| Ok::<_, Infallible>(super::symbol(name));
    let values = placed.resolve(&image, lookup).ok()?;
    placed.relocate(&image, &values).ok()?;
    Some(())
}

fn block(layout: &Layout) -> Block<'static> {
    let start = memory::take(layout.size as usize, layout.align as usize);
    // SAFETY: the memory is given to nobody else and never freed.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start, layout.size as usize) };
    Block { address: start.addr() as u64, bytes }
}
