//! From which addresses instructions reach which others.
//!
//! An address space is a ring: the distance that an instruction holds is added to its address
//! without regard to carries, so that what lies near the end of the space reaches what lies near
//! its start. On 32-bit architectures the ring has 2³² addresses, on others 2⁶⁴.

use crate::arch::{Arch, Class};
use core::ops::RangeInclusive;

/// Some addresses in a row, which may go around the end of the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u64,
    /// How far from the first the last one is.
    extent: u64,
}

/// The highest address, and what keeps an address or a distance within the ring.
const fn highest<A: Arch>() -> u64 {
    match A::CLASS {
        Class::Elf32 => u32::MAX as u64,
        Class::Elf64 => u64::MAX,
    }
}

impl Span {
    pub const fn new(start: u64, extent: u64) -> Self {
        Self { start, extent }
    }

    pub fn of<A: Arch>(range: &RangeInclusive<u64>) -> Self {
        Self::new(*range.start(), range.end().wrapping_sub(*range.start()) & highest::<A>())
    }

    /// The shortest span that both lie in, if neither is longer than half of the ring.
    pub fn with<A: Arch>(self, other: Self) -> Self {
        // How far up the other starts, which is negative if the short way to it is down.
        let unused = highest::<A>().leading_zeros();
        let up = (other.start.wrapping_sub(self.start) << unused) as i64 >> unused;
        let start = up.min(0);
        let last = up.wrapping_add(other.extent as i64).max(self.extent as i64);
        Self {
            start: self.start.wrapping_add_signed(start) & highest::<A>(),
            extent: last.wrapping_sub(start) as u64,
        }
    }

    /// The addresses in `modules` from which every one of the span is within reach, as the first
    /// and the last. They are two windows if they go around the end of the address space; of one in
    /// which nothing is the first comes after the last.
    pub fn windows<A: Arch>(self, modules: &RangeInclusive<u64>) -> [(u64, u64); 2] {
        const NONE: (u64, u64) = (1, 0);
        let highest = highest::<A>();
        let (first, last) = (*modules.start(), (*modules.end()).min(highest));
        if A::REACH > highest / 2 {
            // Whichever way around is the shorter is short enough.
            return [(first, last), NONE];
        }
        if self.extent > A::REACH.saturating_mul(2) {
            return [NONE, NONE];
        }
        let low = self.start.wrapping_add(self.extent).wrapping_sub(A::REACH) & highest;
        let high = self.start.wrapping_add(A::REACH) & highest;
        if low <= high {
            [(first.max(low), last.min(high)), NONE]
        } else {
            [(first.max(low), last), (first, last.min(high))]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{I386, X86_64};
    use alloc::vec::Vec;

    const GIB: u64 = 1 << 30;
    const ALL: RangeInclusive<u64> = 0..=u64::MAX;

    fn windows<A: Arch>(
        span: RangeInclusive<u64>,
        modules: RangeInclusive<u64>,
    ) -> Vec<RangeInclusive<u64>> {
        let windows = Span::of::<A>(&span).windows::<A>(&modules);
        let windows = windows.into_iter().map(|(first, last)| first..=last);
        windows.filter(|window| !window.is_empty()).collect()
    }

    /// Whether a 32-bit distance leads from one address to the other on x86-64, as its instructions
    /// compute it.
    fn reaches(from: u64, to: u64) -> bool {
        let distance = to.wrapping_sub(from) as i32;
        from.wrapping_add_signed(distance.into()) == to
    }

    #[test]
    fn the_ends_of_a_window_reach_both_ends_of_the_span_and_their_neighbours_do_not() {
        for start in [2 << 20, 1 << 46, 0_u64.wrapping_sub(2 * GIB), u64::MAX - 0xff_ffff] {
            let span = start..=start + 0xff_ffff;
            let found = windows::<X86_64>(span.clone(), ALL);
            let (low, high) = (*found[0].start(), *found.last().unwrap().end());
            for end in [*span.start(), *span.end()] {
                assert!(reaches(low, end) && reaches(high, end), "{span:x?}: {found:x?}");
            }
            // A distance of −2³¹ would fit where REACH is 2³¹ − 1: not used.
            assert!(!reaches(low.wrapping_sub(1), *span.end()), "{span:x?}: {found:x?}");
            assert!(!reaches(high.wrapping_add(2), *span.start()), "{span:x?}: {found:x?}");
        }
    }

    #[test]
    fn a_window_that_goes_around_zero_is_two() {
        let found = windows::<X86_64>(2 << 20..=(4 << 20) - 1, ALL);
        let low = ((4_u64 << 20) - 1).wrapping_sub(0x7fff_ffff);
        assert_eq!(found, [low..=u64::MAX, 0..=(2 << 20) + 0x7fff_ffff]);
        let top = windows::<X86_64>(2 << 20..=(4 << 20) - 1, X86_64::ADDRESSES);
        assert_eq!(top, [low..=*X86_64::ADDRESSES.end()]);
    }

    #[test]
    fn nothing_reaches_all_of_a_kernel_that_is_too_large_or_too_far() {
        assert_eq!(windows::<X86_64>(0..=4 * GIB - 1, ALL), []);
        assert_eq!(windows::<X86_64>(0..=4 * GIB - 3, ALL).len(), 1);
        assert_eq!(windows::<X86_64>(1 << 46..=1 << 46, X86_64::ADDRESSES), []);
    }

    #[test]
    fn everything_is_within_reach_where_a_distance_has_as_many_bits_as_an_address() {
        for kernel in [0..=0xff, 0x8000_0000..=0x80ff_ffff, 0xffff_ff00..=0xffff_ffff] {
            assert_eq!(windows::<I386>(kernel, I386::ADDRESSES), [0..=0xffff_ffff]);
        }
    }

    #[test]
    fn the_span_of_two_is_the_short_way_around() {
        let kernel = Span::new(2 << 20, 0xff_ffff);
        let core = Span::new(0_u64.wrapping_sub(GIB), 0xffff);
        let both = Span::new(0_u64.wrapping_sub(GIB), GIB + (2 << 20) + 0xff_ffff);
        assert_eq!(kernel.with::<X86_64>(core), both);
        assert_eq!(core.with::<X86_64>(kernel), both);
        let inside = Span::new(3 << 20, 0xfff);
        assert_eq!(kernel.with::<X86_64>(inside), kernel);
        assert_eq!(inside.with::<X86_64>(kernel), kernel);
    }
}
