//! The one source of symbols for all loaders: a hash map from names to addresses.

use crate::modules::Module;
use fnv::FnvHashMap;
use modlink_host::corpus;

/// The lowest address of a symbol, close below the arena.
const FIRST: u64 = 0x0800_0000;
const SPACING: u64 = 16;

/// Addresses for all symbols that the modules need from elsewhere.
#[derive(Debug, Default)]
pub struct Resolver(FnvHashMap<Vec<u8>, u64>);

impl Resolver {
    /// Gives an address to each undefined symbol of the modules.
    pub fn for_all(modules: &[Module]) -> Self {
        let mut map = FnvHashMap::default();
        for module in modules {
            for name in corpus::undefined_symbols(&module.file) {
                let next = FIRST + SPACING * map.len() as u64;
                map.entry(name.into_bytes()).or_insert(next);
            }
        }
        Self(map)
    }

    /// The address of a symbol.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<u64> {
        self.0.get(name).copied()
    }
}
