//! The kernel's own table of exported symbols.
//!
//! [`export!`](crate::export) puts each symbol into a section of its own, `.ksymtab.NAME`, and the
//! kernel's linker script sorts them:
//!
//! ```text
//! __start_ksymtab = .;
//! KEEP(*(SORT_BY_NAME(.ksymtab.*)))
//! __stop_ksymtab = .;
//! ```

use super::Symbol;
use super::index::{Index, hash};

/// An entry of the kernel's table, as [`export!`](crate::export) makes it.
#[derive(Debug)]
#[repr(C)]
pub struct KernelSymbol {
    address: *const u8,
    name: &'static str,
    gpl_only: bool,
}

// SAFETY: the pointer is only ever turned into a number.
unsafe impl Sync for KernelSymbol {}
// SAFETY: as above.
unsafe impl Send for KernelSymbol {}

impl KernelSymbol {
    /// An entry; for [`export!`](crate::export).
    pub const fn new(address: *const u8, name: &'static str, gpl_only: bool) -> Self {
        Self { address, name, gpl_only }
    }
}

/// The kernel's own exported symbols, sorted by name, with an index by which they are found.
#[derive(Debug)]
pub struct Ksymtab {
    symbols: &'static [KernelSymbol],
    /// Without it, because the heap had no room, they are looked at one by one.
    index: Option<Index>,
}

/// The entries of a kernel's table do not ascend strictly: the linker script does not sort them,
/// or a symbol is exported twice. Holds the name at which that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSorted(pub &'static str);

impl Ksymtab {
    /// The table of entries that stand in `symbols`. To be made once, when the kernel has a heap:
    /// the index takes six bytes of it for a symbol.
    ///
    /// # Errors
    /// [`NotSorted`], since only in a sorted table does it show that no symbol is there twice.
    pub fn new(symbols: &'static [KernelSymbol]) -> Result<Self, NotSorted> {
        let mut pairs = symbols.iter().zip(symbols.iter().skip(1));
        if let Some((_, next)) = pairs.find(|(symbol, next)| symbol.name >= next.name) {
            return Err(NotSorted(next.name));
        }
        Ok(Self { symbols, index: index(symbols) })
    }

    /// The table between two addresses, which the kernel's linker script defines.
    ///
    /// # Errors
    /// [`NotSorted`], as for [`new`](Self::new).
    ///
    /// # Safety
    /// Between `start` and `end` lie entries that [`export!`](crate::export) made and nothing else.
    pub unsafe fn between(
        start: *const KernelSymbol,
        end: *const KernelSymbol,
    ) -> Result<Self, NotSorted> {
        let bytes = (end as usize).saturating_sub(start as usize);
        let count = bytes.checked_div(size_of::<KernelSymbol>()).unwrap_or(0);
        // SAFETY: the caller vouches for the entries; they are constants of the kernel's image.
        Self::new(unsafe { core::slice::from_raw_parts(start, count) })
    }

    /// How many symbols the kernel exports.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether the kernel exports nothing.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    fn search(&self, name: &[u8]) -> Option<&'static KernelSymbol> {
        self.symbols.iter().find(|symbol| symbol.name.as_bytes() == name)
    }

    /// The symbol of that name.
    pub fn find(&self, name: &[u8]) -> Option<Symbol<'static>> {
        let found = match &self.index {
            Some(index) => index.find(hash(name), |position| {
                let symbol = self.symbols.get(position as usize);
                symbol.filter(|symbol| symbol.name.as_bytes() == name)
            }),
            None => self.search(name),
        };
        let KernelSymbol { address, name, gpl_only } = found?;
        Some(Symbol {
            name: name.as_bytes(),
            address: *address as usize as u64,
            gpl_only: *gpl_only,
            namespace: b"",
        })
    }
}

/// The index of these symbols by their positions, if the heap has room for it.
fn index(symbols: &[KernelSymbol]) -> Option<Index> {
    let mut index = Index::with_room(symbols.len())?;
    for symbol in symbols {
        index.push(hash(symbol.name.as_bytes()))?;
    }
    Some(index)
}

/// Exports functions and statics of the kernel to modules.
///
/// A module finds them by the name that stands here, whatever they are called in the kernel's
/// object code; with `=` they may have another name in Rust as well. What is written in assembly
/// or C is declared in an `extern` block first. With `gpl` only modules under a licence compatible
/// with the GPL may use it.
///
/// ```
/// extern "C" fn uptime() -> u64 {
///     42
/// }
/// static BOOTED: bool = true;
///
/// modlink::export!(fn uptime);
/// modlink::export!(static booted = BOOTED);
/// modlink::export!(gpl fn task_uptime = uptime);
/// ```
#[macro_export]
macro_rules! export {
    (gpl $($what:tt)+) => { $crate::export!(@ true, $($what)+); };
    (fn $($what:tt)+) => { $crate::export!(@ false, fn $($what)+); };
    (static $($what:tt)+) => { $crate::export!(@ false, static $($what)+); };
    (@ $gpl:literal, fn $name:ident) => { $crate::export!(@ $gpl, fn $name = $name); };
    (@ $gpl:literal, static $name:ident) => { $crate::export!(@ $gpl, static $name = $name); };
    (@ $gpl:literal, fn $name:ident = $item:path) => {
        $crate::export!(@ $gpl, $name, $item as *const u8);
    };
    (@ $gpl:literal, static $name:ident = $item:path) => {
        $crate::export!(@ $gpl, $name, (&raw const $item).cast::<u8>());
    };
    (@ $gpl:literal, $name:ident, $address:expr) => {
        const _: () = {
            #[used]
            #[unsafe(link_section = concat!(".ksymtab.", stringify!($name)))]
            static ENTRY: $crate::symbols::KernelSymbol =
                $crate::symbols::KernelSymbol::new($address, stringify!($name), $gpl);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn symbol(name: &'static str) -> KernelSymbol {
        KernelSymbol::new(core::ptr::without_provenance(0x1000), name, false)
    }

    #[test]
    fn finds_every_symbol_of_a_sorted_table_and_nothing_else_with_and_without_index() {
        static TABLE: [KernelSymbol; 3] = [symbol("a"), symbol("ab"), symbol("b")];
        let indexed = Ksymtab::new(&TABLE).unwrap();
        assert!(indexed.index.is_some());
        for table in [indexed, Ksymtab { symbols: &TABLE, index: None }] {
            for name in ["a", "ab", "b"] {
                let found = table.find(name.as_bytes()).map(|found| found.name);
                assert_eq!(found, Some(name.as_bytes()));
            }
            for name in ["", "A", "aa", "abc", "c"] {
                assert_eq!(table.find(name.as_bytes()), None);
            }
        }
    }

    #[test]
    fn refuses_a_table_out_of_order_or_with_a_symbol_twice() {
        static SWAPPED: [KernelSymbol; 2] = [symbol("b"), symbol("a")];
        static TWICE: [KernelSymbol; 2] = [symbol("a"), symbol("a")];
        assert_eq!(Ksymtab::new(&SWAPPED).unwrap_err(), NotSorted("a"));
        assert_eq!(Ksymtab::new(&TWICE).unwrap_err(), NotSorted("a"));
    }
}
