//! Operations on pseudo-random operands, whose results are hashed. Compiled for the host as well
//! as for m68k: the hashes must be the same.

use core::cmp::Ordering;
use core::fmt::{self, Write};
use core::hint::black_box;

/// Takes a group, a name and a hash.
pub type Report<'a> = dyn FnMut(&str, &str, u64) + 'a;

/// A hash of a sequence of numbers.
pub struct Hasher(u64);

impl Hasher {
    pub fn new() -> Self {
        Hasher(0)
    }

    pub fn add(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x0100_0000_01b3);
        self.0 = mixed.rotate_left(23).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }

    pub fn value(&self) -> u64 {
        self.0
    }
}

/// Text is hashed as its bytes.
impl Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.add(u64::from(byte)));
        Ok(())
    }
}

/// What a result adds to a hash.
pub trait Hashed {
    fn hash(self, hasher: &mut Hasher);
}

macro_rules! hashed_integers {
    ($($ty:ty)*) => {$(
        impl Hashed for $ty {
            fn hash(self, hasher: &mut Hasher) {
                hasher.add(self as u64);
                hasher.add((self as u128 >> 64) as u64);
            }
        }
    )*};
}
hashed_integers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 bool);

impl Hashed for Ordering {
    fn hash(self, hasher: &mut Hasher) {
        (self as i8).hash(hasher);
    }
}

impl<T: Hashed> Hashed for Option<T> {
    fn hash(self, hasher: &mut Hasher) {
        match self {
            None => hasher.add(0x55),
            Some(value) => {
                hasher.add(1);
                value.hash(hasher);
            }
        }
    }
}

macro_rules! hashed_tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Hashed),*> Hashed for ($($name,)*) {
            #[allow(non_snake_case)]
            fn hash(self, hasher: &mut Hasher) {
                let ($($name,)*) = self;
                $($name.hash(hasher);)*
            }
        }
    )*};
}
hashed_tuples!((A B) (A B C) (A B C D));

/// Marsaglia's xorshift generator of 64 bits (13, 7, 17).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Text in a buffer of its own.
struct Text {
    bytes: [u8; 64],
    length: usize,
}

