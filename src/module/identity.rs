//! What a module says of itself and is kept while it is loaded (feature `proc`): its version, the
//! hash of its sources, its licence, and the namespaces that it imports. Linux keeps the first two.

use super::MAX_NAMESPACES;
use crate::heap::OutOfMemory;
use crate::image::ModInfo;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// How many bytes of each are kept: with a line feed, what one read of a file in Linux's sysfs has
/// room for.
pub const MAX_IDENTITY: usize = 4094;

/// Each, and how many values of it are kept. There may be one namespace over and over again.
const KEYS: [(&[u8], usize); 4] =
    [(b"version", 1), (b"srcversion", 1), (b"license", 1), (b"import_ns", MAX_NAMESPACES)];

/// Strings `key=value`, as in `.modinfo`.
#[derive(Debug)]
pub(crate) struct Identity(Box<[u8]>);

impl Identity {
    /// The first values of each key.
    pub fn of(modinfo: &ModInfo<'_>) -> Result<Self, OutOfMemory> {
        let mut kept = Vec::new();
        for (key, count) in KEYS {
            for value in modinfo.all(key).take(count) {
                let value = value.get(..MAX_IDENTITY).unwrap_or(value);
                kept.try_reserve_exact(key.len().saturating_add(value.len()).saturating_add(2))?;
                for part in [key, b"=", value, b"\0"] {
                    kept.extend_from_slice(part);
                }
            }
        }
        Ok(Self(crate::heap::exact(kept)?))
    }

    /// The values of a key.
    pub fn all(&self, key: &[u8]) -> impl Iterator<Item = &[u8]> {
        ModInfo::new(&self.0).into_iter().flat_map(move |kept| kept.all(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        ModInfo::new(&self.0).ok()?.get(key)
    }
}
