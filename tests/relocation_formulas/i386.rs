//! System V Application Binary Interface, Intel386 Architecture Processor Supplement, table 4.8,
//! "Relocation Types". Its G is the address of the slot; here it is the offset, as in the other
//! supplements, so that its G + A − GOT is G + A. Fields of 32 bits hold every word. The supplement
//! does not say what fits in those of 8 and 16 bits; GNU ld takes −2ⁿ … 2ⁿ − 1, and numbers with a
//! sign where 8 bits are relative to the place. 16-bit code wraps around in its segment of 64 KiB.

use crate::formula::{Addend, Letters, Range, Type, expect_all};
use modlink::arch::I386;

/// ModR/M bytes that add %ebx or %ebp to the displacement of 32 bits that follows.
pub const EBX: u8 = 0x83;
const EBP: u8 = 0x8d;

/// ModR/M bytes of a bare displacement, with %ecx and %edi as the other operand.
const BARE: u8 = 0x0d;
const BARE_TOO: u8 = 0x3d;

const fn word(name: &'static str, number: u32, formula: fn(Letters) -> i128) -> Type {
    Type { name, number, width: 4, range: Range::Any, formula, slot_type: None, before: 0 }
}

const fn narrow(
    name: &'static str,
    number: u32,
    width: usize,
    range: Range,
    formula: fn(Letters) -> i128,
) -> Type {
    Type { width, range, ..word(name, number, formula) }
}

const fn slot(name: &'static str, number: u32, before: u8, formula: fn(Letters) -> i128) -> Type {
    Type { name, number, width: 4, range: Range::Any, formula, slot_type: Some(number), before }
}

pub const TYPES: [Type; 9] = [
    word("R_386_32", 1, |l| l.S + l.A),
    word("R_386_PC32", 2, |l| l.S + l.A - l.P),
    word("R_386_PLT32", 4, |l| l.S + l.A - l.P),
    word("R_386_GOTOFF", 9, |l| l.S + l.A - l.GOT),
    word("R_386_GOTPC", 10, |l| l.GOT + l.A - l.P),
    narrow("R_386_16", 20, 2, Range::Bitfield, |l| l.S + l.A),
    narrow("R_386_PC16", 21, 2, Range::Bitfield, |l| l.S + l.A - l.P),
    narrow("R_386_8", 22, 1, Range::Bitfield, |l| l.S + l.A),
    narrow("R_386_PC8", 23, 1, Range::Signed, |l| l.S + l.A - l.P),
];

const SLOTS: [Type; 8] = [
    slot("R_386_GOT32 with %ebx", 3, EBX, |l| l.G + l.A),
    slot("R_386_GOT32 with %ebp", 3, EBP, |l| l.G + l.A),
    slot("R_386_GOT32 without a base register", 3, BARE, |l| l.G + l.GOT + l.A),
    slot("R_386_GOT32 without a base register", 3, BARE_TOO, |l| l.G + l.GOT + l.A),
    slot("R_386_GOT32X with %ebx", 43, EBX, |l| l.G + l.A),
    slot("R_386_GOT32X with %ebp", 43, EBP, |l| l.G + l.A),
    slot("R_386_GOT32X without a base register", 43, BARE, |l| l.G + l.GOT + l.A),
    slot("R_386_GOT32X without a base register", 43, BARE_TOO, |l| l.G + l.GOT + l.A),
];

const NONE: Type = Type { width: 0, ..word("R_386_NONE", 0, |_| 0) };

pub const CORE: u64 = 0xf800_0000;

#[test]
fn every_type_follows_its_formula() {
    let symbols = [
        1,
        0x80,
        0xff,
        0x100,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xc123_4567,
        CORE,
        CORE + 0x10,
        CORE + 0x800f,
        0xffff_8000,
        0xffff_ffff,
    ];
    let addends = [0, 1, -1, -4, 0x7fff_ffff, -0x8000_0000, 0x1122_3344];
    let cores = [CORE, 0x1000, 0x7fff_f000, 0xfff0_0000];
    for each in TYPES.into_iter().chain(SLOTS).chain([NONE]) {
        each.check::<I386>(Addend::InPlace, &symbols, &addends, &cores);
    }
}

#[test]
fn values_that_were_computed_by_hand_are_written() {
    let find = |number| TYPES.into_iter().find(|each| each.number == number).expect("a type");
    let written = |number, s, a| find(number).bytes::<I386>(Addend::InPlace, s, a, CORE);
    // The place is at 0xf8000010.
    assert_eq!(written(1, 0xc123_4567, 0x1122_3344), [0xab, 0x78, 0x45, 0xd2]);
    assert_eq!(written(1, 0xffff_ffff, 2), [0x01, 0x00, 0x00, 0x00]);
    assert_eq!(written(2, 0xc123_4567, -4), [0x53, 0x45, 0x23, 0xc9]);
    assert_eq!(written(4, 0xc123_4567, -4), [0x53, 0x45, 0x23, 0xc9]);
    assert_eq!(written(2, 0x0000_0000, 0), [0xf0, 0xff, 0xff, 0x07]);
    assert_eq!(written(20, 0xffff_8000, 1), [0x01, 0x80]);
    assert_eq!(written(20, 0x8000, 1), [0x01, 0x80]);
    assert_eq!(written(21, 0xf800_0000, 2), [0xf2, 0xff]);
    assert_eq!(written(22, 0x7f, 1), [0x80]);
    assert_eq!(written(22, 0xffff_ff81, -1), [0x80]);
    assert_eq!(written(23, 0xf800_0090, -1), [0x7f]);
}

#[test]
fn the_bounds_are_exact() {
    const PLACE: u64 = CORE + 0x10;
    for each in TYPES.into_iter().filter(|each| each.range != Range::Any) {
        let half = 1_i64 << (8 * each.width - 1);
        let base = if each.name.contains("_P") { PLACE as i64 } else { 0 };
        let (first, last) = match each.range {
            Range::Bitfield => (-2 * half, 2 * half - 1),
            _ => (-half, half - 1),
        };
        let fits = |value: i64, a: i64| {
            let s = (base + value - a) as u64 & 0xffff_ffff;
            each.check_one::<I386>(Addend::InPlace, s, a, CORE)
        };
        for a in [0, 3, -3] {
            assert!(fits(last, a), "{}", each.name);
            assert!(!fits(last + 1, a), "{}", each.name);
            assert!(fits(first, a), "{}", each.name);
            assert!(!fits(first - 1, a), "{}", each.name);
        }
    }
}

#[test]
fn every_type_that_modules_may_have_is_tried() {
    expect_all::<I386>(TYPES.into_iter().chain(SLOTS).chain([NONE]));
}
