//! Names that come from an untrusted file.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// The name of a module, a section or a symbol, kept in a message beyond the file that it came
/// from. Anything but printable ASCII is shown escaped. It is empty if the heap had no room for it
/// when it was taken down.
#[derive(PartialEq, Eq)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The bytes as they stand in the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        let mut kept = Vec::new();
        if kept.try_reserve_exact(bytes.len()).is_ok() {
            kept.extend_from_slice(bytes);
        }
        Self(kept.into_boxed_slice())
    }
}

impl Clone for Name {
    fn clone(&self) -> Self {
        Self::from(self.as_bytes())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
