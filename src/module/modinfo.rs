//! What `.modinfo` has to say for a module to be loaded: its name.

use super::namespace::MAX_NAMESPACES;
use crate::arch::{Arch, Class};
use crate::image::ModInfo;
use core::fmt;

/// The longest name of a module in bytes: what Linux's `struct module` has room for, which is 64
/// bytes less a word and the NUL.
pub const fn max_name<A: Arch>() -> usize {
    match A::CLASS {
        Class::Elf32 => 59,
        Class::Elf64 => 55,
    }
}

/// Why a module is rejected for what `.modinfo` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModInfoProblem {
    /// `.modinfo` has no `name`.
    NoName,
    /// The name is empty or longer than [`max_name`]: this many bytes.
    NameLength(usize),
    /// It imports more than [`MAX_NAMESPACES`] namespaces.
    Namespaces,
    /// More names of loaded modules have the hash of its name than are looked through.
    Collision,
}

impl fmt::Display for ModInfoProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str(".modinfo has no name=, so this is not a module"),
            Self::NameLength(0) => f.write_str("its name is empty"),
            Self::NameLength(length) => write!(f, "its name is too long: {length} bytes"),
            Self::Namespaces => write!(f, "it imports more than {MAX_NAMESPACES} namespaces"),
            Self::Collision => f.write_str("its name has the hash of too many others"),
        }
    }
}

/// The name of a module.
pub(crate) fn name<'a, A: Arch>(modinfo: &ModInfo<'a>) -> Result<&'a [u8], ModInfoProblem> {
    let name = modinfo.get(b"name").ok_or(ModInfoProblem::NoName)?;
    if !(1..=max_name::<A>()).contains(&name.len()) {
        return Err(ModInfoProblem::NameLength(name.len()));
    }
    Ok(name)
}
