//! String tables (gABI, "String Table").

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

    /// The string at `offset`, without its NUL.
    pub fn get(&self, offset: usize) -> Option<&'a [u8]> {
        let string = self.0.get(offset..)?;
        string.split(|byte| *byte == 0).next()
    }
}
