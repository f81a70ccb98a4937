//! The encoding that most relocations share: a plain integer of one to eight bytes.

use super::{DoesNotFit, Encoding, Endian};

/// A plain integer at the place, in the architecture's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    width: Width,
    fits: Fits,
    order: Endian,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    None,
    Byte,
    Half,
    Word,
    Xword,
}

/// Which values may be cut down to the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fits {
    /// All: the value is meant modulo the width.
    Always,
    /// Those that sign extension restores.
    Signed,
    /// Those that zero extension restores.
    Unsigned,
    /// Those that either extension restores.
    Either,
}

impl Data {
    /// No bytes at all.
    pub const fn none(order: Endian) -> Self {
        Self { width: Width::None, fits: Fits::Always, order }
    }

    /// One byte.
    pub const fn byte(fits: Fits, order: Endian) -> Self {
        Self { width: Width::Byte, fits, order }
    }

    /// Two bytes.
    pub const fn half(fits: Fits, order: Endian) -> Self {
        Self { width: Width::Half, fits, order }
    }

    /// Four bytes.
    pub const fn word(fits: Fits, order: Endian) -> Self {
        Self { width: Width::Word, fits, order }
    }

    /// Eight bytes, which hold every value.
    pub const fn xword(order: Endian) -> Self {
        Self { width: Width::Xword, fits: Fits::Always, order }
    }

    #[inline(always)]
    fn holds(self, value: u64) -> bool {
        let (signed, unsigned) = match self.width {
            Width::None | Width::Xword => (value, value),
            Width::Byte => (value as i8 as u64, u64::from(value as u8)),
            Width::Half => (value as i16 as u64, u64::from(value as u16)),
            Width::Word => (value as i32 as u64, u64::from(value as u32)),
        };
        match self.fits {
            Fits::Always => true,
            Fits::Signed => value == signed,
            Fits::Unsigned => value == unsigned,
            Fits::Either => value == signed || value == unsigned,
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
    fn addend(self, bytes: &[u8]) -> Option<i64> {
        let big = self.order == Endian::Big;
        Some(match self.width {
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
        })
    }

    #[inline(always)]
    fn write(self, bytes: &mut [u8], value: u64) -> Result<(), DoesNotFit> {
        if !self.holds(value) {
            return Err(DoesNotFit);
        }
        let big = self.order == Endian::Big;
        match self.width {
            Width::Word => {
                let cut = value as u32;
                let cut = if big { cut.to_be_bytes() } else { cut.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(DoesNotFit)? = cut;
            }
            Width::Xword => {
                let cut = if big { value.to_be_bytes() } else { value.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(DoesNotFit)? = cut;
            }
            Width::Half => {
                let cut = value as u16;
                let cut = if big { cut.to_be_bytes() } else { cut.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(DoesNotFit)? = cut;
            }
            Width::Byte => *bytes.first_chunk_mut().ok_or(DoesNotFit)? = [value as u8],
            Width::None => {}
        }
        Ok(())
    }
}
