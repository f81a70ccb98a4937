//! What there is at an address.

use crate::kernel::LOADER;

/// Prints whose an address is, `module+offset`; nothing if it is no module's.
pub fn print(address: usize) {
    if let Some((module, offset)) = LOADER.locate(address as u64) {
        print!("{module}+{offset:#x}");
    }
}
