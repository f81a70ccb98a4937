//! Numbers as wide as an architecture's addresses.

use super::Class;

mod sealed {
    pub trait Sealed {}
}

/// A number as wide as an architecture's addresses: what relocations compute with, modulo its
/// width. Nothing wider is kept for each symbol or relocation, which on processors of 32 bits
/// halves what linking costs.
pub trait Word: sealed::Sealed + Copy + Eq + core::fmt::Debug + Into<u64> {
    /// The class of the files (`EI_CLASS`).
    const CLASS: Class;
    /// How many bytes it has.
    const SIZE: u64;
    /// The largest.
    const MAX: Self;

    /// The number modulo the width.
    fn truncate(number: u64) -> Self;

    /// The sum modulo the width.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// The difference modulo the width.
    #[must_use]
    fn minus(self, other: Self) -> Self;

    /// The number of two's complement that it is.
    fn signed(self) -> i64;
}

macro_rules! word {
    ($word:ty, $signed:ty, $class:ident) => {
        impl sealed::Sealed for $word {}

        impl Word for $word {
            const CLASS: Class = Class::$class;
            const SIZE: u64 = size_of::<$word>() as u64;
            const MAX: Self = <$word>::MAX;

            #[inline(always)]
            fn truncate(number: u64) -> Self {
                number as Self
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn signed(self) -> i64 {
                i64::from(self as $signed)
            }
        }
    };
}

word!(u32, i32, Elf32);
word!(u64, i64, Elf64);
