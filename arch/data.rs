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
}

impl Encoding for Data {
    #[inline]
    fn width(self) -> usize {
        match self.width {
            Width::None => 0,
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
            Width::Xword => 8,
        }
    }

    #[inline]
    fn addend(self, bytes: &[u8]) -> Option<i64> {
        let big = self.order == Endian::Big;
        Some(match self.width {
            Width::None => 0,
            Width::Byte => i64::from(i8::from_ne_bytes(*bytes.first_chunk()?)),
            Width::Half => {
                let b = *bytes.first_chunk()?;
                i64::from(if big { i16::from_be_bytes(b) } else { i16::from_le_bytes(b) })
            }
            Width::Word => {
                let b = *bytes.first_chunk()?;
                i64::from(if big { i32::from_be_bytes(b) } else { i32::from_le_bytes(b) })
            }
            Width::Xword => {
                let b = *bytes.first_chunk()?;
                if big { i64::from_be_bytes(b) } else { i64::from_le_bytes(b) }
            }
        })
    }

    #[inline]
    fn is_zero(self, bytes: &[u8]) -> bool {
        self.addend(bytes) == Some(0)
    }

    #[inline]
    fn write(self, bytes: &mut [u8], value: u64) -> Result<(), DoesNotFit> {
        if !self.fits.holds(value, self.width() as u32 * 8) {
            return Err(DoesNotFit);
        }
        let big = self.order == Endian::Big;
        match self.width {
            Width::None => {}
            Width::Byte => *bytes.first_chunk_mut().ok_or(DoesNotFit)? = [value as u8],
            Width::Half => {
                let cut = value as u16;
                let cut = if big { cut.to_be_bytes() } else { cut.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(DoesNotFit)? = cut;
            }
            Width::Word => {
                let cut = value as u32;
                let cut = if big { cut.to_be_bytes() } else { cut.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(DoesNotFit)? = cut;
            }
            Width::Xword => {
                let cut = if big { value.to_be_bytes() } else { value.to_le_bytes() };
                *bytes.first_chunk_mut().ok_or(DoesNotFit)? = cut;
            }
        }
        Ok(())
    }
}

impl Fits {
    #[inline]
    fn holds(self, value: u64, bits: u32) -> bool {
        let unused = 64_u32.saturating_sub(bits).min(63);
        let signed = |value: u64| (value << unused) as i64 >> unused == value as i64;
        let unsigned = |value: u64| (value << unused) >> unused == value;
        match self {
            Self::Always => true,
            Self::Signed => signed(value),
            Self::Unsigned => unsigned(value),
            Self::Either => signed(value) || unsigned(value),
        }
    }
}
