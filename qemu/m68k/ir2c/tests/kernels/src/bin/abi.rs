//! Calls between Rust and C, in both directions, and memory that both share. `abi.c`, compiled by
//! GCC without any translation, is the other side.

#![no_std]
#![no_main]
#![feature(c_variadic)]

use core::ffi::{c_char, c_int};
use core::hint::black_box;

use kernels::{check, finish};

macro_rules! shared_structs {
    ($($name:ident { $($field:ident: $ty:ty),* })*) => {$(
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq)]
        struct $name { $($field: $ty),* }
    )*};
}
shared_structs! {
    Bytes1 { a: i8 }
    Bytes2 { a: i16 }
    Bytes3 { a: i8, b: i8, c: i8 }
    Bytes4 { a: i32 }
    Bytes6 { a: i16, b: i16, c: i16 }
    Bytes8 { a: i32, b: i32 }
    Bytes12 { a: i32, b: i32, c: i32 }
    LongInStruct { a: i64 }
    PointerInStruct { a: usize }
}

/// GCC aligns `u64` to 2 bytes, so the struct must say so.
#[repr(C, packed(2))]
struct Mixed {
    c: u8,
    l: u64,
    s: i16,
    i: u32,
    d: u8,
}

type Narrow = extern "C" fn(i8, u8, i16, u16, bool) -> i8;
type Advance = extern "C" fn(*mut u8, c_int) -> *mut u8;

unsafe extern "C" {
    safe fn c_returns_1(x: c_int) -> Bytes1;
    safe fn c_returns_2(x: c_int) -> Bytes2;
    safe fn c_returns_3(x: c_int) -> Bytes3;
    safe fn c_returns_4(x: c_int) -> Bytes4;
    safe fn c_returns_6(x: c_int) -> Bytes6;
    safe fn c_returns_8(x: c_int) -> Bytes8;
    safe fn c_returns_12(x: c_int) -> Bytes12;
    safe fn c_returns_long(x: c_int) -> LongInStruct;
    safe fn c_returns_pointer(x: usize) -> PointerInStruct;
    safe fn c_weighs(
        a: Bytes1,
        b: Bytes2,
        c: Bytes3,
        d: Bytes4,
        e: Bytes6,
        f: Bytes8,
        g: Bytes12,
        h: LongInStruct,
        i: PointerInStruct,
        last: c_int,
    ) -> c_int;
    safe fn c_narrow(a: i8, b: u8, c: i16, d: u16, e: bool) -> i8;
    safe fn c_u8(x: c_int) -> u8;
    safe fn c_s16(x: c_int) -> i16;
    safe fn c_u16(x: c_int) -> u16;
    safe fn c_bool(x: c_int) -> bool;
    safe fn c_advance(p: *mut u8, n: c_int) -> *mut u8;
    safe fn c_u64(a: u8, b: u64, c: u8) -> u64;
    safe fn c_double(a: f64, b: f32, c: c_int) -> f64;
    safe fn c_float(a: f32) -> f32;
    safe fn c_calls_narrow(f: Narrow, zero: c_int) -> i8;
    safe fn c_calls_advance(f: Advance, p: *mut u8, n: c_int) -> *mut u8;
    safe fn c_calls_u64(f: extern "C" fn(u8, u64, u8) -> u64) -> u64;
    safe fn c_calls_bool(f: extern "C" fn(c_int) -> bool, x: c_int) -> c_int;
    fn c_sum(count: c_int, ...) -> c_int;
    safe fn c_layout(what: c_int) -> u32;
    static c_mixed: Mixed;
    safe fn c_checks_rust() -> c_int;
}

#[unsafe(no_mangle)]
extern "C" fn r_weighs(
    a: Bytes1,
    b: Bytes2,
    c: Bytes3,
    d: Bytes4,
    e: Bytes6,
    f: Bytes8,
    g: Bytes12,
    h: LongInStruct,
    i: PointerInStruct,
    last: c_int,
) -> c_int {
    let weighed = [
        i32::from(a.a),
        i32::from(b.a),
        i32::from(c.a),
        i32::from(c.b),
        i32::from(c.c),
        d.a,
        i32::from(e.a),
        i32::from(e.b),
        i32::from(e.c),
        f.a,
        f.b,
        g.a,
        g.b,
        g.c,
        (h.a >> 32) as i32,
        h.a as i32,
        i.a as i32,
        last,
    ];
    weighed.into_iter().zip(1..).map(|(value, weight)| value * weight).sum()
}

#[unsafe(no_mangle)]
extern "C" fn r_narrow(a: i8, b: u8, c: i16, d: u16, e: bool) -> i8 {
    let as_passed = a == black_box(-5) && b == black_box(250) && c == black_box(-3000);
    if as_passed && d == black_box(65000) && e { -7 } else { 99 }
}

#[unsafe(no_mangle)]
extern "C" fn r_u8(x: c_int) -> u8 {
    x as u8
}

#[unsafe(no_mangle)]
extern "C" fn r_s16(x: c_int) -> i16 {
    x as i16
}

#[unsafe(no_mangle)]
extern "C" fn r_u16(x: c_int) -> u16 {
    x as u16
}

#[unsafe(no_mangle)]
extern "C" fn r_bool(x: c_int) -> bool {
    x > 3
}

#[unsafe(no_mangle)]
extern "C" fn r_advance(p: *mut u8, n: c_int) -> *mut u8 {
    p.wrapping_offset(n as isize)
}

#[unsafe(no_mangle)]
extern "C" fn r_u64(a: u8, b: u64, c: u8) -> u64 {
    b * u64::from(a) + u64::from(c)
}

