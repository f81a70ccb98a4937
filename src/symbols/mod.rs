//! The symbols that modules may use: the kernel's own table and what modules export.

mod bare_returns;
mod builtin;
mod exports;
mod index;
#[cfg(feature = "versions")]
pub mod symvers;

pub use builtin::{KernelSymbol, Ksymtab, KsymtabError};
pub use exports::{ExportProblem, KsymtabFormat, MAX_OUTSIDE};
pub(crate) use exports::{ExportTables, Exports};
pub(crate) use index::{Index, hash};

/// An exported symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Symbol<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its address.
    pub address: u64,
    /// Whether only modules under a licence compatible with the GPL may use it.
    pub gpl_only: bool,
    /// The namespace that a module has to import to use it; empty if it is in none.
    pub namespace: &'a [u8],
    /// Its version: a CRC of its type, which modules that use it were compiled for. `None` if it has
    /// none, so that nothing is compared.
    #[cfg(feature = "versions")]
    pub crc: Option<u32>,
}

impl<'a> Symbol<'a> {
    /// A symbol for every module, in no namespace, without a version.
    pub const fn new(name: &'a [u8], address: u64) -> Self {
        Self {
            name,
            address,
            gpl_only: false,
            namespace: b"",
            #[cfg(feature = "versions")]
            crc: None,
        }
    }

    /// The same for modules under a licence compatible with the GPL alone.
    pub const fn gpl_only(self) -> Self {
        Self { gpl_only: true, ..self }
    }

    /// The same in a namespace, which a module has to import.
    pub const fn in_namespace(self, namespace: &'a [u8]) -> Self {
        Self { namespace, ..self }
    }

    /// The same with a version.
    #[cfg(feature = "versions")]
    pub const fn with_crc(self, crc: u32) -> Self {
        Self { crc: Some(crc), ..self }
    }
}
