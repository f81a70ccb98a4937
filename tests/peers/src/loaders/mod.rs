//! The loaders, each behind the same function. Symbols are found in one table for all.

mod elf_loader;
mod kmod_loader;
mod modlink;

use std::collections::HashMap;
use std::sync::OnceLock;

/// The lowest address of a symbol, below the memory for modules.
const FIRST: u64 = 0x0800_0000;
const SPACING: u64 = 16;

static SYMBOLS: OnceLock<HashMap<Vec<u8>, u64>> = OnceLock::new();

/// A loader: whether it takes a file.
pub type Load = fn(&[u8]) -> bool;

/// All of them, by their names.
pub const ALL: [(&str, Load); 3] = [
    ("modlink", modlink::load),
    ("kmod-loader 0.3.1", kmod_loader::load),
    ("elf_loader 0.18.0", elf_loader::load),
];

/// Gives each of these names an address.
pub fn define(names: impl IntoIterator<Item = String>) {
    let addresses = (0..).map(|index| FIRST + SPACING * index);
    let names = names.into_iter().map(String::into_bytes);
    SYMBOLS.get_or_init(|| names.zip(addresses).collect());
}

fn symbol(name: &[u8]) -> Option<u64> {
    SYMBOLS.get()?.get(name).copied()
}
