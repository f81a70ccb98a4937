//! The memory of a module: where it may lie, how it is protected, and when it goes.

use crate::arch::Arch;
use crate::link::{Block, Group, Layout, Plan, align_up};
use crate::platform::{
    AllocateError, MemoryRequest, ModuleMemory, Platform, ProtectError, Protection, Purpose,
};
use core::ops::{Range, RangeInclusive};
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Mutex;

/// The memory of both parts of a module. Dropping it gives all back.
#[derive(Debug)]
pub(crate) struct Parts<M> {
    core: M,
    /// The bytes of `core` that the core part has.
    core_size: u64,
    init: Init<M>,
    init_size: u64,
}

#[derive(Debug)]
enum Init<M> {
    /// There is no init part.
    None,
    /// It has memory of its own until the module has started; the address is its own until then.
    Apart { address: u64, memory: Mutex<Option<M>>, gone: AtomicBool },
    /// It lies in the core's memory from this offset on, and stays.
    Joined(u64),
}

impl<M: ModuleMemory> Parts<M> {
    /// Finds room for both parts of a plan: core within the architecture's reach of the kernel,
    /// init within reach of both; and if there is none so close, room for both in one block.
    pub fn allocate<P: Platform<Memory = M>>(
        platform: &P,
        plan: &Plan,
    ) -> Result<Self, AllocateError> {
        let near_kernel = window::<P::Arch>(&platform.kernel());
        let core_size = plan.core.size.max(P::PAGE_SIZE);
        let core = request(platform, core_size, plan.core.align, &near_kernel, Purpose::Core)?;
        if plan.init.size == 0 {
            return Ok(Self { core, core_size, init: Init::None, init_size: 0 });
        }
        let near_core = window::<P::Arch>(&span(&core, core_size));
        let near_both = (*near_kernel.start()).max(*near_core.start())
            ..=(*near_kernel.end()).min(*near_core.end());
        let (size, align) = (plan.init.size, plan.init.align);
        match request(platform, size, align, &near_both, Purpose::Init) {
            Ok(init) => {
                let (address, memory) = (init.address(), Mutex::new(Some(init)));
                let init = Init::Apart { address, memory, gone: AtomicBool::new(false) };
                Ok(Self { core, core_size, init, init_size: size })
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
        let init = Init::Joined(joined.init_offset);
        Ok(Self { core, core_size: joined.init_offset, init, init_size: plan.init.size })
    }

    /// The blocks in which the core and the init part are written.
    pub fn blocks(&mut self) -> (Block<'_>, Block<'_>) {
        let address = self.core.address();
        let bytes = self.core.bytes_mut();
        match &mut self.init {
            Init::None => (Block { address, bytes }, Block { address: 0, bytes: &mut [] }),
            Init::Apart { address: init_address, memory, .. } => {
                let init = memory.get_mut().as_mut().map(M::bytes_mut).unwrap_or_default();
                (Block { address, bytes }, Block { address: *init_address, bytes: init })
            }
            Init::Joined(offset) => {
                let init_address = address.wrapping_add(*offset);
                let (bytes, init) = bytes.split_at_mut(bytes.len().min(*offset as usize));
                (Block { address, bytes }, Block { address: init_address, bytes: init })
            }
        }
    }

    /// Protects everything as its group asks, but for what the module's start may still change.
    pub fn protect(&self, plan: &Plan, page: u64) -> Result<(), ProtectError> {
        protect_groups(&self.core, 0, &plan.core, page)?;
        match &self.init {
            Init::None => Ok(()),
            Init::Apart { memory, .. } => match &*memory.lock() {
                Some(init) => protect_groups(init, 0, &plan.init, page),
                None => Ok(()),
            },
            Init::Joined(offset) => protect_groups(&self.core, *offset, &plan.init, page),
        }
    }

    /// Protects what only the module's start may change: `range`, in bytes of the core part.
    pub fn seal(&self, range: Range<usize>) -> Result<(), ProtectError> {
        if range.is_empty() { Ok(()) } else { self.core.protect(range, Protection::ReadOnly) }
    }

    /// Gives back the init part if it has memory of its own; says how many bytes.
    pub fn discard_init(&self) -> u64 {
        match &self.init {
            Init::Apart { memory, gone, .. } => {
                gone.store(true, Ordering::Release);
                memory.lock().take().map_or(0, |_| self.init_size)
            }
            _ => 0,
        }
    }

    /// The memory of the core part.
    pub fn core(&self) -> &M {
        &self.core
    }

    pub fn core_size(&self) -> u64 {
        self.core_size
    }

    pub fn init_size(&self) -> u64 {
        self.init_size
    }

    pub fn is_joined(&self) -> bool {
        matches!(self.init, Init::Joined(_))
    }

    pub fn core_range(&self) -> Range<u64> {
        let start = self.core.address();
        start..start.saturating_add(self.core_size)
    }

    /// The addresses of the init part while it is there. Takes no lock, so that a fault handler
    /// can ask.
    pub fn init_range(&self) -> Option<Range<u64>> {
        let start = match &self.init {
            Init::None => return None,
            Init::Apart { gone, .. } if gone.load(Ordering::Acquire) => return None,
            Init::Apart { address, .. } => *address,
            Init::Joined(offset) => self.core.address().saturating_add(*offset),
        };
        Some(start..start.saturating_add(self.init_size))
    }
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
