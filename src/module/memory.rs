//! Memory for a module that is being linked: where it may lie, and how it is protected.

use super::parts::Parts;
use crate::arch::Arch;
use crate::link::{Block, Group, Layout, Plan, align_up};
use crate::platform::{
    AllocateError, MemoryRequest, ModuleMemory, Platform, ProtectError, Protection, Purpose,
};
use core::ops::{Range, RangeInclusive};

/// Memory for both parts of a module. Dropping it gives all back.
#[derive(Debug)]
pub(crate) struct Room<M> {
    /// What the module keeps.
    pub parts: Parts<M>,
    /// The memory of the init part, if it has its own.
    pub init: Option<M>,
}

impl<M: ModuleMemory> Room<M> {
    /// Finds room for both parts of a plan: core within the architecture's reach of the kernel,
    /// init within reach of both; and if there is none so close, room for both in one block.
    pub fn allocate<P: Platform<Memory = M>>(
        platform: &P,
        plan: &Plan,
    ) -> Result<Self, AllocateError> {
        let near_kernel = window::<P::Arch>(&platform.kernel());
        let core_size = plan.core.size.max(P::PAGE_SIZE);
        let core = request(platform, core_size, plan.core.align, &near_kernel, Purpose::Core)?;
        let (core_bytes, init_bytes) = (short(core_size)?, short(plan.init.size)?);
        if init_bytes == 0 {
            return Ok(Self { parts: Parts::apart(core, core_bytes, 0, 0), init: None });
        }
        let near_core = window::<P::Arch>(&span(&core, core_size));
        let near_both = (*near_kernel.start()).max(*near_core.start())
            ..=(*near_kernel.end()).min(*near_core.end());
        let (size, align) = (plan.init.size, plan.init.align);
        match request(platform, size, align, &near_both, Purpose::Init) {
            Ok(init) => {
                let parts = Parts::apart(core, core_bytes, init.address(), init_bytes);
                Ok(Self { parts, init: Some(init) })
            }
            Err(AllocateError::OutOfReach) => {
                drop(core);
                Self::allocate_joined(platform, plan, &near_kernel)
            }
            Err(AllocateError::Exhausted) => Err(AllocateError::Exhausted),
        }
    }

    fn allocate_joined<P: Platform<Memory = M>>(
        platform: &P,
        plan: &Plan,
        window: &RangeInclusive<u64>,
    ) -> Result<Self, AllocateError> {
        let joined = plan.joined();
        let core = request(platform, joined.size, joined.align, window, Purpose::Joined)?;
        let parts = Parts::joined(core, short(joined.init_offset)?, short(plan.init.size)?);
        Ok(Self { parts, init: None })
    }

    /// The blocks in which the core and the init part are written.
    pub fn blocks(&mut self) -> (Block<'_>, Block<'_>) {
        let Parts { core, core_size, init: init_address, joined, .. } = &mut self.parts;
        let address = core.address();
        let bytes = core.bytes_mut();
        let (core, init) = if *joined {
            bytes.split_at_mut(bytes.len().min(*core_size as usize))
        } else {
            (bytes, self.init.as_mut().map(M::bytes_mut).unwrap_or_default())
        };
        (Block { address, bytes: core }, Block { address: *init_address, bytes: init })
    }

    /// Protects everything as its group asks, but for what the module's start may still change.
    pub fn protect(&self, plan: &Plan, page: u64) -> Result<(), ProtectError> {
        let Parts { core, core_size, .. } = &self.parts;
        protect_groups(core, 0, &plan.core, page)?;
        let (init, offset) = self.init.as_ref().map_or((core, *core_size), |init| (init, 0));
        protect_groups(init, offset.into(), &plan.init, page)
    }
}

/// A size as it is kept. A module has less than 4 GiB.
fn short(size: u64) -> Result<u32, AllocateError> {
    u32::try_from(size).map_err(|_| AllocateError::Exhausted)
}

/// The offsets of the pages of a group.
pub(crate) fn pages(range: Range<u64>, page: u64) -> Range<usize> {
    range.start as usize..align_up(range.end, page) as usize
}

fn protect_groups<M: ModuleMemory>(
    memory: &M,
    offset: u64,
    layout: &Layout,
    page: u64,
) -> Result<(), ProtectError> {
    for (group, protection) in
        [(Group::Text, Protection::Execute), (Group::ReadOnly, Protection::ReadOnly)]
    {
        let range = layout.group(group);
        if !range.is_empty() {
            let range = range.start.saturating_add(offset)..range.end.saturating_add(offset);
            memory.protect(pages(range, page), protection)?;
        }
    }
    Ok(())
}

/// The addresses at which a module may lie and from which every byte of `span` is within reach.
fn window<A: Arch>(span: &RangeInclusive<u64>) -> RangeInclusive<u64> {
    let lowest = span.end().saturating_sub(A::REACH).max(*A::ADDRESSES.start());
    let highest = span.start().saturating_add(A::REACH).min(*A::ADDRESSES.end());
    lowest..=highest
}

fn span<M: ModuleMemory>(memory: &M, size: u64) -> RangeInclusive<u64> {
    let start = memory.address();
    start..=start.saturating_add(size.saturating_sub(1))
}

fn request<P: Platform>(
    platform: &P,
    size: u64,
    align: u64,
    window: &RangeInclusive<u64>,
    purpose: Purpose,
) -> Result<P::Memory, AllocateError> {
    let request = MemoryRequest { size, align, window: window.clone(), purpose };
    let memory = platform.allocate(&request)?;
    let got = span(&memory, size);
    if window.contains(got.start()) && window.contains(got.end()) {
        Ok(memory)
    } else {
        Err(AllocateError::OutOfReach)
    }
}
