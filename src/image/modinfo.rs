//! The `.modinfo` section: what a module says of itself.

use super::strings::until_nul;

/// The strings `key=value` of a module, in the order of the file. Others mean nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModInfo<'a>(&'a [u8]);

impl<'a> ModInfo<'a> {
    /// Checks the contents of a `.modinfo` section: each string ends in NUL. The error is the
    /// offset of the last, which does not.
    pub fn new(section: &'a [u8]) -> Result<Self, usize> {
        let last = section.iter().rposition(|byte| *byte == 0);
        match last.map_or(0, |nul| nul.saturating_add(1)) {
            end if end == section.len() => Ok(Self(section)),
            end => Err(end),
        }
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.strings().filter_map(|string| {
            let equals = string.iter().position(|byte| *byte == b'=')?;
            let (key, value) = string.split_at_checked(equals)?;
            Some((key, value.strip_prefix(b"=")?))
        })
    }

    /// The first value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.all(key).next()
    }

    /// All values of a key.
    pub fn all<'k>(&self, key: &'k [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'k> {
        self.strings().filter_map(move |string| string.strip_prefix(key)?.strip_prefix(b"="))
    }

    /// All strings.
    pub(crate) fn strings(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let string = until_nul(rest)?;
            rest = rest.get(string.len().saturating_add(1)..)?;
            Some(string)
        })
    }
}
