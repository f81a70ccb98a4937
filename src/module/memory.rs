//! Memory for a module that is being linked: where it may lie, and how it is protected.

use super::core_memory::CoreMemory;
use super::reach::Span;
use crate::error::{LoadError, Unreachable};
use crate::link::{Block, Contiguous, Layout, MemoryType, Plan, align_up};
use crate::platform::{
    AllocateError, MemoryRequest, ModuleMemory, Platform, ProtectError, Protection, Purpose,
    page_size,
};
use core::ops::Range;

/// Memory for both parts of a module, while it is linked or once it may run. Dropping it frees
/// all.
#[must_use = "dropping it frees the memory"]
#[derive(Debug)]
pub(crate) struct Memory<M> {
    /// What the module keeps.
    pub core: CoreMemory<M>,
    /// The memory of the init part, if it has its own.
    pub init: Option<M>,
}

impl<M: ModuleMemory> Memory<M> {
    /// Finds room for both parts of a plan: core within reach of the kernel, init within reach of
    /// both; and if there is none so close, room for both in one block.
    #[inline(never)]
    pub fn allocate<P: Platform<Memory = M>>(platform: &P, plan: &Plan) -> Result<Self, LoadError> {
        let near_kernel = Span::of::<P::Arch>(&platform.kernel());
        Self::near(platform, near_kernel, plan).map_err(|why| no_room(platform, why))
    }

    fn near<P: Platform<Memory = M>>(
        platform: &P,
        kernel: Span,
        plan: &Plan,
    ) -> Result<Self, NoRoom> {
        let contiguous = plan.contiguous();
        if u32::try_from(contiguous.size).is_err() {
            return Err(NoRoom::Exhausted);
        }
        // What is kept of sizes and offsets fits, as all of both parts does.
        let (core_size, init_size) = (plan.core.size.max(page_size::<M>()), plan.init.size);
        let core = request(platform, kernel, core_size, plan.core.align, Purpose::Core)?;
        if init_size == 0 {
            let core = CoreMemory::apart(core, core_size as u32, 0, 0);
            return Ok(Self { core, init: None });
        }
        let both = kernel.with::<P::Arch>(Span::new(core.address(), core_size.saturating_sub(1)));
        match request(platform, both, init_size, plan.init.align, Purpose::Init) {
            Ok(init) => {
                let (address, size) = (init.address(), init_size as u32);
                let core = CoreMemory::apart(core, core_size as u32, address, size);
                Ok(Self { core, init: Some(init) })
            }
            Err(NoRoom::Exhausted) => Err(NoRoom::Exhausted),
            Err(_) => {
                drop(core);
                let Contiguous { size, align, init_offset } = contiguous;
                let both = request(platform, kernel, size, align, Purpose::Contiguous)?;
                let core = CoreMemory::contiguous(both, init_offset as u32, init_size as u32);
                Ok(Self { core, init: None })
            }
        }
    }

    /// The blocks in which the core and the init part are written.
    pub fn blocks(&mut self) -> (Block<'_>, Block<'_>) {
        let CoreMemory { memory, size, init: init_address, contiguous, .. } = &mut self.core;
        let address = memory.address();
        let bytes = memory.bytes_mut();
        let (core, init) = if *contiguous {
            bytes.split_at_mut(bytes.len().min(*size as usize))
        } else {
            (bytes, self.init.as_mut().map(M::bytes_mut).unwrap_or_default())
        };
        (Block { address, bytes: core }, Block { address: *init_address, bytes: init })
    }

    /// Protects everything as its memory type asks while the init function runs.
    pub fn protect(self, plan: &Plan, page: u64) -> Result<Memory<M::Protected>, ProtectError> {
        let Self { core, init } = self;
        let mut runs = [const { (0..0, Protection::Execute) }; MOST_RUNS];
        let of_core = fill(&mut runs, &plan.core, 0, page);
        // An init part that has no block of its own is in that of the core part, or empty.
        let offset = if init.is_some() { 0 } else { core.size };
        let rest = runs.get_mut(of_core..).unwrap_or_default();
        let of_init = fill(rest, &plan.init, offset.into(), page);
        let of_init = of_core..of_core.saturating_add(of_init);
        let of_core = 0..if init.is_some() { of_core } else { of_init.end };
        let core = core.protect(runs.get(of_core).unwrap_or_default())?;
        let init = match init {
            Some(init) => Some(init.protect(runs.get(of_init).unwrap_or_default())?),
            None => None,
        };
        Ok(Memory { core, init })
    }
}

