//! Single operations, each in a function of its own: what LLVM's m68k backend gets wrong, and what
//! a translation is likely to.

#![no_std]
#![no_main]

use core::cmp::Ordering;
use core::hint::black_box;

use kernels::{check, finish, say};

/// Runs an expression in a function of its own that is not inlined, with operands that nothing is
/// known about.
macro_rules! run {
    (($($operand:ident : $ty:ty = $value:expr),*) -> $result:ty { $body:expr }) => {{
        #[inline(never)]
        fn isolated($($operand: $ty),*) -> $result {
            $body
        }
        isolated($(black_box($value)),*)
    }};
}

#[unsafe(no_mangle)]
extern "C" fn kernel_main() {
    checked_arithmetic();
    comparisons();
    shifts();
    calls();
    switches();
    bits();
    wide_arithmetic();
    memory();
    overlapping_moves();
    formatting();
    finish();
}

fn checked_arithmetic() {
    check!("u32 sub", run!((a: u32 = 5, b: u32 = 3) -> Option<u32> { a.checked_sub(b) }), Some(2));
    check!(
        "u32 sub below",
        run!((a: u32 = 3, b: u32 = 5) -> Option<u32> { a.checked_sub(b) }),
        None
    );
    check!(
        "u32 sub zero",
        run!((a: u32 = 3, b: u32 = 3) -> Option<u32> { a.checked_sub(b) }),
        Some(0)
    );
    check!("u32 add", run!((a: u32 = 5, b: u32 = 3) -> Option<u32> { a.checked_add(b) }), Some(8));
    check!(
        "u32 add above",
        run!((a: u32 = !0, b: u32 = 5) -> Option<u32> { a.checked_add(b) }),
        None
    );
    check!("u32 mul", run!((a: u32 = 5, b: u32 = 3) -> Option<u32> { a.checked_mul(b) }), Some(15));
    check!(
        "u32 mul above",
        run!((a: u32 = 65536, b: u32 = 65536) -> Option<u32> { a.checked_mul(b) }),
        None
    );
    check!(
        "u64 add carry",
        run!((a: u64 = 0xffff_ffff, b: u64 = 3) -> Option<u64> { a.checked_add(b) }),
        Some(0x1_0000_0002)
    );
    check!(
        "u64 add above",
        run!((a: u64 = !0, b: u64 = 3) -> Option<u64> { a.checked_add(b) }),
        None
    );
    check!(
        "u64 sub borrow",
        run!((a: u64 = 1 << 32, b: u64 = 5) -> Option<u64> { a.checked_sub(b) }),
        Some(0xffff_fffb)
    );
    check!(
        "u64 sub below",
        run!((a: u64 = 3, b: u64 = 5) -> Option<u64> { a.checked_sub(b) }),
        None
    );
    check!(
        "u64 mul",
        run!((a: u64 = 1 << 20, b: u64 = 1 << 20) -> Option<u64> { a.checked_mul(b) }),
        Some(1 << 40)
    );
    check!(
        "u64 mul above",
        run!((a: u64 = 1 << 40, b: u64 = 1 << 30) -> Option<u64> { a.checked_mul(b) }),
        None
    );
    check!(
        "u32 saturating below",
        run!((a: u32 = 3, b: u32 = 5) -> u32 { a.saturating_sub(b) }),
        0
    );
    check!(
        "i32 saturating above",
        run!((a: i32 = i32::MAX, b: i32 = 5) -> i32 { a.saturating_add(b) }),
        i32::MAX
    );
    check!(
        "i32 saturating below",
        run!((a: i32 = i32::MIN, b: i32 = -5) -> i32 { a.saturating_add(b) }),
        i32::MIN
    );
    check!(
        "i32 saturating between",
        run!((a: i32 = -3, b: i32 = 5) -> i32 { a.saturating_add(b) }),
        2
    );
}

fn comparisons() {
    check!("u64 less", run!((a: u64 = 1, b: u64 = 2) -> bool { a < b }), true);
    check!("u64 high decides", run!((a: u64 = 1 << 32, b: u64 = 2) -> bool { a < b }), false);
    check!("u64 equal", run!((a: u64 = 2, b: u64 = 2) -> bool { a < b }), false);
    check!("i64 sign decides", run!((a: i64 = -1, b: i64 = 2) -> bool { a < b }), true);
    check!("i64 high decides", run!((a: i64 = 1 << 32, b: i64 = -2) -> bool { a < b }), false);
    check!("u32 less", run!((a: u32 = 3, b: u32 = 4) -> Ordering { a.cmp(&b) }), Ordering::Less);
    check!("u32 same", run!((a: u32 = 4, b: u32 = 4) -> Ordering { a.cmp(&b) }), Ordering::Equal);
    check!(
        "u32 unsigned",
        run!((a: u32 = 0xf000_0000, b: u32 = 4) -> Ordering { a.cmp(&b) }),
        Ordering::Greater
    );
    check!("i32 signed", run!((a: i32 = -3, b: i32 = 4) -> Ordering { a.cmp(&b) }), Ordering::Less);
    check!(
        "i32 min max",
        run!((a: i32 = -4, b: i32 = 5) -> (i32, i32) { (a.min(b), a.max(b)) }),
        (-4, 5)
    );
}

