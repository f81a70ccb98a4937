//! A formula of a psABI and whether linking follows it.

use crate::edit::{At, Edit, SHT_REL, SHT_RELA};
use crate::linked::{Linked, Place, object, word};
use modlink::arch::{Arch, ByteOrder};
use modlink::link::{Error, Problem};
use std::collections::BTreeSet;

/// What a formula is about; the letters are the psABIs'.
#[derive(Clone, Copy, Debug)]
#[allow(non_snake_case, reason = "the psABIs write them so")]
pub struct Letters {
    pub S: i128,
    pub A: i128,
    pub P: i128,
    pub GOT: i128,
    pub G: i128,
}

/// Which values a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// All: they are cut to the width.
    Any,
    /// Those of two's complement.
    Signed,
    /// Those that are not negative.
    Unsigned,
    /// Those of n bits and a sign beside them: −2ⁿ … 2ⁿ − 1.
    Bitfield,
}

/// A relocation type.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    pub name: &'static str,
    pub number: u32,
    /// The width of the field in bytes.
    pub width: usize,
    pub range: Range,
    pub formula: fn(Letters) -> i128,
    /// If the formula has G: a type of 32 bits that gives another symbol a slot.
    pub slot_type: Option<u32>,
    /// The byte before the place, in case it matters.
    pub before: u8,
}

/// Where the addend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addend {
    /// In the relocation (`SHT_RELA`).
    Explicit,
    /// At the place (`SHT_REL`).
    InPlace,
}

/// The offset of the place in `.text`.
const OFFSET: u64 = 0x10;

/// The offset of the place of another symbol, where the formula has G.
const OTHER_OFFSET: usize = 0x1c;

/// The bytes of `.text`.
const TEXT: usize = 0x20;

/// What stands around the place and has to stay.
const FILLER: u8 = 0x5a;

impl Type {
    /// Compares what linking writes with the formula for every combination of these numbers:
    /// addresses of the symbol, addends, and addresses of the core part.
    pub fn check<A: Arch>(&self, kind: Addend, symbols: &[u64], addends: &[i64], cores: &[u64]) {
        let (mut fit, mut too_large) = (0, 0);
        for s in symbols {
            for a in addends {
                for core in cores {
                    if self.check_one::<A>(kind, *s, *a, *core) {
                        fit += 1;
                    } else {
                        too_large += 1;
                    }
                }
            }
        }
        assert!(fit > 0, "{self:?}: nothing that fits was tried");
        let has_bound = self.range != Range::Any && !self.has_slot();
        assert!(too_large > 0 || !has_bound, "{self:?}: all that was tried fits");
    }

    /// Links one place; says whether the value fitted.
    pub fn check_one<A: Arch>(&self, kind: Addend, s: u64, a: i64, core: u64) -> bool {
        let file = self.file::<A>(kind, a);
        let result =
            Linked::new::<A>(&file, core, |name| Some(if name == "symbol" { s } else { OTHER }));
        let a = match kind {
            Addend::Explicit => a,
            Addend::InPlace => cut(a, self.width),
        };
        let what = format!("{} S={s:#x} A={a:#x} core={core:#x} {kind:?}", self.name);
        let letters = |got: i128, g: i128| Letters {
            S: s.into(),
            A: a.into(),
            P: i128::from(core) + i128::from(OFFSET),
            GOT: got,
            G: g,
        };
        match result {
            Ok(linked) => {
                let got = linked.got().unwrap_or(0);
                let g = if self.has_slot() { slot_of::<A>(&linked, s, &what) } else { 0 };
                let value = (self.formula)(letters(got.into(), g.into()));
                assert!(self.holds::<A>(value), "{what}: {value:#x} does not fit and was written");
                self.check_bytes::<A>(&linked, core, value, &what);
                true
            }
            Err(Error::Relocation { relocation, problem: Problem::Overflow { value } }) => {
                assert!(!self.has_slot(), "{what}: slots are near");
                let near = Linked::new::<A>(&self.file::<A>(kind, 0), core, |_| Some(s)).ok();
                let got = near.and_then(|linked| linked.got()).unwrap_or(0);
                let expected = reduced::<A>((self.formula)(letters(got.into(), 0)));
                assert!(!self.holds::<A>(expected), "{what}: {expected:#x} fits and was rejected");
                assert_eq!(value as i64, expected as i64, "{what}");
                assert_eq!((relocation.offset, relocation.r_type), (OFFSET, self.number));
                assert_eq!(relocation.symbol.name.as_bytes(), b"symbol");
                false
            }
            Err(other) => panic!("{what}: {other}"),
        }
    }

