//! Memory for a module that is being linked: where it may lie, and how it is protected.

use super::parts::Parts;
use super::reach::Span;
use crate::error::{LoadError, Unreachable};
use crate::link::{Block, Group, Layout, Plan, align_up};
use crate::platform::{
    AllocateError, MemoryRequest, ModuleMemory, Platform, ProtectError, Protection, Purpose,
};
use core::ops::{Range, RangeInclusive};

/// Memory for both parts of a module, while it is linked or once it may run. Dropping it gives all
/// back.
#[derive(Debug)]
pub(crate) struct Room<M> {
    /// What the module keeps.
    pub parts: Parts<M>,
    /// The memory of the init part, if it has its own.
    pub init: Option<M>,
}

impl<M: ModuleMemory> Room<M> {
    /// Finds room for both parts of a plan: core within reach of the kernel, init within reach of
    /// both; and if there is none so close, room for both in one block.
    pub fn allocate<P: Platform<Memory = M>>(platform: &P, plan: &Plan) -> Result<Self, LoadError> {
        let (kernel, modules) = (platform.kernel(), platform.module_range());
        let near_kernel = Span::of::<P::Arch>(&kernel);
        let windows = near_kernel.windows::<P::Arch>(&modules);
        if windows.iter().all(RangeInclusive::is_empty) {
            return Err(LoadError::Unreachable(Unreachable { kernel, modules }));
        }
        let core_size = plan.core.size.max(P::PAGE_SIZE);
        let core = request(platform, core_size, plan.core.align, &windows, Purpose::Core)?;
        let (core_bytes, init_bytes) = (short(core_size)?, short(plan.init.size)?);
        if init_bytes == 0 {
            return Ok(Self { parts: Parts::apart(core, core_bytes, 0, 0), init: None });
        }
        let near_both =
            near_kernel.with::<P::Arch>(Span::new(core.address(), core_size.saturating_sub(1)));
        let near_both = near_both.windows::<P::Arch>(&modules);
        let (size, align) = (plan.init.size, plan.init.align);
        match request(platform, size, align, &near_both, Purpose::Init) {
            Ok(init) => {
                let parts = Parts::apart(core, core_bytes, init.address(), init_bytes);
                Ok(Self { parts, init: Some(init) })
            }
            Err(AllocateError::OutOfReach) => {
                drop(core);
                let joined = plan.joined();
                let (size, align) = (joined.size, joined.align);
                let core = request(platform, size, align, &windows, Purpose::Joined)?;
                let parts = Parts::joined(core, short(joined.init_offset)?, init_bytes);
                Ok(Self { parts, init: None })
            }
            Err(AllocateError::Exhausted) => Err(AllocateError::Exhausted.into()),
        }
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

    /// Protects everything as its memory type asks while the init function runs.
    pub fn protect(self, plan: &Plan, page: u64) -> Result<Room<M::Protected>, ProtectError> {
        let Self { parts, init } = self;
        let mut runs = Runs::new();
        runs.add(&plan.core, 0, page);
        if init.is_none() {
            runs.add(&plan.init, parts.core_size.into(), page);
        }
        let parts = parts.protect(runs.all())?;
        let init = match init {
            Some(init) => {
                let mut runs = Runs::new();
                runs.add(&plan.init, 0, page);
                Some(init.protect(runs.all())?)
            }
            None => None,
        };
        Ok(Room { parts, init })
    }
}

/// How memory of a type is protected while the module's init function runs, and afterwards.
const fn protection(group: Group) -> (Protection, Protection) {
    match group {
        Group::Text => (Protection::Execute, Protection::Execute),
        Group::ReadOnly => (Protection::ReadOnly, Protection::ReadOnly),
        Group::ReadOnlyAfterInit => (Protection::ReadWrite, Protection::ReadOnly),
        Group::Data | Group::Zeroed => (Protection::ReadWrite, Protection::ReadWrite),
    }
}

/// The pages of a layout that are read-only once the init function has returned, and not before:
/// offsets of whole pages.
pub(crate) fn read_only_after_init(
    layout: &Layout,
    page: u64,
) -> impl Iterator<Item = Range<usize>> {
    Group::ALL.into_iter().filter_map(move |group| {
        let changes = protection(group) == (Protection::ReadWrite, Protection::ReadOnly);
        let range = layout.group(group);
        (changes && !range.is_empty()).then(|| pages(range, 0, page))
    })
}

/// The pages of a block that are not writable.
struct Runs {
    runs: [(Range<usize>, Protection); Self::MOST],
    count: usize,
}

impl Runs {
    /// Every memory type in both parts.
    const MOST: usize = 2 * Group::ALL.len();

    const fn new() -> Self {
        Self { runs: [const { (0..0, Protection::ReadWrite) }; Self::MOST], count: 0 }
    }

    /// Adds those of a layout that starts at this offset.
    fn add(&mut self, layout: &Layout, offset: u64, page: u64) {
        for group in Group::ALL {
            let (range, (protection, _)) = (layout.group(group), protection(group));
            if range.is_empty() || protection == Protection::ReadWrite {
                continue;
            }
            if let Some(run) = self.runs.get_mut(self.count) {
                *run = (pages(range, offset, page), protection);
                self.count = self.count.saturating_add(1);
            }
        }
    }

    fn all(&self) -> &[(Range<usize>, Protection)] {
        self.runs.get(..self.count).unwrap_or_default()
    }
}

/// The pages of a range, in bytes from the start of a block in which its layout starts at `offset`.
fn pages(range: Range<u64>, offset: u64, page: u64) -> Range<usize> {
    let end = align_up(range.end, page);
    offset.saturating_add(range.start) as usize..offset.saturating_add(end) as usize
}

/// A size as it is kept. A module has less than 4 GiB.
fn short(size: u64) -> Result<u32, AllocateError> {
    u32::try_from(size).map_err(|_| AllocateError::Exhausted)
}

/// Memory all of which is in a window, the first that has some.
fn request<P: Platform>(
    platform: &P,
    size: u64,
    align: u64,
    windows: &[RangeInclusive<u64>; 2],
    purpose: Purpose,
) -> Result<P::Memory, AllocateError> {
    for window in windows.iter().filter(|window| !window.is_empty()) {
        let request = MemoryRequest { size, align, window: window.clone(), purpose };
        match platform.allocate(&request) {
            Ok(memory) => {
                let start = memory.address();
                let last = start.saturating_add(size.saturating_sub(1));
                // A kernel that gives what was not asked for has nothing that could be used.
                if window.contains(&start) && window.contains(&last) {
                    return Ok(memory);
                }
            }
            Err(AllocateError::OutOfReach) => {}
            Err(AllocateError::Exhausted) => return Err(AllocateError::Exhausted),
        }
    }
    Err(AllocateError::OutOfReach)
}
