//! Functions that the console makes up: they return a constant, and modules can call them in the
//! place of what this kernel does not have.

use crate::kernel::{self, LOADER};
use crate::machine::{Access, Machine, This};
use crate::memory::region::Pages;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;
use modlink::symbols::Symbol;
use spin::Mutex;

static STUBS: Mutex<Stubs> =
    Mutex::new(Stubs { functions: BTreeMap::new(), names: BTreeMap::new() });

struct Stubs {
    /// The functions, by what they return.
    functions: BTreeMap<usize, Pages>,
    /// The addresses that the names stand for.
    names: BTreeMap<&'static [u8], usize>,
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
    let mut stubs = STUBS.lock();
    if kernel::exports(name.as_bytes()) || stubs.names.contains_key(name.as_bytes()) {
        return Err(NoStub::Exists);
    }
    stubs.add(Vec::from(name).leak(), value)
}

/// Exports a function that returns 0 under each of these names that nobody exports yet. How many
/// there are.
///
/// # Errors
/// [`NoStub::Memory`].
pub fn add_missing(names: impl Iterator<Item = &'static str>) -> Result<usize, NoStub> {
    let mut count = 0;
    for name in names.filter(|name| LOADER.symbol(name.as_bytes()).is_none()) {
        STUBS.lock().add(name.as_bytes(), 0)?;
        count += 1;
    }
    Ok(count)
}

/// The stub of that name.
pub fn find(name: &[u8]) -> Option<Symbol<'static>> {
    let stubs = STUBS.lock();
    let (name, address) = stubs.names.get_key_value(name)?;
    Some(Symbol { name, address: *address as u64, gpl_only: false, namespace: b"" })
}

/// Calls `visit` for each function that stubs share, with what it returns and its pages.
pub fn for_each(mut visit: impl FnMut(usize, Range<usize>)) {
    STUBS.lock().functions.iter().for_each(|(value, code)| visit(*value, code.range()));
}

impl Stubs {
    fn add(&mut self, name: &'static [u8], value: usize) -> Result<(), NoStub> {
        let address = self.returning(value)?;
        self.names.insert(name, address);
        Ok(())
    }

    /// The address of a function that returns `value`.
    fn returning(&mut self, value: usize) -> Result<usize, NoStub> {
        if let Some(code) = self.functions.get(&value) {
            return Ok(code.range().start);
        }
        let bytes = This::returning(value);
        let bytes = bytes.as_ref();
        let code = Pages::take(bytes.len(), 1, &(0..=usize::MAX));
        let mut code = code.map_err(|_| NoStub::Memory)?;
        code.bytes_mut().fill(0);
        code.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        code.protect(0..code.range().len(), Access::Execute).ok_or(NoStub::Memory)?;
        let address = code.range().start;
        self.functions.insert(value, code);
        Ok(address)
    }
}
