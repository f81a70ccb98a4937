//! Functions that the console makes up: they return a constant, and modules can call them in the
//! place of what this kernel does not have.

use crate::context::Shared;
use crate::kernel::{self, LOADER};
use crate::machine::{Machine, This};
use crate::memory::region::{Protected, REGION};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr;
use modlink::platform::{MemoryRequest, ModuleMemory, ProtectedMemory, Protection, Purpose};
use modlink::symbols::{KernelSymbol, Ksymtab, Symbol};

static STUBS: Shared<Stubs> =
    Shared::new(Stubs { functions: BTreeMap::new(), names: BTreeMap::new(), tables: Vec::new() });

struct Stubs {
    /// The functions, by what they return.
    functions: BTreeMap<usize, Protected>,
    /// What stands for the names that were given one by one.
    names: BTreeMap<&'static [u8], Stub>,
    /// The tables of names that were given together.
    tables: Vec<Ksymtab>,
}

#[derive(Clone, Copy)]
struct Stub {
    address: usize,
    /// The version that a function of the name has in the build of Linux.
    crc: Option<u32>,
}

/// Why there is no such stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStub {
    /// The kernel exports a symbol of that name already.
    Exists,
    /// There is no memory for it.
    Memory,
}

/// Makes the kernel export a function `name` that returns `value`, for ever.
///
/// # Errors
/// [`NoStub`] says why it is not.
pub fn add(name: &str, value: usize) -> Result<(), NoStub> {
    if kernel::exports(name.as_bytes()) || find(name.as_bytes()).is_some() {
        return Err(NoStub::Exists);
    }
    STUBS.with(|stubs| {
        let address = stubs.returning(value)?;
        let mut versions = kernel::versions().iter();
        let crc = versions.find(|(versioned, _)| *versioned == name).map(|(_, crc)| *crc);
        stubs.names.insert(Vec::from(name).leak(), Stub { address, crc });
        Ok(())
    })
}

/// Exports a function that returns 0 under each of these names that nobody exports yet: a table as
/// large as that of a real kernel. How many there are.
///
/// # Errors
/// [`NoStub::Memory`].
pub fn add_missing(names: impl Iterator<Item = &'static str>) -> Result<usize, NoStub> {
    let mut names: Vec<&'static str> =
        names.filter(|name| LOADER.symbol(name.as_bytes()).is_none()).collect();
    // A table has no symbol twice.
    names.sort_unstable();
    names.dedup();
    let address = ptr::with_exposed_provenance(STUBS.with(|stubs| stubs.returning(0))?);
    // SAFETY: the function is there, and stays.
    let symbol = |name| unsafe { KernelSymbol::new(name, address) };
    let symbols: Vec<KernelSymbol> = names.into_iter().map(symbol).collect();
    let count = symbols.len();
    let table = Ksymtab::new(symbols.leak()).expect("each name is there once");
    let table = table.with_versions(kernel::versions()).map_err(|_| NoStub::Memory)?;
    STUBS.with(|stubs| stubs.tables.push(table));
    Ok(count)
}

/// The stub of that name. For any context: an interrupt can look symbols up.
pub fn find(name: &[u8]) -> Option<Symbol<'static>> {
    STUBS.with(|stubs| {
        stubs.named(name).or_else(|| stubs.tables.iter().find_map(|table| table.find(name)))
    })
}

/// Calls `visit` for each function that stubs share, with what it returns and its pages.
pub fn for_each(mut visit: impl FnMut(usize, Range<usize>)) {
    STUBS.with(|stubs| {
        for (value, code) in &stubs.functions {
            let start = code.address() as usize;
            visit(*value, start..start + This::PAGE_SIZE);
        }
    });
}

impl Stubs {
    /// The stub of that name, if it was given alone.
    fn named(&self, name: &[u8]) -> Option<Symbol<'static>> {
        let (name, stub) = self.names.get_key_value(name)?;
        let symbol = Symbol::new(name, stub.address as u64);
        Some(stub.crc.map_or(symbol, |crc| symbol.with_crc(crc)))
    }

    /// The address of a function that returns `value`.
    fn returning(&mut self, value: usize) -> Result<usize, NoStub> {
        if let Some(code) = self.functions.get(&value) {
            return Ok(code.address() as usize);
        }
        let instructions = This::returning(value);
        let instructions = instructions.as_ref();
        let page = This::PAGE_SIZE as u64;
        let (window, purpose) = (0..=u64::MAX, Purpose::Core);
        let one_page = MemoryRequest { size: page, align: page, window, purpose };
        let mut memory = REGION.allocate(&one_page).map_err(|_| NoStub::Memory)?;
        let bytes = memory.bytes_mut();
        bytes.fill(0);
        bytes[..instructions.len()].copy_from_slice(instructions);
        let code = memory.protect(&[(0..This::PAGE_SIZE, Protection::Execute)]);
        let code = code.map_err(|_| NoStub::Memory)?;
        let address = code.address() as usize;
        self.functions.insert(value, code);
        Ok(address)
    }
}
