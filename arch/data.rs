//! The encoding that most relocations share: a plain integer of one to eight bytes.

use super::{Arch, ByteOrder, Encoding, OverflowError, Word};

/// A plain integer at the place, in the architecture's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    width: Width,
    overflow: Overflow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    None,
    Byte,
    Half,
    Word,
    Xword,
}

/// Which values overflow a field of n bits: the checks that GNU ld makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// None: the value is meant modulo 2ⁿ.
    Unchecked,
    /// Those outside −2ⁿ⁻¹ … 2ⁿ⁻¹ − 1.
    Signed,
    /// Those outside 0 … 2ⁿ − 1.
    Unsigned,
    /// Those outside −2ⁿ … 2ⁿ − 1: the field may be meant with a sign or without one, and addresses
    /// wrap around.
    Bitfield,
}

impl Data {
    /// No bytes at all.
    pub const NONE: Self = Self { width: Width::None, overflow: Overflow::Unchecked };

    /// Eight bytes, which hold every value.
    pub const XWORD: Self = Self { width: Width::Xword, overflow: Overflow::Unchecked };

    /// One byte.
    pub const fn byte(overflow: Overflow) -> Self {
        Self { width: Width::Byte, overflow }
    }

    /// Two bytes.
    pub const fn half(overflow: Overflow) -> Self {
        Self { width: Width::Half, overflow }
    }

    /// Four bytes.
    pub const fn word(overflow: Overflow) -> Self {
        Self { width: Width::Word, overflow }
    }

    #[inline(always)]
    fn holds(self, value: i64) -> bool {
        let (signed, unsigned, above) = match self.width {
            Width::None | Width::Xword => return true,
            Width::Byte => (i64::from(value as i8), i64::from(value as u8), value >> 8),
            Width::Half => (i64::from(value as i16), i64::from(value as u16), value >> 16),
            Width::Word => (i64::from(value as i32), i64::from(value as u32), value >> 32),
        };
        match self.overflow {
            Overflow::Unchecked => true,
            Overflow::Signed => value == signed,
            Overflow::Unsigned => value == unsigned,
            Overflow::Bitfield => matches!(above, 0 | -1),
        }
    }
}

impl Encoding for Data {
    #[inline(always)]
    fn width(self) -> usize {
        match self.width {
            Width::None => 0,
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
            Width::Xword => 8,
        }
    }

    #[inline(always)]
    fn addend<A: Arch>(self, bytes: &[u8]) -> Option<A::Word> {
        let big = A::ORDER == ByteOrder::Big;
        let addend = match self.width {
            Width::Word => {
                let bytes = *bytes.first_chunk()?;
                i64::from(if big { i32::from_be_bytes(bytes) } else { i32::from_le_bytes(bytes) })
            }
            Width::Xword => {
                let bytes = *bytes.first_chunk()?;
                if big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }
            }
            Width::Half => {
                let bytes = *bytes.first_chunk()?;
                i64::from(if big { i16::from_be_bytes(bytes) } else { i16::from_le_bytes(bytes) })
            }
            Width::Byte => i64::from(i8::from_ne_bytes(*bytes.first_chunk()?)),
            Width::None => 0,
        };
        Some(A::Word::truncate(addend as u64))
    }

    #[inline(always)]
    fn write<A: Arch>(self, bytes: &mut [u8], value: A::Word) -> Result<(), OverflowError> {
        let value = value.signed();
        if !self.holds(value) {
            return Err(OverflowError);
        }
        let big = A::ORDER == ByteOrder::Big;
        match self.width {
            Width::Word => {
                let cut = value as u32;
                let cut = if big { cut.to_be_bytes() } else { cut.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(OverflowError)? = cut;
            }
            Width::Xword => {
                let cut = if big { value.to_be_bytes() } else { value.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(OverflowError)? = cut;
            }
            Width::Half => {
                let cut = value as u16;
                let cut = if big { cut.to_be_bytes() } else { cut.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(OverflowError)? = cut;
            }
            Width::Byte => *bytes.first_chunk_mut().ok_or(OverflowError)? = [value as u8],
            Width::None => {}
        }
        Ok(())
    }
}