fn shifts() {
    let value = 0x1234_5678_9abc_def0u64;
    let negative = 0xf234_5678_9abc_def0u64.cast_signed();
    let mut doubled = value;
    for count in 0..64u32 {
        check!("u64 left", run!((a: u64 = value, n: u32 = count) -> u64 { a << n }), doubled);
        let back = run!((a: u64 = doubled, n: u32 = count) -> u64 { a >> n });
        check!("u64 right", back, value & (u64::MAX >> count));
        let arithmetic = run!((a: i64 = negative, n: u32 = count) -> i64 { a >> n });
        // Rounding towards minus infinity is what an arithmetic shift does.
        let floor = i128::from(negative).div_euclid(1i128 << count);
        check!("i64 right", i128::from(arithmetic), floor);
        doubled = doubled.wrapping_add(doubled);
    }
    check!(
        "u32 rotate",
        run!((a: u32 = 0x1234_5678, n: u32 = 8) -> u32 { a.rotate_left(n) }),
        0x3456_7812
    );
    check!(
        "u32 rotate none",
        run!((a: u32 = 0x1234_5678, n: u32 = 0) -> u32 { a.rotate_left(n) }),
        0x1234_5678
    );
}

fn calls() {
    let mixed = run!((a: u8 = 3, b: i8 = -4, c: u16 = 50, d: i16 = -6, e: bool = true) -> i32 {
        i32::from(a) * 1_000_000 + i32::from(b) * 10_000 + i32::from(c) * 100 + i32::from(d) * 10
            + i32::from(e)
    });
    check!("narrow arguments", mixed, 3_000_000 - 40_000 + 5000 - 60 + 1);
    check!("option some", run!((a: u32 = 7) -> Option<u8> { (a > 5).then_some(a as u8) }), Some(7));
    check!("option none", run!((a: u32 = 4) -> Option<u8> { (a > 5).then_some(a as u8) }), None);
    check!(
        "result ok",
        run!((a: u32 = 7) -> Result<u32, u8> { if a > 5 { Ok(a) } else { Err(a as u8) } }),
        Ok(7)
    );
    check!(
        "result err",
        run!((a: u32 = 4) -> Result<u32, u8> { if a > 5 { Ok(a) } else { Err(a as u8) } }),
        Err(4)
    );
    check!("pair", run!((a: u32 = 4) -> (u32, u32) { (a, a + 1) }), (4, 5));
    check!("mixed pair", run!((a: u32 = 4) -> (u32, bool) { (a, a > 3) }), (4, true));
    let closure: &dyn Fn(u32, u8) -> (u32, u8) = black_box(&|x, y| (x + 1, y + 1));
    check!("closure", closure(5, 7), (6, 8));
}

fn switches() {
    let constants = [7u32, 9, 11, 100, 17, 3, 4, 99, 1, 1];
    for (index, want) in constants.into_iter().enumerate() {
        let got = run!((a: u32 = index as u32) -> u32 { match a {
            0 => 7, 1 => 9, 2 => 11, 3 => 100, 4 => 17,
            5 => black_box(3), 6 => black_box(4), 7 => black_box(99), _ => 1,
        } });
        check!("switch of constants", got, want);
    }
    let computed = [1001u32, 9000, 1000 ^ 11, 900, 8000, 3, 1004, 99, 333, 0, 1];
    for (index, want) in computed.into_iter().enumerate() {
        let got = run!((a: u32 = index as u32, x: u32 = 1000) -> u32 { match a {
            0 => black_box(x + 1), 1 => black_box(x * 9), 2 => x ^ 11, 3 => black_box(x - 100),
            4 => x << 3, 5 => black_box(3), 6 => black_box(x + 4), 7 => black_box(99), 8 => x / 3,
            9 => x % 5, _ => 1,
        } });
        check!("switch of expressions", got, want);
    }
    let wide = run!((a: u128 = 1 << 100) -> u8 { match a {
        0 => 1, 0x10_0000_0000_0000_0000_0000_0000 => 2, _ => 3,
    } });
    check!("switch of 128 bits", wide, 2);
}

fn bits() {
    check!("trailing zeros", run!((a: u32 = 0x80) -> u32 { a.trailing_zeros() }), 7);
    check!("trailing zeros of zero", run!((a: u32 = 0) -> u32 { a.trailing_zeros() }), 32);
    check!("leading zeros", run!((a: u32 = 0x80) -> u32 { a.leading_zeros() }), 24);
    check!("leading zeros of zero", run!((a: u32 = 0) -> u32 { a.leading_zeros() }), 32);
    check!("ones", run!((a: u32 = 0xf0f0) -> u32 { a.count_ones() }), 8);
    check!("swap 32", run!((a: u32 = 0x1234_5678) -> u32 { a.swap_bytes() }), 0x7856_3412);
    check!("swap 16", run!((a: u16 = 0x1234) -> u16 { a.swap_bytes() }), 0x3412);
}

