//! System V Application Binary Interface, AMD64 Architecture Processor Supplement, table 4.9,
//! "Relocation Types". L, the address of a symbol's procedure linkage table entry, is S: a module
//! has no such table.

use crate::formula::{Addend, Letters, Range, Type, expect_all};
use modlink::arch::X86_64;

const fn plain(
    name: &'static str,
    number: u32,
    width: usize,
    range: Range,
    formula: fn(Letters) -> i128,
) -> Type {
    Type { name, number, width, range, formula, slot_type: None, before: 0 }
}

const fn slot(name: &'static str, number: u32, formula: fn(Letters) -> i128) -> Type {
    let slot_type = Some(9);
    Type { name, number, width: 4, range: Range::Signed, formula, slot_type, before: 0 }
}

const fn wide(name: &'static str, number: u32, formula: fn(Letters) -> i128) -> Type {
    Type { width: 8, range: Range::Any, ..slot(name, number, formula) }
}

pub const TYPES: [Type; 20] = [
    plain("R_X86_64_64", 1, 8, Range::Any, |l| l.S + l.A),
    plain("R_X86_64_PC32", 2, 4, Range::Signed, |l| l.S + l.A - l.P),
    plain("R_X86_64_PLT32", 4, 4, Range::Signed, |l| l.S + l.A - l.P),
    slot("R_X86_64_GOT32", 3, |l| l.G + l.A),
    slot("R_X86_64_GOTPCREL", 9, |l| l.G + l.GOT + l.A - l.P),
    plain("R_X86_64_32", 10, 4, Range::Unsigned, |l| l.S + l.A),
    plain("R_X86_64_32S", 11, 4, Range::Signed, |l| l.S + l.A),
    plain("R_X86_64_PC64", 24, 8, Range::Any, |l| l.S + l.A - l.P),
    plain("R_X86_64_GOTOFF64", 25, 8, Range::Any, |l| l.S + l.A - l.GOT),
    plain("R_X86_64_GOTPC32", 26, 4, Range::Signed, |l| l.GOT + l.A - l.P),
    wide("R_X86_64_GOT64", 27, |l| l.G + l.A),
    wide("R_X86_64_GOTPCREL64", 28, |l| l.G + l.GOT - l.P + l.A),
    plain("R_X86_64_GOTPC64", 29, 8, Range::Any, |l| l.GOT - l.P + l.A),
    wide("R_X86_64_GOTPLT64", 30, |l| l.G + l.A),
    plain("R_X86_64_PLTOFF64", 31, 8, Range::Any, |l| l.S - l.GOT + l.A),
    slot("R_X86_64_GOTPCRELX", 41, |l| l.G + l.GOT + l.A - l.P),
    slot("R_X86_64_REX_GOTPCRELX", 42, |l| l.G + l.GOT + l.A - l.P),
    slot("R_X86_64_CODE_4_GOTPCRELX", 43, |l| l.G + l.GOT + l.A - l.P),
    slot("R_X86_64_CODE_5_GOTPCRELX", 46, |l| l.G + l.GOT + l.A - l.P),
    slot("R_X86_64_CODE_6_GOTPCRELX", 49, |l| l.G + l.GOT + l.A - l.P),
];

const NONE: Type = plain("R_X86_64_NONE", 0, 0, Range::Any, |_| 0);

pub const CORE: u64 = 0xffff_ffff_c000_0000;

#[test]
fn every_type_follows_its_formula() {
    let symbols = [
        1,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        0x1234_5678_9abc_def0,
        0x7fff_ffff_ffff_ffff,
        0xffff_ffff_7fff_ffff,
        0xffff_ffff_8000_0000,
        0xffff_ffff_8123_4567,
        0xffff_ffff_fedc_ba98,
        CORE,
        CORE + 0x10,
        CORE - 0x8000_0000 + 0x10,
        0xffff_ffff_fffe_0000,
        u64::MAX,
    ];
    let addends = [0, 1, -1, -4, 0x7fff_ffff, -0x8000_0000, 0x8000_0000, i64::MAX, i64::MIN];
    let cores = [CORE, 0xffff_ffff_8000_0000, 0xffff_ffff_fe00_0000, 0x40_0000];
    for each in TYPES {
        let addends = if each.has_slot() { &addends[..4] } else { &addends[..] };
        each.check::<X86_64>(Addend::Explicit, &symbols, addends, &cores);
    }
    NONE.check::<X86_64>(Addend::Explicit, &symbols, &addends, &cores);
}

#[test]
fn values_that_were_computed_by_hand_are_written() {
    let find = |number| TYPES.into_iter().find(|each| each.number == number).expect("a type");
    let written = |number, s, a| find(number).bytes::<X86_64>(Addend::Explicit, s, a, CORE);
    // The place is at 0xffffffffc0000010.
    let s = 0xffff_ffff_8123_4567;
    assert_eq!(written(1, s, 0x10), [0x77, 0x45, 0x23, 0x81, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(written(2, s, -4), [0x53, 0x45, 0x23, 0xc1]);
    assert_eq!(written(4, s, -4), [0x53, 0x45, 0x23, 0xc1]);
    assert_eq!(written(10, 0x1234_5678, 8), [0x80, 0x56, 0x34, 0x12]);
    assert_eq!(written(10, 0xffff_fff0, 0xf), [0xff, 0xff, 0xff, 0xff]);
    assert_eq!(written(11, s, -0x67), [0x00, 0x45, 0x23, 0x81]);
    assert_eq!(written(24, s, 0x100), [0x57, 0x46, 0x23, 0xc1, 0xff, 0xff, 0xff, 0xff]);
}

#[test]
fn the_bounds_are_exact() {
    const PLACE: u64 = CORE + 0x10;
    let top: u64 = 0x7fff_ffff;
    let bottom: u64 = 0xffff_ffff_8000_0000;
    let bounded = TYPES.into_iter().filter(|each| each.range != Range::Any);
    for each in bounded.filter(|each| !each.name.contains("GOT")) {
        let (last, first) = match each.name {
            "R_X86_64_32" => (0xffff_ffff, 0),
            "R_X86_64_32S" => (top, bottom),
            _ => (PLACE.wrapping_add(top), PLACE.wrapping_add(bottom)),
        };
        let fits = |s: u64, a| each.check_one::<X86_64>(Addend::Explicit, s, a, CORE);
        assert!(fits(last, 0) && fits(last.wrapping_sub(5), 5), "{}", each.name);
        assert!(!fits(last.wrapping_add(1), 0) && !fits(last, 1), "{}", each.name);
        assert!(fits(first, 0) && fits(first.wrapping_add(5), -5), "{}", each.name);
        assert!(!fits(first.wrapping_sub(1), 0) && !fits(first, -1), "{}", each.name);
    }
}

#[test]
fn what_goes_through_the_table_has_exact_bounds() {
    let bounded = TYPES.into_iter().filter(|each| each.range != Range::Any);
    for each in bounded.filter(|each| each.name.contains("GOT")) {
        each.check_slot_bounds::<X86_64>(&each, CORE);
    }
}

#[test]
fn every_type_that_modules_may_have_is_tried() {
    expect_all::<X86_64>(TYPES.into_iter().chain([NONE]));
}
