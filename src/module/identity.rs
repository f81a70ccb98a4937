//! Who a module says it is: its name, and what else is in `.modinfo`.

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

/// What `.modinfo` says of a module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub name: &'a [u8],
    pub modinfo: ModInfo<'a>,
}

/// Why a module cannot be identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityProblem {
    /// `.modinfo` has no `name`.
    NoName,
    /// The name is empty or longer than [`max_name`]: so many bytes.
    NameLength(usize),
    /// It imports more than [`MAX_NAMESPACES`] namespaces.
    Namespaces,
    /// So many names of loaded modules collide with its name that finding it would take too long.
    Collision,
}

impl fmt::Display for IdentityProblem {
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

impl<'a> Identity<'a> {
    pub fn of<A: Arch>(modinfo: &ModInfo<'a>) -> Result<Self, IdentityProblem> {
        let name = modinfo.get(b"name").ok_or(IdentityProblem::NoName)?;
        if !(1..=max_name::<A>()).contains(&name.len()) {
            return Err(IdentityProblem::NameLength(name.len()));
        }
        Ok(Self { name, modinfo: *modinfo })
    }
}
