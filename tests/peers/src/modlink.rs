//! modlink's own linker, on memory that is there.

use crate::Kernel;
use modlink::arch::X86_64;
use modlink::image::Image;
use modlink::link::{Block, Layout, Plan};
use std::convert::Infallible;

/// The granularity of protection, in bytes.
pub const PAGE: u64 = 4096;

/// The most memory that a module may need, in bytes.
pub const LIMIT: u64 = 64 << 20;

/// Loads a module; says whether that succeeded.
#[inline]
pub fn load(file: &[u8], kernel: &impl Kernel) -> Option<()> {
    let image = Image::<X86_64>::check(file, LIMIT).ok()?;
    let plan = Plan::new(&image, PAGE).ok()?;
    let mut placed =
        plan.place(&image, block(kernel, &plan.core), block(kernel, &plan.init)).ok()?;
    let values = placed.resolve(&image, |name, _| Ok::<_, Infallible>(kernel.symbol(name))).ok()?;
    placed.relocate(&image, &values).ok()?;
    Some(())
}

fn block<'m>(kernel: &impl Kernel, layout: &Layout) -> Block<'m> {
    let start = kernel.take(layout.size as usize, layout.align as usize);
    // SAFETY: the kernel has given these bytes to nobody else.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start, layout.size as usize) };
    Block { address: start.addr() as u64, bytes }
}