impl Text {
    fn of(value: impl fmt::Display) -> Self {
        let mut text = Text { bytes: [0; 64], length: 0 };
        let _ = write!(text, "{value}");
        text
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or("")
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

const ROUNDS: u32 = 200;

/// Hashes each operation's results over the same operands: all pairs of nine edge values, then
/// random ones of random magnitude, with a shift count that may exceed the width.
macro_rules! operations {
    ($report:expr, $ty:ty, $($name:literal => |$a:ident, $b:ident, $count:ident| $body:expr;)*) => {
        #[inline(never)]
        fn hash_of(operation: fn($ty, $ty, u32, &mut Hasher)) -> u64 {
            let mut hasher = Hasher::new();
            let mut random = Random(0x1234_5678_90ab_cdef);
            let edges: [$ty; 9] = [
                0, 1, 2, <$ty>::MAX, <$ty>::MIN, <$ty>::MAX / 2, <$ty>::MIN.wrapping_add(1),
                (0 as $ty).wrapping_sub(1), (0 as $ty).wrapping_sub(2),
            ];
            for round in 0..ROUNDS {
                let mut operand = || {
                    let both = u128::from(random.next()) << 64 | u128::from(random.next());
                    let count = random.next() as u32 % <$ty>::BITS;
                    if random.next() & 1 == 0 { both as $ty >> count } else { both as $ty }
                };
                let (a, b) = match round as usize {
                    round @ 0..81 => (edges[round / 9], edges[round % 9]),
                    _ => (operand(), operand()),
                };
                let count = random.next() as u32 % (<$ty>::BITS + 3);
                black_box(operation)(black_box(a), black_box(b), black_box(count), &mut hasher);
            }
            hasher.value()
        }
        $({
            #[allow(unused_variables)]
            fn operation($a: $ty, $b: $ty, $count: u32, hasher: &mut Hasher) {
                $body.hash(hasher);
            }
            $report(stringify!($ty), $name, hash_of(operation));
        })*
    };
}

fn hash_of_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

macro_rules! integers {
    ($($function:ident: $ty:ty),* $(,)?) => {$(
        #[inline(never)]
        fn $function(report: &mut Report) {
            operations! { report, $ty,
                "wrapping_add" => |a, b, n| a.wrapping_add(b);
                "wrapping_sub" => |a, b, n| a.wrapping_sub(b);
                "wrapping_mul" => |a, b, n| a.wrapping_mul(b);
                "checked_add" => |a, b, n| a.checked_add(b);
                "checked_sub" => |a, b, n| a.checked_sub(b);
                "checked_mul" => |a, b, n| a.checked_mul(b);
                "overflowing_add" => |a, b, n| a.overflowing_add(b);
                "overflowing_sub" => |a, b, n| a.overflowing_sub(b);
                "overflowing_mul" => |a, b, n| a.overflowing_mul(b);
                "saturating_add" => |a, b, n| a.saturating_add(b);
                "saturating_sub" => |a, b, n| a.saturating_sub(b);
                "saturating_mul" => |a, b, n| a.saturating_mul(b);
                "checked_div" => |a, b, n| a.checked_div(b);
                "checked_rem" => |a, b, n| a.checked_rem(b);
                "checked_div_euclid" => |a, b, n| a.checked_div_euclid(b);
                "checked_rem_euclid" => |a, b, n| a.checked_rem_euclid(b);
                "div by constant" => |a, b, n| a / 7;
                "rem by constant" => |a, b, n| a % 10;
                "and" => |a, b, n| a & b;
                "or" => |a, b, n| a | b;
                "xor not" => |a, b, n| a ^ !b;
                "checked_shl" => |a, b, n| a.checked_shl(n);
                "checked_shr" => |a, b, n| a.checked_shr(n);
                "wrapping_shl" => |a, b, n| a.wrapping_shl(n);
                "wrapping_shr" => |a, b, n| a.wrapping_shr(n);
                "rotate_left" => |a, b, n| a.rotate_left(n);
                "rotate_right" => |a, b, n| a.rotate_right(n);
                "leading_zeros" => |a, b, n| a.leading_zeros();
                "trailing_zeros" => |a, b, n| a.trailing_zeros();
                "leading_ones" => |a, b, n| a.leading_ones();
                "count_ones" => |a, b, n| a.count_ones();
                "swap_bytes" => |a, b, n| a.swap_bytes();
                "reverse_bits" => |a, b, n| a.reverse_bits();
                "cmp" => |a, b, n| a.cmp(&b);
                "less" => |a, b, n| (a < b, a <= b);
                "greater or equal" => |a, b, n| (a > b, a >= b, a == b, a != b);
                "min max" => |a, b, n| (a.min(b), a.max(b));
                "clamp" => |a, b, n| a.clamp(b.min(5), b.max(5));
                "wrapping_pow" => |a, b, n| a.wrapping_pow(n);
                "checked_pow" => |a, b, n| a.checked_pow(n);
                "abs_diff" => |a, b, n| a.abs_diff(b);
                "midpoint" => |a, b, n| a.midpoint(b);
                "to_be_bytes" => |a, b, n| hash_of_bytes(&a.to_be_bytes());
                "to_le_bytes" => |a, b, n| hash_of_bytes(&a.to_le_bytes());
                "as 8 bits" => |a, b, n| (a as u8, a as i8);
                "as 16 bits" => |a, b, n| (a as u16, a as i16);
                "as 32 bits" => |a, b, n| (a as u32, a as i32);
                "as 64 bits" => |a, b, n| (a as u64, a as i64);
                "as 128 bits" => |a, b, n| (a as u128, a as i128);
                "logarithms" => |a, b, n| (a.checked_ilog2(), a.checked_ilog10());
                "format" => |a, b, n| {
                    let mut text = Hasher::new();
                    let _ = write!(text, "{a} {b:x} {a:#b} {b:>20} {a:o}");
                    text.value()
                };
                "parse" => |a, b, n| Text::of(a).as_str().parse::<$ty>().is_ok_and(|x| x == a);
                "sum of squares" => |a, b, n| {
                    let mut sum = b;
                    for i in 0..(a & 63) {
                        sum = sum.wrapping_add(i.wrapping_mul(i));
                    }
                    sum
                };
            }
        }
    )*};
}
integers!(
    of_u8: u8, of_u16: u16, of_u32: u32, of_u64: u64, of_u128: u128, of_i8: i8, of_i16: i16,
    of_i32: i32, of_i64: i64, of_i128: i128,
);

#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Shape {
    Nothing,
    Byte(u8),
    Named { short: u16, long: u64 },
    Array([u32; 5]),
    Nested(bool, Option<char>),
    Wide(u128),
}

impl Shape {
    #[inline(never)]
    fn random(random: &mut Random) -> Self {
        match random.next() % 6 {
            0 => Shape::Nothing,
            1 => Shape::Byte(random.next() as u8),
            2 => Shape::Named { short: random.next() as u16, long: random.next() },
            3 => Shape::Array(core::array::from_fn(|_| random.next() as u32)),
            4 => {
                let flag = random.next() & 1 == 1;
                Shape::Nested(flag, char::from_u32(random.next() as u32 & 0x1f_ffff))
            }
            _ => Shape::Wide(u128::from(random.next()) * u128::from(random.next())),
        }
    }
}

#[inline(never)]
fn shapes(report: &mut Report) {
    let mut random = Random(99);
    let mut shapes: [Shape; 48] = core::array::from_fn(|_| Shape::random(&mut random));
    shapes.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    let mut text = Hasher::new();
    let mut order = Hasher::new();
    for pair in shapes.windows(2) {
        let _ = write!(text, "{:?}", pair[0]);
        (pair[0] < pair[1], pair[0] == pair[1].clone()).hash(&mut order);
    }
    report("shapes", "debug", text.value());
    report("shapes", "order", order.value());
}

#[inline(never)]
fn slices(report: &mut Report) {
    let mut random = Random(100);
    let mut numbers: [u16; 300] = core::array::from_fn(|_| random.next() as u16);
    let mut hasher = Hasher::new();
    numbers.sort_unstable();
    numbers.iter().for_each(|number| number.hash(&mut hasher));
    for wanted in [5, 100, 60000] {
        let (found, place) = match numbers.binary_search(&wanted) {
            Ok(place) => (true, place),
            Err(place) => (false, place),
        };
        (found, place as u64).hash(&mut hasher);
    }
    numbers.rotate_left(77);
    numbers[10..200].reverse();
    numbers.copy_within(3..150, 20);
    for chunk in numbers.chunks(7) {
        hasher.add(chunk.iter().map(|number| u64::from(*number)).sum());
    }
    report("slices", "numbers", hasher.value());

    let mut bytes = *b"The quick brown fox jumps over the lazy dog, \xc3\xa9t\xc3\xa9";
    bytes[..9].make_ascii_uppercase();
    let mut hasher = Hasher::new();
    let text = core::str::from_utf8(&bytes).unwrap_or("");
    for word in text.split(' ') {
        hasher.add(word.len() as u64);
        word.chars().rev().for_each(|c| hasher.add(u64::from(c)));
    }
    text.find("jumps").map(|place| place as u64).hash(&mut hasher);
    text.rfind('o').map(|place| place as u64).hash(&mut hasher);
    let letters = text.char_indices().filter(|(_, c)| c.is_alphabetic());
    hasher.add(letters.map(|(place, _)| place as u64).sum());
    report("slices", "text", hasher.value());
    report("slices", "crc32", u64::from(crc32(&bytes)));
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 != 0 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[inline(never)]
fn matrices(report: &mut Report) {
    let mut matrix = [[0i64; 8]; 8];
    for (row, cells) in matrix.iter_mut().enumerate() {
        for (column, cell) in cells.iter_mut().enumerate() {
            *cell = black_box(row as i64 * 3 - column as i64 * 7);
        }
    }
    let mut hasher = Hasher::new();
    for row in 0..8 {
        for column in 0..8 {
            (0..8).map(|k| matrix[row][k] * matrix[k][column]).sum::<i64>().hash(&mut hasher);
        }
    }
    report("matrices", "product", hasher.value());
}

/// All cases without floating point.
pub fn run(report: &mut Report) {
    for integer in [of_u8, of_u16, of_u32, of_u64, of_u128, of_i8, of_i16, of_i32, of_i64, of_i128]
    {
        integer(report);
    }
    shapes(report);
    slices(report);
    matrices(report);
}
