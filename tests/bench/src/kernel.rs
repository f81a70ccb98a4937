//! A kernel for modlink's loader: memory from the arena, the symbols of a real kernel, and modules
//! that are not run.

use crate::arena::Arena;
use crate::modules::Module;
use crate::symvers::Symvers;
use modlink::arch::X86_64;
use modlink::platform::{
    AllocateError, Faulted, Level, MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory,
    Protection, Provision, ReadOnlyPages, Refusal,
};
use modlink::symbols::{Ksymtab, KsymtabError, Symbol};
use modlink::{Loader, Platform};
use modlink_host::corpus;
use std::collections::HashMap;
use std::fmt;
use std::ops::{Range, RangeInclusive};

/// Where modules see the arena's first byte.
const MODULES: u64 = 0xffff_ffff_c000_0000;

/// The kernel.
#[derive(Debug)]
pub struct Kernel {
    arena: Arena,
    ksymtab: Ksymtab,
}

impl Kernel {
    /// A loader in a kernel that exports these symbols.
    pub fn boot(arena: Arena, ksymtab: Ksymtab) -> Loader<Self> {
        Loader::new(Self { arena, ksymtab })
    }
}

/// Memory out of the arena; it is never freed.
#[derive(Debug)]
pub struct Room {
    start: *mut u8,
    size: usize,
    address: u64,
    read_only: ReadOnlyPages,
}

// SAFETY: the memory belongs to this value alone.
unsafe impl Send for Room {}
// SAFETY: it is changed through a mutable reference only.
unsafe impl Sync for Room {}

// SAFETY: the arena has given these bytes to nobody else.
unsafe impl ModuleMemory for Room {
    type Protected = Self;

    const PAGE_SIZE: u64 = 4096;

    fn address(&self) -> u64 {
        self.address
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.size) }
    }

    fn protect(mut self, pages: &[(Range<usize>, Protection)]) -> Result<Self, ProtectError> {
        self.read_only = ReadOnlyPages::of(pages);
        Ok(self)
    }
}

// SAFETY: the arena has given these bytes to nobody else, and no module runs.
unsafe impl ProtectedMemory for Room {
    fn address(&self) -> u64 {
        self.address
    }

    fn read_only(&self, range: Range<usize>) -> Option<&[u8]> {
        if !self.read_only.contain(&range) || range.end > self.size {
            return None;
        }
        // SAFETY: these bytes are in the room.
        Some(unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) })
    }

    fn make_read_only(&self, _: Range<usize>) -> Result<(), ProtectError> {
        Ok(())
    }
}

// SAFETY: no module runs, and the arena gives memory to nobody else.
unsafe impl Platform for Kernel {
    type Arch = X86_64;
    type Memory = Room;

    fn kernel(&self) -> RangeInclusive<u64> {
        0xffff_ffff_8100_0000..=0xffff_ffff_82ff_ffff
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<Room, AllocateError> {
        let size = request.size as usize;
        let start = self.arena.take(size, request.align as usize);
        let address = MODULES + self.arena.offset(start) as u64;
        Ok(Room { start, size, address, read_only: ReadOnlyPages::default() })
    }

    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        Ok(self.ksymtab.find(name))
    }

    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    /// Discards it: what a log costs is not the loader's.
    fn log(&self, _: Level, _: fmt::Arguments<'_>) {}

    unsafe fn call_init(&self, _: u64) -> Result<i32, Faulted> {
        Ok(0)
    }

    unsafe fn call_exit(&self, _: u64) -> Result<(), Faulted> {
        Ok(())
    }

    fn section(&self, _: &str) -> Provision {
        Provision::LossAccepted
    }
}

/// The modules in an order in which each comes after those whose symbols it uses.
pub fn in_order<'m>(modules: &'m [Module], symvers: &Symvers) -> Vec<&'m Module> {
    let by_owner: HashMap<String, usize> = modules
        .iter()
        .enumerate()
        .filter_map(|(index, module)| Some((module.owner()?, index)))
        .collect();
    let by_name: HashMap<&[u8], usize> = symvers
        .modules
        .iter()
        .filter_map(|(name, owner)| Some((name.as_bytes(), *by_owner.get(owner)?)))
        .collect();
    let mut order = Vec::new();
    let mut seen = vec![false; modules.len()];
    for index in 0..modules.len() {
        visit(index, modules, &by_name, &mut seen, &mut order);
    }
    order
}

fn visit<'m>(
    index: usize,
    modules: &'m [Module],
    by_name: &HashMap<&[u8], usize>,
    seen: &mut [bool],
    order: &mut Vec<&'m Module>,
) {
    if std::mem::replace(&mut seen[index], true) {
        return;
    }
    for name in corpus::undefined_symbols(&modules[index].file) {
        if let Some(used) = by_name.get(name.as_bytes()) {
            visit(*used, modules, by_name, seen, order);
        }
    }
    order.push(&modules[index]);
}