/// How memory of a type is protected while the module's init function runs, and afterwards.
const fn protection(memory_type: MemoryType) -> (Protection, Protection) {
    match memory_type {
        MemoryType::Text => (Protection::Execute, Protection::Execute),
        MemoryType::Rodata => (Protection::ReadOnly, Protection::ReadOnly),
        MemoryType::ReadOnlyAfterInit => (Protection::ReadWrite, Protection::ReadOnly),
        MemoryType::Data | MemoryType::Bss => (Protection::ReadWrite, Protection::ReadWrite),
    }
}

/// How many of these types are not writable while the init function runs.
const fn not_writable(types: &[MemoryType]) -> usize {
    match types {
        [] => 0,
        [first, rest @ ..] => {
            let is_writable = matches!(protection(*first).0, Protection::ReadWrite);
            not_writable(rest).saturating_add(if is_writable { 0 } else { 1 })
        }
    }
}

/// The pages of a layout that are read-only once the init function has returned, and not before:
/// offsets of whole pages.
pub(crate) fn read_only_after_init(
    layout: &Layout,
    page: u64,
) -> impl Iterator<Item = Range<usize>> {
    MemoryType::ALL.into_iter().filter_map(move |memory_type| {
        let changes = protection(memory_type) == (Protection::ReadWrite, Protection::ReadOnly);
        let range = layout.range(memory_type);
        (changes && !range.is_empty()).then(|| pages(range, 0, page))
    })
}

/// As many runs of pages as a module can have that are not writable.
const MOST_RUNS: usize = 2 * not_writable(&MemoryType::ALL);

/// Puts the runs of pages of a layout that are not writable into `runs`, in bytes from the start of
/// a block in which the layout starts at `offset`. How many they are.
fn fill(runs: &mut [(Range<usize>, Protection)], layout: &Layout, offset: u64, page: u64) -> usize {
    let mut count = 0_usize;
    for &memory_type in &MemoryType::ALL {
        let (range, (protection, _)) = (layout.range(memory_type), protection(memory_type));
        if range.is_empty() || protection == Protection::ReadWrite {
            continue;
        }
        if let Some(run) = runs.get_mut(count) {
            *run = (pages(range, offset, page), protection);
            count = count.saturating_add(1);
        }
    }
    count
}

/// The pages of a range, in bytes from the start of a block in which its layout starts at `offset`.
fn pages(range: Range<u64>, offset: u64, page: u64) -> Range<usize> {
    let end = align_up(range.end, page);
    offset.saturating_add(range.start) as usize..offset.saturating_add(end) as usize
}

/// Why there is no room.
#[derive(Clone, Copy, PartialEq)]
enum NoRoom {
    /// Nowhere in the platform's range is near enough.
    Unreachable,
    /// All that is near enough has been given to others.
    OutOfReach,
    /// No memory is left.
    Exhausted,
}

/// Memory from which every byte of `near` is within reach, in the first window that has some.
fn request<P: Platform>(
    platform: &P,
    near: Span,
    size: u64,
    align: u64,
    purpose: Purpose,
) -> Result<P::Memory, NoRoom> {
    let mut why = NoRoom::Unreachable;
    for (first, last) in near.windows::<P::Arch>(&platform.module_range()) {
        if first > last {
            continue;
        }
        let window = first..=last;
        match platform.allocate(&MemoryRequest { size, align, window, purpose }) {
            Ok(memory) => {
                let start = memory.address();
                let end = start.saturating_add(size.saturating_sub(1));
                // A kernel that gives what was not asked for has nothing that could be used.
                if start >= first && end <= last {
                    return Ok(memory);
                }
            }
            Err(AllocateError::OutOfReach) => {}
            Err(AllocateError::Exhausted) => return Err(NoRoom::Exhausted),
        }
        why = NoRoom::OutOfReach;
    }
    Err(why)
}

#[cold]
#[inline(never)]
fn no_room<P: Platform>(platform: &P, why: NoRoom) -> LoadError {
    match why {
        NoRoom::OutOfReach => LoadError::Memory(AllocateError::OutOfReach),
        NoRoom::Exhausted => LoadError::Memory(AllocateError::Exhausted),
        NoRoom::Unreachable => {
            let (kernel, modules) = (platform.kernel(), platform.module_range());
            LoadError::Unreachable(Unreachable { kernel, modules })
        }
    }
}
