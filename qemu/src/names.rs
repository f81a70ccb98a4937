//! What there is at an address.

use crate::kernel::{LOADER, exported};
use crate::machine::{Machine, This};
use alloc::vec::Vec;
use core::ops::Range;
use modlink::module::Symbolized;
use modlink::text::KernelLine;

/// Prints what there is at an address: `name+0x12/0x40 [module]`, or `module+0x12` where no symbol's name is
/// kept; nothing if nobody knows. From any context.
pub fn print(address: usize) {
    print_as(address, address);
}

/// Prints the same of an address to which a function returns: what has called it. That is before the address, which
/// may be that of the next function, if what was called does not return.
pub fn print_return(address: usize) {
    print_as(address.wrapping_sub(1), address);
}

/// Prints what there is at the first address, and how far from its start the second one is.
fn print_as(at: usize, address: usize) {
    let (at, address) = (at as u64, address as u64);
    if LOADER.symbolize(at, |one| print!("{}", Symbolized { address, ..*one })).is_some() {
        return;
    }
    if let Some((module, offset)) = LOADER.locate(at) {
        print!("{module}+{:#x}", offset + (address - at));
    }
}

/// The kernel's symbol that an address belongs to. It knows of those that it exports, so that the nearest one
/// before is not always the right one.
pub fn of_kernel(address: u64) -> Option<Symbolized<'static>> {
    let part = parts().into_iter().map(|(part, _)| part).find(|part| part.contains(&address))?;
    let symbols = || exported().filter(|symbol| part.contains(&symbol.address));
    let before = symbols().filter(|symbol| symbol.address <= address);
    let symbol = before.max_by_key(|symbol| symbol.address)?;
    let after = symbols().map(|symbol| symbol.address).filter(|after| *after > address);
    let size = after.min().unwrap_or(part.end) - symbol.address;
    Some(Symbolized::of_kernel(address, symbol.name, symbol.address, size))
}

/// The kernel's lines of `/proc/kallsyms`, by address.
pub fn kernel_lines() -> impl Iterator<Item = KernelLine<'static>> {
    let mut symbols: Vec<_> = exported().collect();
    symbols.sort_unstable_by_key(|symbol| symbol.address);
    symbols.into_iter().map(|symbol| {
        let (name, address) = (symbol.name, symbol.address);
        let part = parts().into_iter().find(|(part, _)| part.contains(&address));
        KernelLine { address, kind: part.map_or('A', |(_, kind)| kind), name }
    })
}

/// The parts of the kernel, and the letter for what is exported of each.
fn parts() -> [(Range<u64>, char); 3] {
    let (text, rodata, end) = (This::text(), This::rodata(), *This::kernel().end() + 1);
    let data = rodata.end..end;
    [(text, 'T'), (rodata, 'R'), (data, 'D')]
        .map(|(part, kind)| (part.start as u64..part.end as u64, kind))
}
