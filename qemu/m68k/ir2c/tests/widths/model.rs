//! Integers of any width up to 128 bits, in 128-bit arithmetic.

/// A number of bits, from 1 to 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width(pub u32);

impl Width {
    /// The bits that there are.
    pub fn mask(self) -> u128 {
        u128::MAX >> (128 - self.0)
    }

    /// The low bits of a number.
    pub fn low(self, number: u128) -> u128 {
        number & self.mask()
    }

    /// The same bits as a signed number.
    pub fn signed(self, number: u128) -> i128 {
        let unused = 128 - self.0;
        (number << unused).cast_signed() >> unused
    }

    /// The smallest signed number.
    pub fn smallest(self) -> i128 {
        self.signed(1 << (self.0 - 1))
    }

    /// The largest signed number.
    pub fn largest(self) -> i128 {
        !self.smallest()
    }

    /// The order of the bits reversed.
    pub fn reversed(self, number: u128) -> u128 {
        self.low(number).reverse_bits() >> (128 - self.0)
    }

    /// Zeros above the highest one.
    pub fn leading_zeros(self, number: u128) -> u32 {
        self.low(number).leading_zeros() - (128 - self.0)
    }

    /// Zeros below the lowest one.
    pub fn trailing_zeros(self, number: u128) -> u32 {
        self.low(number).trailing_zeros().min(self.0)
    }

    /// Pairs of operands: all edge values with each other, and pseudo-random ones.
    pub fn pairs(self) -> Vec<(u128, u128)> {
        let top = 1u128 << (self.0 - 1);
        let edges = [0, 1, 2, 5, top - 1, top, top + 1, self.mask() - 1, self.mask()];
        let edges = edges.map(|edge| self.low(edge));
        let mut pairs: Vec<_> = edges.iter().flat_map(|a| edges.map(|b| (*a, b))).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15u128 << 64 | 0xf39c_c060_5ced_c835;
        let mut random = || {
            state ^= state << 25;
            state ^= state >> 51;
            state ^= state << 3;
            self.low(state) >> ((state >> 100) as u32 % self.0)
        };
        for _ in 0..40 {
            pairs.push((random(), random()));
        }
        pairs
    }
}

#[test]
fn signs_are_extended_from_the_highest_bit() {
    let width = Width(12);
    assert_eq!(width.signed(0x800), -2048);
    assert_eq!((width.smallest(), width.largest()), (-2048, 2047));
    assert_eq!(Width(128).smallest(), i128::MIN);
}

#[test]
fn bits_are_counted_within_the_width() {
    assert_eq!(Width(12).leading_zeros(1), 11);
    assert_eq!(Width(12).trailing_zeros(0), 12);
    assert_eq!(Width(12).reversed(1), 0x800);
}
