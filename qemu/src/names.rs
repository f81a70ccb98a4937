//! What there is at an address.

use crate::kernel::LOADER;

/// Prints what there is at an address: `name+0x12/0x40 [module]`, or `module+0x12` where no symbol's name is
/// kept; nothing if it is no module's. From any context.
pub fn print(address: usize) {
    let address = address as u64;
    if LOADER.symbolize(address, |symbol| print!("{symbol}")).is_some() {
        return;
    }
    if let Some((module, offset)) = LOADER.locate(address) {
        print!("{module}+{offset:#x}");
    }
}
