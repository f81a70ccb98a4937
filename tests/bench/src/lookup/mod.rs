//! Ways to find an exported symbol by name.

mod binary;
mod eytzinger;
mod hash;
mod open;
mod perfect;

pub use binary::Binary;
pub use eytzinger::Eytzinger;
pub use hash::{Fnv, HashName, Words};
pub use open::{Indices, Open, Slot, Tagged};
pub use perfect::Perfect;

use modlink::symbols::{KernelSymbol, Ksymtab};

/// A symbol and its name, in a record of the size that modlink's has.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Export {
    /// The address.
    pub address: u64,
    /// The name.
    pub name: &'static str,
    /// Here as it is in modlink's record.
    pub namespace: Option<&'static &'static str>,
    /// As above.
    pub gpl_only: bool,
}

impl Export {
    /// A symbol in no namespace.
    pub const fn new(address: u64, name: &'static str, gpl_only: bool) -> Self {
        Self { address, name, namespace: None, gpl_only }
    }
}

/// A way to find symbols.
pub trait Find {
    /// The address of the symbol of that name.
    fn find(&self, name: &[u8]) -> Option<u64>;

    /// The bytes that it keeps beside the records and the names, if it says.
    fn bytes(&self) -> Option<usize>;
}

/// modlink's own table.
impl Find for Ksymtab {
    #[inline]
    fn find(&self, name: &[u8]) -> Option<u64> {
        Self::find(self, name).map(|symbol| symbol.address)
    }

    fn bytes(&self) -> Option<usize> {
        None
    }
}

/// modlink's own table of these symbols.
pub fn ksymtab(exports: &[Export]) -> Ksymtab {
    let symbol = |export: &Export| {
        let address = std::ptr::without_provenance(export.address as usize);
        // SAFETY: nobody uses what is there.
        let symbol = unsafe { KernelSymbol::new(export.name, address) };
        if export.gpl_only { symbol.gpl_only() } else { symbol }
    };
    Ksymtab::new(exports.iter().map(symbol).collect::<Vec<_>>().leak())
        .expect("no name is there twice")
}
