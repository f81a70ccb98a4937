//! Memory for a module that is being linked: where it may lie, and how it is protected.

use super::parts::Parts;
use super::reach::Span;
use crate::error::LoadError;
use crate::link::{Block, Group, Layout, Plan, align_up};
use crate::platform::{
    AllocateError, MemoryRequest, ModuleMemory, Platform, ProtectError, Protection, Purpose,
};
use core::ops::Range;

/// Memory for both parts of a module. Dropping it gives all back.
#[derive(Debug)]
pub(crate) struct Room<M> {
    core: M,
    core_size: u32,
    init: InitRoom<M>,
    init_size: u32,
}

/// Where there is room for the init part.
#[derive(Debug)]
enum InitRoom<M> {
    /// There is no init part.
    None,
    /// In memory of its own.
    Apart(M),
    /// In the block of the core part, after it.
    Joined,
}

/// Memory of a module that is ready to run.
#[derive(Debug)]
pub(crate) struct Ready<M> {
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
        if near_kernel.windows::<P::Arch>(&modules).next().is_none() {
            return Err(LoadError::unreachable(kernel, modules));
        }
        Self::near(platform, plan, near_kernel).map_err(LoadError::from)
    }

    fn near<P: Platform<Memory = M>>(
        platform: &P,
        plan: &Plan,
        kernel: Span,
    ) -> Result<Self, AllocateError> {
        let core_size = plan.core.size.max(P::PAGE_SIZE);
        let core = request(platform, core_size, plan.core.align, kernel, Purpose::Core)?;
        let (core_size, init_size) = (short(core_size)?, short(plan.init.size)?);
        if init_size == 0 {
            return Ok(Self { core, core_size, init: InitRoom::None, init_size });
        }
        let near_both = kernel.with::<P::Arch>(span(&core, core_size.into()));
        let (size, align) = (plan.init.size, plan.init.align);
        match request(platform, size, align, near_both, Purpose::Init) {
            Ok(init) => Ok(Self { core, core_size, init: InitRoom::Apart(init), init_size }),
            Err(AllocateError::OutOfReach) => {
                drop(core);
                let joined = plan.joined();
                let (size, align) = (joined.size, joined.align);
                let core = request(platform, size, align, kernel, Purpose::Joined)?;
                let core_size = short(joined.init_offset)?;
                Ok(Self { core, core_size, init: InitRoom::Joined, init_size })
            }
            Err(AllocateError::Exhausted) => Err(AllocateError::Exhausted),
        }
    }

    /// The blocks in which the core and the init part are written.
    pub fn blocks(&mut self) -> (Block<'_>, Block<'_>) {
        let address = self.core.address();
        let bytes = self.core.bytes_mut();
        let (core, init, init_address) = match &mut self.init {
            InitRoom::None => (bytes, &mut [][..], 0),
            InitRoom::Apart(init) => {
                let address = init.address();
                (bytes, init.bytes_mut(), address)
            }
            InitRoom::Joined => {
                let (core, init) = bytes.split_at_mut(bytes.len().min(self.core_size as usize));
                (core, init, address.wrapping_add(self.core_size.into()))
            }
        };
        (Block { address, bytes: core }, Block { address: init_address, bytes: init })
    }

    /// Protects everything as its memory type asks while the init function runs.
    pub fn protect(self, plan: &Plan, page: u64) -> Result<Ready<M::Protected>, ProtectError> {
        let Self { core, core_size, init, init_size } = self;
        let mut runs = Runs::new();
        runs.add(&plan.core, 0, page);
        Ok(match init {
            InitRoom::None => {
                let parts = Parts::apart(core.protect(runs.all())?, core_size, 0, init_size);
                Ready { parts, init: None }
            }
            InitRoom::Apart(init) => {
                let core = core.protect(runs.all())?;
                let mut runs = Runs::new();
                runs.add(&plan.init, 0, page);
                let address = init.address();
                let init = init.protect(runs.all())?;
                let parts = Parts::apart(core, core_size, address, init_size);
                Ready { parts, init: Some(init) }
            }
            InitRoom::Joined => {
                runs.add(&plan.init, core_size.into(), page);
                let parts = Parts::joined(core.protect(runs.all())?, core_size, init_size);
                Ready { parts, init: None }
            }
        })
    }
}

/// How memory of a type is protected while the module's init function runs, and afterwards.
fn protection(group: Group) -> (Protection, Protection) {
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

/// The pages of a block that are not to stay writable.
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

/// The addresses of a block.
fn span<M: ModuleMemory>(memory: &M, size: u64) -> Span {
    Span::new(memory.address(), size.saturating_sub(1))
}

/// Memory from which every byte of `near` is within reach, in the first window that has some.
fn request<P: Platform>(
    platform: &P,
    size: u64,
    align: u64,
    near: Span,
    purpose: Purpose,
) -> Result<P::Memory, AllocateError> {
    for window in near.windows::<P::Arch>(&platform.module_range()) {
        let (first, last) = (*window.start(), *window.end());
        match platform.allocate(&MemoryRequest { size, align, window, purpose }) {
            Ok(memory) => {
                let start = memory.address();
                let end = start.checked_add(size.saturating_sub(1));
                // A kernel that gives what was not asked for has nothing that could be used.
                if start >= first && end.is_some_and(|end| end <= last) {
                    return Ok(memory);
                }
            }
            Err(AllocateError::OutOfReach) => {}
            Err(AllocateError::Exhausted) => return Err(AllocateError::Exhausted),
        }
    }
    Err(AllocateError::OutOfReach)
}
