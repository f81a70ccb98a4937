//! Functions that the console makes up: they return a constant, and modules can call them in the
//! place of what this kernel does not have.

use crate::kernel;
use crate::machine::{Access, Machine, This};
use crate::memory::region::Pages;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;
use modlink::symbols::Symbol;
use spin::Mutex;

struct Stub {
    name: &'static [u8],
    code: Pages,
}

static STUBS: Mutex<BTreeMap<Vec<u8>, Stub>> = Mutex::new(BTreeMap::new());

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
    if kernel::exports(name.as_bytes()) || stubs.contains_key(name.as_bytes()) {
        return Err(NoStub::Exists);
    }
    let bytes = This::returning(value);
    let bytes = bytes.as_ref();
    let mut code = Pages::take(bytes.len(), 1, &(0..=usize::MAX)).map_err(|_| NoStub::Memory)?;
    code.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
    code.protect(0..code.range().len(), Access::Execute).ok_or(NoStub::Memory)?;
    let name: &'static [u8] = Vec::from(name).leak();
    stubs.insert(name.into(), Stub { name, code });
    Ok(())
}

/// The stub of that name.
pub fn find(name: &[u8]) -> Option<Symbol<'static>> {
    let stubs = STUBS.lock();
    let stub = stubs.get(name)?;
    let address = stub.code.range().start as u64;
    Some(Symbol { name: stub.name, address, gpl_only: false, namespace: b"" })
}

/// Calls `visit` with the name and the pages of each stub.
pub fn for_each(mut visit: impl FnMut(&[u8], Range<usize>)) {
    STUBS.lock().values().for_each(|stub| visit(stub.name, stub.code.range()));
}
