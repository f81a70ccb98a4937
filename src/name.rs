//! Names that come from an untrusted file.

use crate::heap::OutOfMemory;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// The name of a module, a section or a symbol, kept in a message beyond the file that it came
/// from. Anything but printable ASCII is shown escaped. It is cut if it is longer than [`Name::MAX`]
/// bytes, which no module's name is, and empty if the heap had no room for it when it was taken
/// down.
#[derive(PartialEq, Eq)]
pub struct Name(Box<[u8]>);

/// What stands for the rest of a name that has been cut.
const ELLIPSIS: &str = "…";

impl Name {
    /// How many bytes of a name are kept at most.
    pub const MAX: usize = 64;

    /// The bytes as they stand in the file; after them an ellipsis in UTF-8 if that has more.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name, kept whole.
    pub(crate) fn whole(bytes: &[u8]) -> Result<Self, OutOfMemory> {
        let name = Self::from(bytes);
        if name.0.len() == bytes.len() { Ok(name) } else { Err(OutOfMemory) }
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        let (bytes, rest) = match bytes.split_at_checked(Self::MAX) {
            Some((first, rest)) if !rest.is_empty() => (first, ELLIPSIS.as_bytes()),
            _ => (bytes, &[][..]),
        };
        let mut kept = Vec::new();
        if kept.try_reserve_exact(bytes.len().saturating_add(rest.len())).is_ok() {
            kept.extend_from_slice(bytes);
            kept.extend_from_slice(rest);
        }
        Self(kept.into_boxed_slice())
    }
}

impl Clone for Name {
    fn clone(&self) -> Self {
        // One that has been cut is cut at the same byte again.
        Self::from(self.as_bytes())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(Self::MAX) {
            Some((first, rest)) if !rest.is_empty() => {
                write!(f, "{}{ELLIPSIS}", first.escape_ascii())
            }
            _ => self.0.escape_ascii().fmt(f),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The longest name of a module in bytes, in any architecture.
const LONGEST: usize = 59;

/// The name of a module, kept without the heap. Anything but printable ASCII is shown escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ModuleName {
    length: u8,
    bytes: [u8; LONGEST],
}

impl ModuleName {
    /// The bytes as they stand in the module's file.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }

    /// The same with one byte in another's place.
    #[cfg(feature = "proc")]
    pub(crate) fn replacing(mut self, old: u8, new: u8) -> Self {
        self.bytes.iter_mut().filter(|byte| **byte == old).for_each(|byte| *byte = new);
        self
    }
}

impl From<&[u8]> for ModuleName {
    fn from(name: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        Self { length: name.len().min(LONGEST) as u8, bytes }
    }
}

impl From<&Name> for ModuleName {
    fn from(name: &Name) -> Self {
        Self::from(name.as_bytes())
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

impl fmt::Debug for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
