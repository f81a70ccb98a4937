//! Who a module says it is: its name, its licence, the namespaces that it imports.

use crate::arch::{Arch, Container};
use crate::error::ImportProblem;
use crate::image::ModInfo;
use crate::symbols::Symbol;
use core::fmt;

/// The longest name of a module in bytes: what Linux's `struct module` has room for, which is 64
/// bytes less a word and the NUL.
pub const fn max_name<A: Arch>() -> usize {
    match A::CLASS {
        Container::Little => 59,
        Container::Big => 55,
    }
}

/// The licences that Linux takes as compatible with the GPL (`license_is_gpl_compatible`).
const GPL_COMPATIBLE: [&[u8]; 6] = [
    b"GPL",
    b"GPL v2",
    b"GPL and additional rights",
    b"Dual BSD/GPL",
    b"Dual MIT/GPL",
    b"Dual MPL/GPL",
];

/// What `.modinfo` says of a module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub name: &'a [u8],
    pub gpl_compatible: bool,
    modinfo: ModInfo<'a>,
}

/// Why a module cannot be identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityProblem {
    /// `.modinfo` has no `name`.
    NoName,
    /// The name is empty or longer than [`max_name`]: so many bytes.
    NameLength(usize),
}

impl fmt::Display for IdentityProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str(".modinfo has no name=, so this is not a module"),
            Self::NameLength(0) => f.write_str("its name is empty"),
            Self::NameLength(length) => write!(f, "its name is too long: {length} bytes"),
        }
    }
}

impl<'a> Identity<'a> {
    pub fn of<A: Arch>(modinfo: &ModInfo<'a>) -> Result<Self, IdentityProblem> {
        let name = modinfo.get(b"name").ok_or(IdentityProblem::NoName)?;
        if !(1..=max_name::<A>()).contains(&name.len()) {
            return Err(IdentityProblem::NameLength(name.len()));
        }
        let license = modinfo.get(b"license").unwrap_or_default();
        let gpl_compatible = GPL_COMPATIBLE.contains(&license);
        Ok(Self { name, gpl_compatible, modinfo: *modinfo })
    }

    /// Whether the module may use a symbol.
    ///
    /// # Errors
    /// [`ImportProblem::GplOnly`] and [`ImportProblem::Namespace`].
    pub fn may_use(&self, symbol: &Symbol<'_>) -> Result<(), ImportProblem> {
        if symbol.gpl_only && !self.gpl_compatible {
            return Err(ImportProblem::GplOnly);
        }
        let mut imported = self.modinfo.all(b"import_ns");
        if !symbol.namespace.is_empty() && !imported.any(|name| name == symbol.namespace) {
            return Err(ImportProblem::Namespace(symbol.namespace.into()));
        }
        Ok(())
    }
}
