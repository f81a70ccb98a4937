//! Addresses from a seed: for the two parts of a module and for the symbols that it imports.

use crate::interval::Interval;
use crate::limits::{Limits, Room, Rooms, SymbolLimits};
use crate::source::{Binding, Source};
use crate::target::Target;
use fnv::FnvHasher;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::hash::Hasher;

/// How the parts of a module lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Each anywhere.
    Apart,
    /// The core part as low and the init part as high as can be.
    CoreLowest,
    /// The init part as low and the core part as high as can be.
    CoreHighest,
    /// The init part right after the core part.
    Contiguous,
}

/// Where a module and what it refers to shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The address of the core part.
    pub core: u64,
    /// The address of the init part.
    pub init: u64,
    /// The address of each undefined symbol; weak ones may have none.
    pub symbols: BTreeMap<Vec<u8>, u64>,
}

/// The numbers that a seed gives for the file of that name.
pub fn random(seed: u64, name: &[u8]) -> ChaCha8Rng {
    let mut hasher = FnvHasher::default();
    hasher.write(name);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&hasher.finish().to_le_bytes());
    ChaCha8Rng::from_seed(bytes)
}

/// Chooses addresses at which every field of a file fits; `None` if there are none.
///
/// A quarter of the files each get their parts anywhere, at either edge of the window, or in one
/// block, as far as their fields allow. Symbols that limited fields refer to are in the window or
/// wherever the fields reach, others in the window; an eighth of the symbols each are at the first
/// and at the last possible address.
pub fn choose(
    source: &Source,
    target: Target,
    rooms: &Rooms,
    random: &mut ChaCha8Rng,
) -> Option<Placement> {
    let limits = Limits::of(source, rooms, target);
    let windows = target.windows();
    let (core, init) =
        windows.iter().find_map(|window| parts(&limits, *window, rooms, target, random))?;
    let mut symbols = BTreeMap::new();
    for (name, binding) in &source.undefined {
        let suits = match limits.symbols.get(name) {
            Some(limits) => limits.addresses(core, init, target),
            None => windows[0],
        };
        if suits.is_empty() {
            return None;
        }
        let may_be_absent = *binding == Binding::Weak
            && !suits.and_modulo(Interval { low: 0, high: 0 }, target.addresses()).is_empty();
        let may_be_absent = may_be_absent || *binding == Binding::Weak && suits == windows[0];
        if may_be_absent && random.random() {
            continue;
        }
        let address = symbol(suits, target, random);
        symbols.insert(name.clone(), address);
    }
    let (core, init) = (target.address(core as u64), target.address(init as u64));
    Some(Placement { core, init, symbols })
}

/// In one file of this count, a symbol is also put where it does not fit.
const OUT_OF_REACH: u32 = 8;

/// For an eighth of the files that have limited fields that refer to undefined symbols: a placement
/// in which one of these does not fit by one.
pub fn out_of_reach(
    source: &Source,
    target: Target,
    rooms: &Rooms,
    placement: &Placement,
    random: &mut ChaCha8Rng,
) -> Option<Placement> {
    if random.random_range(0..OUT_OF_REACH) != 0 {
        return None;
    }
    let limits = Limits::of(source, rooms, target);
    let limited: Vec<(&Vec<u8>, &SymbolLimits)> = limits.symbols.iter().collect();
    if limited.is_empty() {
        return None;
    }
    let (name, symbol) = limited[random.random_range(0..limited.len())];
    let field = random.random_range(0..symbol.field_count());
    let (core, init) = (target.signed(placement.core), target.signed(placement.init));
    let suits = symbol.field(field, core, init);
    let address = if random.random() { suits.low - 1 } else { suits.high + 1 };
    let mut placement = placement.clone();
    placement.symbols.insert(name.clone(), target.address(address as u64));
    Some(placement)
}

/// How often addresses are drawn before a shape is given up.
const DRAWS: usize = 100;