    /// Tries addends that take the value just to the ends of what a signed field holds, and just
    /// beyond.
    /// `wide` is a type of the same formula whose field holds the value without an addend.
    pub fn check_slot_bounds<A: Arch>(&self, wide: &Self, core: u64) {
        let link = |each: &Self, a: i64| {
            let file = each.file::<A>(Addend::Explicit, a);
            let linked = Linked::new::<A>(&file, core, |_| Some(OTHER))?;
            Ok::<_, Error>(linked.number::<A>(core + OFFSET, each.width))
        };
        let without_addend = link(wide, 0).expect("it fits");
        let half = 1_i64 << (8 * self.width - 1);
        for value in [half - 1, -half] {
            let a = value - without_addend;
            assert_eq!(link(self, a), Ok(value), "{}: A={a:#x}", self.name);
        }
        for value in [half, -half - 1] {
            let a = value - without_addend;
            let Err(Error::Relocation { relocation, problem }) = link(self, a) else {
                panic!("{}: A={a:#x} is accepted", self.name);
            };
            assert_eq!(problem, Problem::Overflow { value: value as u64 }, "{}", self.name);
            assert_eq!((relocation.offset, relocation.r_type), (OFFSET, self.number));
        }
    }

    /// What linking makes of one place, whole: the bytes of the field.
    pub fn bytes<A: Arch>(&self, kind: Addend, s: u64, a: i64, core: u64) -> Vec<u8> {
        let file = self.file::<A>(kind, a);
        let linked = Linked::new::<A>(&file, core, |_| Some(s))
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        linked.at(core + OFFSET, self.width).to_vec()
    }

    /// The bytes of the section that holds the place, or `None` if the value overflows.
    pub fn text<A: Arch>(&self, kind: Addend, s: u64, a: i64, core: u64) -> Option<Vec<u8>> {
        match Linked::new::<A>(&self.file::<A>(kind, a), core, |_| Some(s)) {
            Ok(linked) => Some(linked.at(core, TEXT).to_vec()),
            Err(Error::Relocation { problem: Problem::Overflow { .. }, .. }) => None,
            Err(other) => panic!("{}: {other}", self.name),
        }
    }

    /// The address of the place.
    pub const fn place(&self, core: u64) -> u64 {
        core + OFFSET
    }

    /// The object with one relocation of this type, to `symbol`.
    pub fn file<A: Arch>(&self, kind: Addend, a: i64) -> Vec<u8> {
        let mut text = vec![FILLER; TEXT];
        let place = OFFSET as usize..OFFSET as usize + self.width;
        text[place.start - 1] = self.before;
        text[place.clone()].fill(0);
        let addend = match kind {
            Addend::Explicit => a,
            Addend::InPlace => {
                text[place].copy_from_slice(&number::<A>(a.into(), self.width));
                0
            }
        };
        let mut places =
            vec![Place { offset: OFFSET, r_type: self.number, symbol: "symbol", addend }];
        if let Some(r_type) = self.slot_type {
            // Another symbol comes first, so that the slot in question is not the first.
            text[OTHER_OFFSET - 1] = self.before;
            text[OTHER_OFFSET..OTHER_OFFSET + 4].fill(0);
            let other = Place { offset: OTHER_OFFSET as u64, r_type, symbol: "other", addend: 0 };
            places.insert(0, other);
        }
        let file = object::<A>(&text, &places);
        if kind == Addend::InPlace { with_rel(&file) } else { file }
    }

    /// Whether the formula has G.
    pub const fn has_slot(&self) -> bool {
        self.slot_type.is_some()
    }

