//! What a module says of itself and is kept while it is loaded (feature `proc`): its version, the
//! hash of its sources, and its licence. Linux keeps the first two.

use crate::heap::OutOfMemory;
use crate::image::ModInfo;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// How many bytes of each are kept: with a line feed, what one read of a file in Linux's sysfs has
/// room for.
pub const MAX_IDENTITY: usize = 4094;

const KEYS: [&[u8]; 3] = [b"version", b"srcversion", b"license"];

/// Strings `key=value`, as in `.modinfo`, each key once.
#[derive(Debug)]
pub(crate) struct Identity(Box<[u8]>);

impl Identity {
    /// The first value of each key.
    pub fn of(modinfo: &ModInfo<'_>) -> Result<Self, OutOfMemory> {
        let mut kept = Vec::new();
        for key in KEYS {
            let Some(value) = modinfo.get(key) else { continue };
            let value = value.get(..MAX_IDENTITY).unwrap_or(value);
            kept.try_reserve_exact(key.len().saturating_add(value.len()).saturating_add(2))?;
            for part in [key, b"=", value, b"\0"] {
                kept.extend_from_slice(part);
            }
        }
        Ok(Self(crate::heap::exact(kept)?))
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        ModInfo::new(&self.0).ok()?.get(key)
    }
}