/// The addresses of the core and the init part in a window.
fn parts(
    limits: &Limits,
    window: Interval,
    rooms: &Rooms,
    target: Target,
    random: &mut ChaCha8Rng,
) -> Option<(i128, i128)> {
    let core_suits = window.and_modulo(limits.core, target.addresses());
    let core_range = starts(core_suits, window, rooms.core)?;
    let init_suits = window.and_modulo(limits.init, target.addresses());
    let init_range = starts(init_suits, window, rooms.init)?;
    let shape = match random.random_range(0..4) {
        0 => Shape::Apart,
        1 => Shape::CoreLowest,
        2 => Shape::CoreHighest,
        _ => Shape::Contiguous,
    };
    let draw = |core: i128, shape: Shape, random: &mut ChaCha8Rng| {
        let suits = init_range.and(limits.apart.plus(core));
        Some((core, beside(core, suits, rooms, shape, random)?))
    };
    let first = match shape {
        Shape::CoreLowest => draw(core_range.low, shape, random),
        Shape::CoreHighest => draw(core_range.high, shape, random),
        Shape::Apart | Shape::Contiguous => None,
    };
    first.or_else(|| {
        (0..DRAWS).find_map(|_| {
            let core = pick(core_range, rooms.core.align, random);
            draw(core, shape, random)
        })
    })
}

/// An address for the init part among those that suit it, beside a core part.
fn beside(
    core: i128,
    suits: Interval,
    rooms: &Rooms,
    shape: Shape,
    random: &mut ChaCha8Rng,
) -> Option<i128> {
    let align = rooms.init.align;
    let after_core = Interval { low: core + i128::from(rooms.core.size), ..Interval::ALL };
    let before_core = Interval { high: core - i128::from(rooms.init.size), ..Interval::ALL };
    let ranges = [before_core, after_core].map(|side| suits.and(side).multiples(align.into()));
    let [before, after] = ranges.map(|range| (!range.is_empty()).then_some(range));
    match shape {
        Shape::CoreLowest => after.or(before).map(|range| range.high),
        Shape::CoreHighest => before.or(after).map(|range| range.low),
        Shape::Contiguous => after.or(before).map(|range| range.low),
        Shape::Apart => {
            let (Some(low), Some(high)) = (before, after) else {
                return Some(pick(before.or(after)?, align, random));
            };
            // Each address is as likely as any other.
            let sizes = [low, high].map(|range| range.high - range.low);
            let nth = random.random_range(0..=sizes[0] + sizes[1]);
            Some(pick(if nth <= sizes[0] { low } else { high }, align, random))
        }
    }
}

/// The addresses that suit a part and at which it fits into the window.
fn starts(suits: Interval, window: Interval, room: Room) -> Option<Interval> {
    let last = window.high - (i128::from(room.size.max(1)) - 1);
    let range = suits.and(Interval { low: window.low, high: last }).multiples(room.align.into());
    (!range.is_empty()).then_some(range)
}

fn pick(range: Interval, align: u64, random: &mut ChaCha8Rng) -> i128 {
    let align = i128::from(align);
    range.low + random.random_range(0..=(range.high - range.low) / align) * align
}