fn wide_arithmetic() {
    check!(
        "u64 div",
        run!((a: u64 = 1_000_000_000_000, b: u64 = 1_000_000) -> u64 { a / b }),
        1_000_000
    );
    check!("u64 rem", run!((a: u64 = 1_000_000_000_007, b: u64 = 1_000_000) -> u64 { a % b }), 7);
    check!(
        "u64 div large",
        run!((a: u64 = 0x123_4567_89ab_cdef, b: u64 = 1 << 40) -> u64 { a / b }),
        0x1_2345
    );
    check!(
        "u64 mul",
        run!((a: u64 = 0x1_2345_6789, b: u64 = 0x9_8765_4321) -> u64 { a.wrapping_mul(b) }),
        0x1_2345_6789u64.wrapping_mul(0x9_8765_4321)
    );
    check!(
        "u32 to u64 mul",
        run!((a: u32 = 0x1234_5678, b: u32 = 0x9abc_def0) -> u64 { u64::from(a) * u64::from(b) }),
        0x0b00_ea4e_242d_2080
    );
}

fn memory() {
    check!(
        "find",
        run!((s: &[u8] = b"hello world", c: u8 = b'w') -> Option<usize> { s.iter().position(|x| *x == c) }),
        Some(6)
    );
    check!(
        "find nothing",
        run!((s: &[u8] = b"hello world", c: u8 = b'z') -> Option<usize> { s.iter().position(|x| *x == c) }),
        None
    );
    check!("equal text", run!((a: &str = "hello", b: &str = "hello") -> bool { a == b }), true);
    check!("other text", run!((a: &str = "hello", b: &str = "hellp") -> bool { a == b }), false);
    check!(
        "text order",
        run!((a: &str = "abc", b: &str = "abd") -> Ordering { a.cmp(b) }),
        Ordering::Less
    );
    check!(
        "text length",
        run!((a: &str = "abcd", b: &str = "abc") -> Ordering { a.cmp(b) }),
        Ordering::Greater
    );

    let ascending: [u8; 37] = core::array::from_fn(|index| index as u8);
    let mut buffer = [0u8; 40];
    buffer[1..38].copy_from_slice(black_box(&ascending));
    check!("copy", (buffer[1], buffer[37], buffer[38]), (0, 36, 0));
    check!("sum", buffer.iter().map(|x| u32::from(*x)).sum::<u32>(), 666);
    black_box(&mut buffer).copy_within(0..30, 5);
    check!("copy up over itself", (buffer[4], buffer[5], buffer[34], buffer[35]), (3, 0, 28, 34));
    black_box(&mut buffer).copy_within(5..30, 0);
    check!("copy down over itself", (buffer[0], buffer[24], buffer[25]), (0, 23, 19));
    black_box(&mut buffer)[3..33].fill(black_box(9));
    check!("fill", (buffer[2], buffer[3], buffer[32], buffer[33]), (1, 9, 9, 0x1b));
    for length in 0..12 {
        let mut small = [0u8; 12];
        small[..black_box(length)].fill(7);
        check!("fill exactly", small.iter().filter(|x| **x == 7).count(), length);
        let mut other = [0u8; 12];
        other[..length].copy_from_slice(&black_box(&ascending)[1..=length]);
        check!(
            "copy exactly",
            other.iter().map(|x| usize::from(*x)).sum::<usize>(),
            length * (length + 1) / 2
        );
    }
}

fn overlapping_moves() {
    const LENGTH: usize = 22;
    let ascending: [u8; 37] = core::array::from_fn(|index| index as u8);
    for from in 0..8 {
        for to in 0..8 {
            let mut moved = ascending;
            black_box(&mut moved).copy_within(from..from + LENGTH, to);
            let place = |index: usize| match (to..to + LENGTH).contains(&index) {
                true => index - to + from,
                false => index,
            };
            let right = (0..37).all(|index| moved[index] == ascending[place(index)]);
            check!("move", (from, to, right), (from, to, true));
        }
    }
}

/// The harness compares these lines.
fn formatting() {
    say!("literal");
    say!("{}", black_box("text"));
    say!("{} {}", black_box(7u8), black_box(12345u32));
    say!("{:x} {:#010x}", black_box(0xabcu32), black_box(0x1fu32));
    say!("{:>5}|{:<5}|{:^5}|", black_box(3), black_box(4), black_box(5));
    say!("{}", black_box(123_456_789_012_345u64));
    say!("{:?} {:?}", black_box("q\n"), black_box(Some(3)));
}
