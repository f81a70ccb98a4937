//! String tables (gABI, "String Table").

use core::fmt;

/// A string table whose last byte is NUL, so that every string in it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    /// `None` if the table is empty, or its first or last byte is not NUL.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.first() == Some(&0) && bytes.last() == Some(&0)).then_some(Self(bytes))
    }

    /// How many bytes it has: every smaller offset is that of a string.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// The string at `offset`; `None` if that is not in the table.
    #[inline]
    pub fn at(self, offset: usize) -> Option<Text<'a>> {
        self.0.get(offset..).filter(|rest| !rest.is_empty()).map(Text)
    }

    /// The string at `offset`, without its NUL; `None` if that is not in the table.
    pub fn get(self, offset: usize) -> Option<&'a [u8]> {
        self.at(offset).map(Text::bytes)
    }

    /// The string at `offset`, without its NUL; `None` if it is longer than `limit` bytes or not in
    /// the table. Looks no further than that.
    pub fn get_short(self, offset: usize, limit: usize) -> Option<&'a [u8]> {
        until_nul_within(self.0.get(offset..)?, limit)
    }
}

/// A string of a table, whose end is not looked for until somebody asks.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Its bytes, without the NUL.
    pub fn bytes(self) -> &'a [u8] {
        until_nul(self.0).unwrap_or_default()
    }

    /// The table from its first byte on.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Whether it is this.
    #[inline]
    pub fn is(self, string: &[u8]) -> bool {
        // Its end first: that is where most strings differ.
        self.0.get(string.len()) == Some(&0) && self.0.starts_with(string)
    }

    /// Its first bytes, if it has as many or bytes follow it in the table.
    #[inline]
    pub fn first_bytes(self) -> Option<[u8; 4]> {
        self.0.first_chunk().copied()
    }

    /// Whether it starts with this.
    #[inline]
    pub fn starts_with(self, prefix: &[u8]) -> bool {
        self.0.starts_with(prefix)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

/// The bytes before the first NUL; `None` if there is none or they are more than `limit`. Looks no
/// further than that.
pub(crate) fn until_nul_within(bytes: &[u8], limit: usize) -> Option<&[u8]> {
    until_nul(bytes.get(..=limit).unwrap_or(bytes))
}

/// The lowest bit that is set is the highest of the first byte of the word that is zero.
#[inline(always)]
pub(crate) fn zeros(word: usize) -> usize {
    const ONES: usize = usize::MAX / 0xff;
    const HIGHS: usize = ONES << 7;
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The bytes before the first NUL; `None` if there is none. Names are short and there are many, so
/// this looks at a word at a time.
pub(crate) fn until_nul(bytes: &[u8]) -> Option<&[u8]> {
    const WORD: usize = size_of::<usize>();
    let (words, tail) = bytes.as_chunks::<WORD>();
    for (index, word) in words.iter().enumerate() {
        let zeros = zeros(usize::from_le_bytes(*word));
        if zeros != 0 {
            let before = index.wrapping_mul(WORD);
            return bytes.get(..before.wrapping_add(zeros.trailing_zeros() as usize / 8));
        }
    }
    let end = tail.iter().position(|byte| *byte == 0)?;
    bytes.get(..bytes.len().wrapping_sub(tail.len()).wrapping_add(end))
}

/// How many bytes are before the first NUL; all of them if there is none.
#[cfg(feature = "kallsyms")]
#[inline(always)]
pub(crate) fn length(bytes: &[u8]) -> usize {
    const WORD: usize = size_of::<usize>();
    let (words, _) = bytes.as_chunks::<WORD>();
    let mut before = 0_usize;
    for word in words {
        let zeros = zeros(usize::from_le_bytes(*word));
        if zeros != 0 {
            return before.wrapping_add(zeros.trailing_zeros() as usize / 8);
        }
        before = before.wrapping_add(WORD);
    }
    let tail = bytes.get(before..).unwrap_or_default();
    before.wrapping_add(tail.iter().position(|byte| *byte == 0).unwrap_or(tail.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_the_first_nul_wherever_that_is() {
        for before in 0..40 {
            for after in 0..20 {
                let mut bytes = [0xff; 60];
                let bytes = &mut bytes[..before + 1 + after];
                assert_eq!(until_nul(bytes), None);
                bytes[before] = 0;
                bytes[before + after] = 0;
                // One bit off NUL, on either side of it.
                bytes[..before].fill(0x80);
                assert_eq!(until_nul(bytes), bytes.get(..before));
                bytes[..before].fill(1);
                assert_eq!(until_nul(bytes), bytes.get(..before));
                #[cfg(feature = "kallsyms")]
                assert_eq!((length(bytes), length(&bytes[..before])), (before, before));
            }
        }
    }
}