fn symbol(suits: Interval, target: Target, random: &mut ChaCha8Rng) -> u64 {
    let usual = target.windows()[0].and_modulo(suits, target.addresses());
    let range = if !usual.is_empty() && random.random() { usual } else { suits };
    let address = match random.random_range(0..8) {
        0 => range.low,
        1 => range.high,
        _ => random.random_range(range.low..=range.high),
    };
    target.address(address as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Spot;
    use crate::source::{Referent, Relocation, Section};
    use modlink::link::Part;
    use object::elf::*;

    fn relocation(r_type: RelocationType, name: &str, target: Target) -> Relocation {
        Relocation {
            offset: 0x10,
            r_type,
            symbol: name.to_owned(),
            referent: Referent::Undefined(name.as_bytes().to_owned()),
            addend: -4,
            in_place: false,
            width: target.width(r_type),
            slot: None,
        }
    }

    /// A core section whose fields of those types each refer to an undefined symbol of its own, and
    /// an empty init section.
    fn source(target: Target, types: &[RelocationType]) -> Source {
        let name = |r_type| target.relocation_name(r_type);
        let relocations: Vec<_> =
            types.iter().map(|each| relocation(*each, &name(*each), target)).collect();
        let section = Section { allocated: true, size: 0x1000, relocations, ..Section::default() };
        let undefined = types.iter().map(|each| (name(*each).into_bytes(), Binding::Global));
        Source {
            sections: vec![Section::default(), section],
            undefined: undefined.collect(),
            ghosts: [].into(),
        }
    }

    fn rooms() -> Rooms {
        Rooms {
            core: Room { size: 0x5000, align: 0x1000 },
            init: Room { size: 0x2000, align: 0x2000 },
            sections: [(1, Spot { part: Part::Core, offset: 0x100 })].into(),
            got: None,
        }
    }

    /// The value of the field of that type at the placement.
    fn value(placement: &Placement, r_type: RelocationType, target: Target) -> i128 {
        let symbol = placement.symbols[target.relocation_name(r_type).as_bytes()];
        let place = if target.is_relative(r_type) { placement.core + 0x110 } else { 0 };
        target.signed(symbol.wrapping_sub(4).wrapping_sub(place))
    }

    #[test]
    fn a_seed_and_a_name_always_give_the_same_placement() {
        let source = source(Target::X86_64, &[R_X86_64_PC32, R_X86_64_32S]);
        let placement =
            |seed, name: &[u8]| choose(&source, Target::X86_64, &rooms(), &mut random(seed, name));
        assert_eq!(placement(1, b"a.ko"), placement(1, b"a.ko"));
        assert_ne!(placement(1, b"a.ko"), placement(2, b"a.ko"));
        assert_ne!(placement(1, b"a.ko"), placement(1, b"b.ko"));
    }

    #[test]
    fn parts_stay_in_the_window_and_reach_its_edges() {
        for target in [Target::X86_64, Target::I386, Target::M68k] {
            let (rooms, window) = (rooms(), target.windows()[0]);
            let (mut lowest, mut highest) = (Interval::ALL.high, Interval::ALL.low);
            for seed in 0..500 {
                let placement =
                    choose(&source(target, &[]), target, &rooms, &mut random(seed, b"x")).unwrap();
                for (at, room) in [(placement.core, rooms.core), (placement.init, rooms.init)] {
                    assert!(at.is_multiple_of(room.align));
                    let first = match target {
                        Target::X86_64 => target.signed(at),
                        Target::I386 | Target::M68k => i128::from(at),
                    };
                    let last = first + i128::from(room.size) - 1;
                    assert!(window.contains(first) && window.contains(last));
                    lowest = lowest.min(first);
                    highest = highest.max(last);
                }
                let (a, b) = (placement.core, placement.init);
                let (a_last, b_last) = (a + (rooms.core.size - 1), b + (rooms.init.size - 1));
                assert!(a_last < b || b_last < a, "parts overlap");
            }
            assert!(lowest - window.low <= 0x1000);
            assert!(window.high - highest <= 0x2000);
        }
    }

    #[test]
    fn narrow_fields_get_values_at_both_ends_of_what_ld_writes_and_none_beyond() {
        let cases: [(Target, &[RelocationType]); 3] = [
            (Target::X86_64, &[R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_32S, R_X86_64_32]),
            (Target::I386, &[R_386_16, R_386_8, R_386_PC16, R_386_PC8]),
            (Target::M68k, &[R_68K_16, R_68K_8, R_68K_PC16, R_68K_PC8]),
        ];
        for (target, types) in cases {
            for r_type in types {
                let range = target.range(*r_type).unwrap();
                let (mut least, mut greatest) = (range.high, range.low);
                let mut beyond = [false; 2];
                for seed in 0..500 {
                    let source = source(target, &[*r_type]);
                    let mut random = random(seed, b"x");
                    let placement = choose(&source, target, &rooms(), &mut random).unwrap();
                    let found = value(&placement, *r_type, target);
                    assert!(range.contains(found), "{target:?}, {r_type}: {found:#x}");
                    least = least.min(found);
                    greatest = greatest.max(found);
                    if let Some(placement) =
                        out_of_reach(&source, target, &rooms(), &placement, &mut random)
                    {
                        let found = value(&placement, *r_type, target);
                        beyond[0] |= found == range.low - 1;
                        beyond[1] |= found == range.high + 1;
                        assert!(!range.contains(found), "{target:?}, {r_type}: {found:#x}");
                    }
                }
                assert_eq!((least, greatest), (range.low, range.high), "{target:?}, {r_type}");
                assert_eq!(beyond, [true; 2], "{target:?}, {r_type}");
            }
        }
    }

    #[test]
    fn parts_that_refer_to_each_other_by_16_bits_are_near_each_other() {
        let target = Target::M68k;
        let mut source = source(target, &[R_68K_PC16]);
        source.sections[1].relocations[0].referent = Referent::Own { section: 2, offset: 6 };
        source.sections.push(Section { allocated: true, size: 8, ..Section::default() });
        let mut rooms = rooms();
        rooms.sections.insert(2, Spot { part: Part::Init, offset: 0 });
        for seed in 0..100 {
            let placement = choose(&source, target, &rooms, &mut random(seed, b"x")).unwrap();
            let value = i128::from(placement.init) + 6 - 4 - i128::from(placement.core + 0x110);
            assert!(target.range(R_68K_PC16).unwrap().contains(value), "{value:#x}");
        }
    }
}
