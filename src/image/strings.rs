//! String tables (gABI, "String Table").

use core::ffi::CStr;

/// A string table whose last byte is NUL, so that every string in it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    /// `None` if the table is empty, or its first or last byte is not NUL.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.first() == Some(&0) && bytes.last() == Some(&0)).then_some(Self(bytes))
    }

    /// How many bytes it has: every smaller offset is that of a string.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The string at `offset`, without its NUL; `None` if that is not in the table.
    pub fn get(&self, offset: usize) -> Option<&'a [u8]> {
        let string = CStr::from_bytes_until_nul(self.0.get(offset..)?).ok()?;
        Some(string.to_bytes())
    }

    /// The string at `offset`, without its NUL; `None` if it is longer than `limit` bytes or not in
    /// the table. Looks no further than that.
    pub fn get_short(&self, offset: usize, limit: usize) -> Option<&'a [u8]> {
        let rest = self.0.get(offset..)?;
        let start = rest.get(..=limit).unwrap_or(rest);
        Some(CStr::from_bytes_until_nul(start).ok()?.to_bytes())
    }

    /// Whether `string` stands at `offset`.
    pub fn is_at(&self, offset: usize, string: &[u8]) -> bool {
        let rest = self.0.get(offset..).and_then(|rest| rest.strip_prefix(string));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }
}
