//! Ranges of addresses and of distances between them.

/// All numbers from `low` to `high`; none if `low` is greater. Wide enough that no sum of addresses
/// wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The least.
    pub low: i128,
    /// The greatest.
    pub high: i128,
}

impl Interval {
    /// Every number that is an address or a distance.
    pub const ALL: Self = Self { low: -(1 << 100), high: 1 << 100 };

    /// Whether there is no number in it.
    pub fn is_empty(self) -> bool {
        self.low > self.high
    }

    /// Whether something is outside of it.
    pub fn is_limited(self) -> bool {
        self.low > Self::ALL.low / 2 || self.high < Self::ALL.high / 2
    }

    /// Whether a number is in it.
    pub fn contains(self, number: i128) -> bool {
        (self.low..=self.high).contains(&number)
    }

    /// Each number of it plus another one.
    pub fn plus(self, number: i128) -> Self {
        Self { low: self.low + number, high: self.high + number }
    }

    /// Each difference between a number of this one and one of the other.
    pub fn minus(self, other: Self) -> Self {
        Self { low: self.low - other.high, high: self.high - other.low }
    }

    /// The numbers in both.
    pub fn and(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    /// The numbers in both where those that differ by `modulus` are the same: some number of this
    /// one for each.
    pub fn and_modulo(self, other: Self, modulus: i128) -> Self {
        let shifted = |by| self.and(other.plus(by));
        let shifts = [0, modulus, -modulus];
        shifts.map(shifted).into_iter().find(|both| !both.is_empty()).unwrap_or(shifted(0))
    }

    /// The multiples of `step` in it.
    pub fn multiples(self, step: i128) -> Self {
        let up = |number: i128| (number + step - 1).div_euclid(step) * step;
        Self { low: up(self.low), high: self.high.div_euclid(step) * step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_inside() {
        let found = Interval { low: -9, high: 9 }.multiples(4);
        assert_eq!(found, Interval { low: -8, high: 8 });
        assert!(Interval { low: 1, high: 3 }.multiples(4).is_empty());
    }

    #[test]
    fn addresses_around_zero_meet_those_at_the_end() {
        let narrow = Interval { low: -0x1_0000, high: 0xffff };
        let top = Interval { low: 0xffff_8000, high: 0xffff_ffff };
        let both = top.and_modulo(narrow, 1 << 32);
        assert_eq!(both, top);
        let bottom = Interval { low: 0x1000, high: 0x2000 };
        assert_eq!(bottom.and_modulo(narrow, 1 << 32), bottom);
        let middle = Interval { low: 0x10_0000, high: 0x20_0000 };
        assert!(middle.and_modulo(narrow, 1 << 32).is_empty());
    }
}
