//! `/proc/kallsyms`: a line for each symbol.

use super::{Addresses, Word};
use crate::arch::{Arch, Class};
use crate::loader::Loader;
use crate::platform::Platform;
use core::fmt::{self, Write};

/// A symbol of the kernel's own, as it is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelLine<'k> {
    /// Its address.
    pub address: u64,
    /// What it is, by the letter that `nm` has for that: a capital one if it is exported.
    pub kind: char,
    /// Its name.
    pub name: &'k [u8],
}

/// The symbols as `/proc/kallsyms` has them: the kernel's, and then those of each module, the one loaded last
/// first, as [`Module::kallsyms`](crate::Module::kallsyms) has them. In each line are
///
/// 1. the address, in as many digits as it can have,
/// 2. a letter for what it is; of a module's symbol the [one](crate::module::Kallsym::kind) that it has, but a capital one if
///    it is exported, and not only to modules under a licence compatible with the GPL, as in Linux 6.1,
/// 3. the name,
/// 4. after a tab, if it is a module's, the name of that in brackets.
///
/// The text may have millions of bytes. Who reads it a part at a time with [`read_at`](super::read_at) has
/// all that is before that part made too.
///
/// # Errors
/// As those of `out`.
pub fn kallsyms<'k, P: Platform>(
    loader: &Loader<P>,
    kernel: impl IntoIterator<Item = KernelLine<'k>>,
    addresses: Addresses,
    out: &mut dyn Write,
) -> fmt::Result {
    let line = |address: u64, kind: char, name: &[u8], out: &mut dyn Write| {
        let address = if addresses == Addresses::Shown { address } else { 0 };
        let digits = match P::Arch::CLASS {
            Class::Elf32 => 8,
            Class::Elf64 => 16,
        };
        write!(out, "{address:0digits$x} {kind} {}", Word(name))
    };
    for KernelLine { address, kind, name } in kernel {
        line(address, kind, name, out)?;
        out.write_char('\n')?;
    }
    loader.listing(|listing| {
        for module in listing.modules() {
            for symbol in module.kallsyms() {
                let is_exported = listing.is_exported(module, symbol.name, symbol.address);
                let kind = symbol.kind;
                let kind = if is_exported { kind.to_ascii_uppercase() } else { kind };
                line(symbol.address, kind, symbol.name, out)?;
                writeln!(out, "\t[{}]", Word(module.name().as_bytes()))?;
            }
        }
        Ok(())
    })
}