#[unsafe(no_mangle)]
extern "C" fn r_text() -> *const c_char {
    c"hi there".as_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn r_callback() -> Advance {
    r_advance
}

#[unsafe(no_mangle)]
extern "C" fn r_double(a: f64, b: f32, c: c_int) -> f64 {
    a * f64::from(b) + f64::from(c)
}

#[unsafe(no_mangle)]
extern "C" fn r_float(a: f32) -> f32 {
    a / 2.0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn r_sum(count: c_int, mut list: ...) -> u64 {
    let mut sum = 0;
    for _ in 0..count {
        // SAFETY: the caller passes that many pairs of int and u64.
        sum += unsafe { list.arg::<c_int>() as u64 + list.arg::<u64>() };
    }
    sum
}

#[unsafe(no_mangle)]
extern "C" fn kernel_main() {
    structs_returned_by_c();
    arguments_of_c();
    callbacks();
    layout();
    check!("C calls Rust", c_checks_rust(), 0);
    finish();
}

fn structs_returned_by_c() {
    check!("1 byte", c_returns_1(black_box(-3)), Bytes1 { a: -3 });
    check!("2 bytes", c_returns_2(black_box(-300)), Bytes2 { a: -300 });
    check!("3 bytes", c_returns_3(black_box(7)), Bytes3 { a: 7, b: 8, c: 9 });
    check!("4 bytes", c_returns_4(black_box(77)), Bytes4 { a: 77 });
    check!("6 bytes", c_returns_6(black_box(70)), Bytes6 { a: 70, b: 71, c: 72 });
    check!("8 bytes", c_returns_8(black_box(70)), Bytes8 { a: 70, b: 71 });
    check!("12 bytes", c_returns_12(black_box(70)), Bytes12 { a: 70, b: 71, c: 72 });
    check!("long", c_returns_long(black_box(5)), LongInStruct { a: 0x5_0000_0005 });
    check!("pointer", c_returns_pointer(black_box(0x1234)), PointerInStruct { a: 0x1234 });
}

fn arguments_of_c() {
    let of = |weigh: fn(
        Bytes1,
        Bytes2,
        Bytes3,
        Bytes4,
        Bytes6,
        Bytes8,
        Bytes12,
        LongInStruct,
        PointerInStruct,
        c_int,
    ) -> c_int| {
        weigh(
            Bytes1 { a: 1 },
            Bytes2 { a: 2 },
            Bytes3 { a: 3, b: 4, c: 5 },
            Bytes4 { a: 6 },
            Bytes6 { a: 7, b: 8, c: 9 },
            Bytes8 { a: 10, b: 11 },
            Bytes12 { a: 12, b: 13, c: 14 },
            LongInStruct { a: 15 << 32 | 16 },
            PointerInStruct { a: 17 },
            black_box(18),
        )
    };
    let squares = (1..=18).map(|n| n * n).sum::<c_int>();
    check!(
        "structs by value to C",
        of(|a, b, c, d, e, f, g, h, i, l| c_weighs(a, b, c, d, e, f, g, h, i, l)),
        squares
    );
    check!(
        "structs by value to Rust",
        of(|a, b, c, d, e, f, g, h, i, l| r_weighs(a, b, c, d, e, f, g, h, i, l)),
        squares
    );
    let narrow = c_narrow(black_box(-5), black_box(250), black_box(-3000), black_box(65000), true);
    check!("narrow", narrow, -7);
    check!("u8", c_u8(black_box(-2)), 254);
    check!("s16", c_s16(black_box(-2)), -2);
    check!("u16", c_u16(black_box(-2)), 65534);
    check!(
        "bool",
        (c_bool(black_box(5)), c_bool(black_box(0x100)), c_bool(2)),
        (true, true, false)
    );
    let pointer = c_advance(black_box(core::ptr::without_provenance_mut(0x1000)), 4);
    check!("pointer", pointer.addr(), 0x1004);
    check!("u64", c_u64(3, black_box(0x12_3456_789a), 200), 0x12_3456_789a * 3 + 200);
    check!("double", c_double(2.5, 4.0, 3), 13.0);
    check!("float", c_float(3.0), 1.5);
    let byte = 200u8;
    // SAFETY: as many triples of int, u64 and pointer to a byte as the first argument says.
    let sum = unsafe { c_sum(2, 1, (1u64 << 40) + 5, &raw const byte, 2, 7u64, &raw const byte) };
    check!("unnamed", sum, 415);
}

fn callbacks() {
    check!("narrow back", c_calls_narrow(r_narrow, black_box(0)), -7);
    let pointer = c_calls_advance(r_advance, core::ptr::without_provenance_mut(0x3000), 9);
    check!("pointer back", pointer.addr(), 0x3009);
    check!("u64 back", c_calls_u64(r_u64), 0x12_3456_789a * 3 + 200);
    check!("bool back", c_calls_bool(r_bool, 5), 1);
}

fn layout() {
    check!("size", size_of::<Mixed>(), c_layout(0) as usize);
    check!("offset of l", core::mem::offset_of!(Mixed, l), c_layout(1) as usize);
    check!("offset of i", core::mem::offset_of!(Mixed, i), c_layout(2) as usize);
    check!("offset of d", core::mem::offset_of!(Mixed, d), c_layout(3) as usize);
    // SAFETY: C never writes it.
    let mixed = unsafe { &c_mixed };
    check!("c", mixed.c, 1);
    check!("l", { mixed.l }, 0x1122_3344_5566_7788);
    check!("s", { mixed.s }, -2);
    check!("i", { mixed.i }, 0x99aa_bbcc);
    check!("d", mixed.d, 3);
}
