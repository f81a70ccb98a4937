//! Integer constants of up to 256 bits.

/// Bits held at most.
pub const MAX_WIDTH: u32 = 256;

/// A constant in two's complement, masked to its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// Bits of the type.
    pub width: u32,
    /// 64-bit words, least significant first; bits beyond `width` are zero.
    words: [u64; 4],
}

impl Integer {
    /// A constant of up to 64 bits.
    pub fn small(value: u64, width: u32) -> Self {
        Integer { width, words: [value, 0, 0, 0] }.masked()
    }

    /// A constant as LLVM prints it: decimal, with a sign.
    pub fn parse(decimal: &str, width: u32) -> Option<Self> {
        if width > MAX_WIDTH {
            return None;
        }
        let (negative, digits) = match decimal.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, decimal),
        };
        let mut words = [0u64; 4];
        if digits.is_empty() {
            return None;
        }
        for digit in digits.chars() {
            let mut carry = u128::from(digit.to_digit(10)?);
            for word in &mut words {
                let sum = u128::from(*word) * 10 + carry;
                *word = sum as u64;
                carry = sum >> 64;
            }
        }
        if negative {
            let mut carry = true;
            for word in &mut words {
                (*word, carry) = (!*word).overflowing_add(u64::from(carry));
            }
        }
        Some(Integer { width, words }.masked())
    }

    fn masked(mut self) -> Self {
        for (index, word) in (0u32..).zip(&mut self.words) {
            let bits = self.width.saturating_sub(64 * index);
            if bits < 64 {
                *word &= (1u64 << bits) - 1;
            }
        }
        self
    }

    /// The low 64 bits, zero-extended.
    pub fn low(&self) -> u64 {
        self.words[0]
    }

    /// The value of a constant of at most 64 bits, sign-extended.
    pub fn signed(&self) -> i64 {
        let unused = 64 - self.width.clamp(1, 64);
        (self.words[0] << unused).cast_signed() >> unused
    }

    /// The 32-bit word at `index`, the least significant being 0.
    pub fn word32(&self, index: usize) -> u32 {
        (self.words[index / 2] >> (32 * (index % 2))) as u32
    }

    /// The bytes it takes in memory, big-endian.
    pub fn to_be_bytes(self) -> Vec<u8> {
        let count = self.width.div_ceil(8) as usize;
        let byte = |index: usize| (self.words[index / 8] >> (8 * (index % 8))) as u8;
        (0..count).rev().map(byte).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_numbers_are_masked_to_their_width() {
        assert_eq!(Integer::parse("-1", 24).unwrap().low(), 0xff_ffff);
        let wide = Integer::parse("-1", 200).unwrap();
        assert_eq!(wide.words, [u64::MAX, u64::MAX, u64::MAX, 0xff]);
    }

    #[test]
    fn wide_decimals_are_exact() {
        let largest = Integer::parse("340282366920938463463374607431768211455", 128).unwrap();
        assert_eq!(largest.words, [u64::MAX, u64::MAX, 0, 0]);
        let power = Integer::parse("18446744073709551616", 65).unwrap();
        assert_eq!(power.words, [0, 1, 0, 0]);
        assert_eq!(power.word32(2), 1);
    }

    #[test]
    fn bytes_are_big_endian_and_as_many_as_the_width_needs() {
        assert_eq!(Integer::small(0x01_0203, 24).to_be_bytes(), [1, 2, 3]);
        assert_eq!(Integer::small(5, 3).to_be_bytes(), [5]);
    }

    #[test]
    fn signed_value_depends_on_the_width() {
        assert_eq!(Integer::small(0x80, 8).signed(), -128);
        assert_eq!(Integer::small(0x80, 9).signed(), 128);
    }

    #[test]
    fn text_that_is_no_number_is_rejected() {
        for text in ["", "-", "poison", "12x"] {
            assert_eq!(Integer::parse(text, 128), None, "{text}");
        }
        assert_eq!(Integer::parse("1", 257), None);
    }
}
