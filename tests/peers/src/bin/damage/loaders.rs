//! The loaders, as functions of one type. They get memory between guard pages, and find symbols in
//! one table.

use crate::memory;
use modlink_peers::elf_loader::Symbols;
use modlink_peers::{Kernel, elf_loader, kmod_loader, modlink};
use std::collections::HashMap;
use std::mem::forget;
use std::sync::OnceLock;

/// The lowest address of a symbol, below the memory for modules.
const FIRST: u64 = 0x0800_0000;
const SPACING: u64 = 16;

static SYMBOLS: OnceLock<HashMap<Vec<u8>, u64>> = OnceLock::new();

/// A loader: whether it takes a file.
pub type Load = fn(&[u8]) -> bool;

/// All of them, by their names.
pub const ALL: [(&str, Load); 3] = [
    ("modlink", |file| modlink::load(file, &Guarded).is_some()),
    ("kmod-loader 0.3.1", |file| kmod_loader::load::<Guarded>(file).map(forget).is_some()),
    ("elf_loader 0.18.0", |file| {
        elf_loader::load("module", file, &Guarded, Symbols(&Guarded)).map(forget).is_some()
    }),
];

/// Gives each of these names an address.
pub fn define(names: impl IntoIterator<Item = String>) {
    let addresses = (0..).map(|index| FIRST + SPACING * index);
    let names = names.into_iter().map(String::into_bytes);
    SYMBOLS.get_or_init(|| names.zip(addresses).collect());
}

/// A kernel whose memory shows what is written beside it.
struct Guarded;

// SAFETY: the memory is given to nobody else and never freed.
unsafe impl Kernel for Guarded {
    fn current() -> &'static Self {
        &Self
    }

    fn take(&self, size: usize, align: usize) -> *mut u8 {
        memory::take(size, align)
    }

    fn take_cleared(&self, size: usize) -> *mut u8 {
        memory::take(size, 1)
    }

    fn symbol(&self, name: &[u8]) -> Option<u64> {
        SYMBOLS.get()?.get(name).copied()
    }
}