    fn holds<A: Arch>(&self, value: i128) -> bool {
        let bits = 8 * self.width as u32;
        let value = reduced::<A>(value);
        let signed = || (-(1 << (bits - 1))..1 << (bits - 1)).contains(&value);
        // Unsigned numbers are those of a word.
        let unsigned = || (0..1 << bits).contains(&value);
        match self.range {
            Range::Any => true,
            Range::Signed => signed(),
            Range::Unsigned => unsigned(),
            Range::Bitfield => (-(1 << bits)..1 << bits).contains(&value),
        }
    }

    fn check_bytes<A: Arch>(&self, linked: &Linked, core: u64, value: i128, what: &str) {
        let expected = number::<A>(value, self.width);
        assert_eq!(linked.at(core + OFFSET, self.width), expected, "{what}");
        assert_eq!(linked.at(core, OFFSET as usize - 1), [FILLER; OFFSET as usize - 1], "{what}");
        let after = core + OFFSET + self.width as u64;
        let end = if self.has_slot() { OTHER_OFFSET - 1 } else { TEXT };
        let rest = end - OFFSET as usize - self.width;
        assert_eq!(linked.at(after, rest), vec![FILLER; rest], "{what}");
    }
}

/// The address of the symbol that is not in question.
const OTHER: u64 = 0x1234;

/// The offset of the slot that holds `s`; there has to be one, beside that of the other symbol.
fn slot_of<A: Arch>(linked: &Linked, s: u64, what: &str) -> u64 {
    let slots = linked.slots::<A>();
    assert_eq!(slots.len(), 2, "{what}: {slots:x?}");
    assert!(slots.contains(&OTHER), "{what}: {slots:x?}");
    let position = slots.iter().position(|slot| *slot == s);
    position.unwrap_or_else(|| panic!("{what}: {slots:x?}")) as u64 * word::<A>() as u64
}

/// A value as the signed number that it is modulo the word of the architecture.
fn reduced<A: Arch>(value: i128) -> i128 {
    match word::<A>() {
        4 => (value as i32).into(),
        _ => (value as i64).into(),
    }
}

/// The lowest bytes of a value in the byte order of the architecture.
fn number<A: Arch>(value: i128, width: usize) -> Vec<u8> {
    let mut bytes = value.to_le_bytes()[..width].to_vec();
    if A::ORDER == ByteOrder::Big {
        bytes.reverse();
    }
    bytes
}

/// A number cut to a width and sign-extended again.
fn cut(value: i64, width: usize) -> i64 {
    if width == 0 {
        return 0;
    }
    let unused = 64 - 8 * width as u32;
    value << unused >> unused
}

/// The same file with relocations that keep their addends at the places.
fn with_rel(file: &[u8]) -> Vec<u8> {
    let mut file = Edit::new(file);
    let table = file.relocations_of(file.section(".text"));
    if file.get(At::Section(table, "sh_type")) == SHT_RELA {
        let count = file.relocation_count(table);
        let entries: Vec<[u64; 2]> = (0..count)
            .map(|n| ["r_offset", "r_info"].map(|field| file.get(At::Relocation(table, n, field))))
            .collect();
        let size = 2 * file.get(At::Section(table, "sh_entsize")) / 3;
        file.set(At::Section(table, "sh_type"), SHT_REL);
        file.set(At::Section(table, "sh_entsize"), size);
        file.set(At::Section(table, "sh_size"), size * count as u64);
        for (n, [offset, info]) in entries.into_iter().enumerate() {
            file.set(At::Relocation(table, n, "r_offset"), offset);
            file.set(At::Relocation(table, n, "r_info"), info);
        }
    }
    file.into_bytes()
}

/// The types that modules of the architecture may have are these and no others.
pub fn expect_all<A: Arch>(types: impl IntoIterator<Item = Type>) {
    let tried: BTreeSet<u32> = types.into_iter().map(|each| each.number).collect();
    let known: BTreeSet<u32> = (0..=255).filter(|r_type| A::howto(*r_type).is_some()).collect();
    assert_eq!(tried, known);
}
