//! System V Application Binary Interface, Motorola 68000 Processor Family Supplement, chapter 4,
//! "Relocation Types". L, the address of a symbol's procedure linkage table entry, is S. Absolute
//! fields of n = 8 or 16 bits take −2ⁿ … 2ⁿ − 1, as GNU ld does.

use crate::formula::{Addend, Letters, Range, Type, expect_all};
use modlink::arch::M68k;

const fn plain(
    name: &'static str,
    number: u32,
    width: usize,
    range: Range,
    formula: fn(Letters) -> i128,
) -> Type {
    Type { name, number, width, range, formula, slot_type: None, before: 0 }
}

const fn slot(
    name: &'static str,
    number: u32,
    width: usize,
    range: Range,
    formula: fn(Letters) -> i128,
) -> Type {
    Type { name, number, width, range, formula, slot_type: Some(10), before: 0 }
}

pub const PLAIN: [Type; 9] = [
    plain("R_68K_32", 1, 4, Range::Any, |l| l.S + l.A),
    plain("R_68K_16", 2, 2, Range::Bitfield, |l| l.S + l.A),
    plain("R_68K_8", 3, 1, Range::Bitfield, |l| l.S + l.A),
    plain("R_68K_PC32", 4, 4, Range::Any, |l| l.S + l.A - l.P),
    plain("R_68K_PC16", 5, 2, Range::Signed, |l| l.S + l.A - l.P),
    plain("R_68K_PC8", 6, 1, Range::Signed, |l| l.S + l.A - l.P),
    plain("R_68K_PLT32", 13, 4, Range::Any, |l| l.S + l.A - l.P),
    plain("R_68K_PLT16", 14, 2, Range::Signed, |l| l.S + l.A - l.P),
    plain("R_68K_PLT8", 15, 1, Range::Signed, |l| l.S + l.A - l.P),
];

const SLOTS: [Type; 6] = [
    slot("R_68K_GOT32", 7, 4, Range::Any, |l| l.G + l.GOT + l.A - l.P),
    slot("R_68K_GOT16", 8, 2, Range::Signed, |l| l.G + l.GOT + l.A - l.P),
    slot("R_68K_GOT8", 9, 1, Range::Signed, |l| l.G + l.GOT + l.A - l.P),
    slot("R_68K_GOT32O", 10, 4, Range::Any, |l| l.G + l.A),
    slot("R_68K_GOT16O", 11, 2, Range::Signed, |l| l.G + l.A),
    slot("R_68K_GOT8O", 12, 1, Range::Signed, |l| l.G + l.A),
];

const NONE: Type = plain("R_68K_NONE", 0, 0, Range::Any, |_| 0);

pub const CORE: u64 = 0x0100_0000;

const SYMBOLS: [u64; 16] = [
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    CORE,
    CORE + 0x8f,
    CORE + 0x800f,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_8000,
    0xffff_ffff,
];

const ADDENDS: [i64; 8] = [0, 1, -1, 2, 0x7f, -0x80, 0x7fff, -0x8000];

#[test]
fn every_type_follows_its_formula_with_the_addend_in_the_relocation() {
    for each in PLAIN {
        let addends = [&ADDENDS[..], &[0x7fff_ffff, -0x8000_0000]].concat();
        each.check::<M68k>(Addend::Explicit, &SYMBOLS, &addends, &[CORE, 0x1000, 0xfff0_0000]);
    }
    NONE.check::<M68k>(Addend::Explicit, &SYMBOLS, &ADDENDS, &[CORE]);
}

#[test]
fn every_type_follows_its_formula_with_the_addend_at_the_place() {
    for each in PLAIN.into_iter().chain([NONE]) {
        each.check::<M68k>(Addend::InPlace, &SYMBOLS, &ADDENDS, &[CORE, 0x1000, 0xfff0_0000]);
    }
}

#[test]
fn every_type_that_goes_through_the_table_follows_its_formula() {
    for each in SLOTS {
        // The table is a page after the code: too far for a byte.
        if each.number != 9 {
            each.check::<M68k>(Addend::Explicit, &SYMBOLS, &[0, 1, -1, 2], &[CORE, 0x1000]);
            each.check::<M68k>(Addend::InPlace, &SYMBOLS, &[0, 1, -1, 2], &[CORE, 0x1000]);
        }
    }
}

#[test]
fn what_goes_through_the_table_has_exact_bounds() {
    for (wide, narrow) in [(7, [8, 9]), (10, [11, 12])] {
        let find = |number| SLOTS.into_iter().find(|each| each.number == number).expect("a type");
        for number in narrow {
            find(number).check_slot_bounds::<M68k>(&find(wide), CORE);
        }
    }
}

#[test]
fn values_that_were_computed_by_hand_are_written() {
    let find = |number| PLAIN.into_iter().find(|each| each.number == number).expect("a type");
    for kind in [Addend::Explicit, Addend::InPlace] {
        let written = |number, s, a| find(number).bytes::<M68k>(kind, s, a, CORE);
        // The place is at 0x01000010.
        assert_eq!(written(1, 0x0012_3456, 0x10), [0x00, 0x12, 0x34, 0x66]);
        assert_eq!(written(2, 0xffff_8000, 1), [0x80, 0x01]);
        assert_eq!(written(2, 0x8000, 1), [0x80, 0x01]);
        assert_eq!(written(3, 0x7f, 1), [0x80]);
        assert_eq!(written(3, 0xffff_ff81, -1), [0x80]);
        assert_eq!(written(4, 0x0012_3456, 0), [0xff, 0x12, 0x34, 0x46]);
        assert_eq!(written(13, 0x0012_3456, -2), [0xff, 0x12, 0x34, 0x44]);
        assert_eq!(written(5, 0x0100_0000, 2), [0xff, 0xf2]);
        assert_eq!(written(14, 0x0100_0000, 2), [0xff, 0xf2]);
        assert_eq!(written(6, 0x0100_0090, -1), [0x7f]);
        assert_eq!(written(15, 0x0100_0090, -1), [0x7f]);
    }
}

#[test]
fn the_bounds_are_exact() {
    const PLACE: u64 = CORE + 0x10;
    for each in PLAIN.into_iter().filter(|each| each.range != Range::Any) {
        let half = 1_i64 << (8 * each.width - 1);
        let base = if each.name.contains("_P") { PLACE as i64 } else { 0 };
        let (first, last) = match each.range {
            Range::Bitfield => (-2 * half, 2 * half - 1),
            _ => (-half, half - 1),
        };
        let fits = |value: i64, a: i64| {
            let s = (base + value - a) as u64 & 0xffff_ffff;
            each.check_one::<M68k>(Addend::Explicit, s, a, CORE)
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
    expect_all::<M68k>(PLAIN.into_iter().chain(SLOTS).chain([NONE]));
}
