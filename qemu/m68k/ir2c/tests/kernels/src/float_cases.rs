//! Floating point of which the result is exact, or rounded once, in any format: conversions,
//! comparisons, arithmetic on small multiples of 1/4.
//!
//! The m68k FPU computes in its extended format and rounds when it stores, so that other results
//! may differ from the host's in the last bit.

use core::hint::black_box;

use crate::cases::{Hashed, Hasher, Random, Report};

macro_rules! hashed_floats {
    ($($ty:ty)*) => {$(
        impl Hashed for $ty {
            fn hash(self, hasher: &mut Hasher) {
                // The bits of a NaN are nobody's promise.
                hasher.add(if self.is_nan() { 7 } else { u64::from(self.to_bits()) });
            }
        }
    )*};
}
hashed_floats!(f32 f64);

macro_rules! floats {
    ($($function:ident: $ty:ty, $bits:ty);* $(;)?) => {$(
        #[inline(never)]
        fn $function(report: &mut Report) {
            let mut random = Random(77);
            let mut conversions = Hasher::new();
            let mut comparisons = Hasher::new();
            let mut arithmetic = Hasher::new();
            for _ in 0..400 {
                let any = black_box(<$ty>::from_bits(random.next() as $bits));
                let small = |random: &mut Random| black_box((random.next() % 4096) as $ty * 0.25);
                let (x, y) = (small(&mut random), -small(&mut random));
                for value in [any, x, y, 0.0, <$ty>::INFINITY, <$ty>::NAN] {
                    (value as u8, value as i8, value as u16, value as i16).hash(&mut conversions);
                    (value as u32, value as i32, value as u64, value as i64).hash(&mut conversions);
                    (value.abs(), -value, value.copysign(y)).hash(&mut conversions);
                    (value < x, value >= y, value == any, value != x).hash(&mut comparisons);
                    (value.is_finite(), value.is_normal(), value.is_sign_negative())
                        .hash(&mut comparisons);
                    value.partial_cmp(&x).hash(&mut comparisons);
                    value.total_cmp(&x).hash(&mut comparisons);
                    (value.min(x), value.max(y)).hash(&mut comparisons);
                }
                (x + y, x - y, x * y, x / 4.0).hash(&mut arithmetic);
            }
            report(stringify!($ty), "conversions", conversions.value());
            report(stringify!($ty), "comparisons", comparisons.value());
            report(stringify!($ty), "arithmetic", arithmetic.value());
        }
    )*};
}
floats!(of_f32: f32, u32; of_f64: f64, u64);

macro_rules! from_integers {
    ($report:expr; $($ty:ty)*) => {$({
        let mut random = Random(78);
        let mut hasher = Hasher::new();
        for _ in 0..400 {
            let value = (u128::from(random.next()) << 64 | u128::from(random.next())) as $ty;
            let value = black_box(value >> (random.next() as u32 % <$ty>::BITS));
            (value as f32, value as f64).hash(&mut hasher);
        }
        $report(stringify!($ty), "to float", hasher.value());
    })*};
}

/// All cases with floating point.
pub fn run(report: &mut Report) {
    of_f32(report);
    of_f64(report);
    from_integers!(report; u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);
}
