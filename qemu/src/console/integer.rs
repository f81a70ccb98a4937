//! Integers as scripts write them.

use super::failure::Failure;
use alloc::format;

/// The bits of the integer that `text` is, a negative one's in two's complement.
///
/// # Errors
/// Says that it is none, or that it does not fit `width` bits.
pub fn bits(text: &str, width: u32) -> Result<u64, Failure> {
    let integer = Integer::read(text);
    let integer = integer.ok_or_else(|| Failure::Usage(format!("`{text}` is no integer")))?;
    let bits = integer.bits(width);
    bits.ok_or_else(|| Failure::Usage(format!("`{text}` does not fit {width} bits")))
}

struct Integer {
    magnitude: u64,
    negative: bool,
}

impl Integer {
    /// Reads a decimal number, or a hexadecimal one after `0x`; a minus sign may stand before it.
    fn read(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text),
        };
        let (digits, radix) = match unsigned.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (unsigned, 10),
        };
        if digits.starts_with('+') {
            return None;
        }
        Some(Self { magnitude: u64::from_str_radix(digits, radix).ok()?, negative })
    }

    /// Its `width` bits; `None` if it needs more.
    fn bits(self, width: u32) -> Option<u64> {
        let all = u64::MAX >> (u64::BITS - width);
        if self.negative {
            let fits = self.magnitude <= all / 2 + 1;
            fits.then_some(self.magnitude.wrapping_neg() & all)
        } else {
            (self.magnitude <= all).then_some(self.magnitude)
        }
    }
}
