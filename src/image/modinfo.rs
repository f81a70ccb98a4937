//! The `.modinfo` section: what a module says of itself.

use super::strings::until_nul;

/// The strings `key=value` of a module, in the order of the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModInfo<'a>(&'a [u8]);

impl<'a> ModInfo<'a> {
    /// Checks the contents of a `.modinfo` section: each string ends in NUL and is either empty
    /// (padding) or has the form `key=value`. The error is the offset of the first that is not so.
    pub fn new(section: &'a [u8]) -> Result<Self, usize> {
        let mut offset = 0_usize;
        while let Some(rest) = section.get(offset..).filter(|rest| !rest.is_empty()) {
            let string = until_nul(rest).ok_or(offset)?;
            let key = string.iter().position(|byte| *byte == b'=');
            if !string.is_empty() && matches!(key, None | Some(0)) {
                return Err(offset);
            }
            offset = offset.saturating_add(string.len()).saturating_add(1);
        }
        Ok(Self(section))
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.0.split(|byte| *byte == 0).filter_map(|string| {
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
        self.iter().filter_map(move |(found, value)| (found == key).then_some(value))
    }
}
