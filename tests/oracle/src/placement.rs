//! Addresses from a seed: for the two parts of a module and for the symbols that it imports.

use crate::source::{Source, Undefined};
use crate::target::Target;
use fnv::FnvHasher;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::ops::RangeInclusive;

/// The room that a part needs.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes; 0 if the part is empty.
    pub size: u64,
    /// What its address must be a multiple of.
    pub align: u64,
}

/// How the parts of a module lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Each anywhere.
    Apart,
    /// The core part as low and the init part as high as can be.
    CoreLowest,
    /// The init part as low and the core part as high as can be.
    CoreHighest,
    /// The init part right behind the core part.
    Joined,
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

/// Chooses addresses for a file whose parts need that much room; `None` if there is not so much.
///
/// A quarter of the files each get their parts anywhere, at either edge of the window, or in one
/// block. An eighth of the symbols each are at the window's first and last possible address.
pub fn choose(
    source: &Source,
    target: Target,
    core: Room,
    init: Room,
    random: &mut ChaCha8Rng,
) -> Option<Placement> {
    let window = shrink(target, target.window(), source.own_addends);
    let shape = match random.random_range(0..4) {
        0 => Shape::Apart,
        1 => Shape::CoreLowest,
        2 => Shape::CoreHighest,
        _ => Shape::Joined,
    };
    let (core_at, init_at) = parts(shape, &window, core, init, random)?;
    let mut symbols = BTreeMap::new();
    for (name, undefined) in &source.undefined {
        if name.is_empty() || undefined.weak && random.random() {
            continue;
        }
        symbols.insert(name.clone(), symbol(undefined, target, core_at, random));
    }
    Some(Placement { core: core_at, init: init_at, symbols })
}

/// The part of the window in which an address plus any of the addends stays in the window.
fn shrink(
    target: Target,
    window: RangeInclusive<u64>,
    (least, greatest): (i64, i64),
) -> RangeInclusive<u64> {
    if target.wraps() {
        return window;
    }
    let low = window.start().saturating_add(least.min(0).unsigned_abs());
    let high = window.end().saturating_sub(greatest.max(0).unsigned_abs());
    low..=high
}

fn parts(
    shape: Shape,
    window: &RangeInclusive<u64>,
    core: Room,
    init: Room,
    random: &mut ChaCha8Rng,
) -> Option<(u64, u64)> {
    let core_range = starts(window, core)?;
    let init_range = starts(window, init)?;
    let ends = |range: &RangeInclusive<u64>| (*range.start(), *range.end());
    let chosen = match shape {
        Shape::CoreLowest => (ends(&core_range).0, ends(&init_range).1),
        Shape::CoreHighest => (ends(&core_range).1, ends(&init_range).0),
        Shape::Joined => {
            let offset = core.size.next_multiple_of(init.align);
            let both = Room { size: offset + init.size, align: core.align.max(init.align) };
            let at = pick(&starts(window, both)?, both.align, random);
            (at, at + offset)
        }
        Shape::Apart => loop {
            let core_at = pick(&core_range, core.align, random);
            let init_at = pick(&init_range, init.align, random);
            if core_at.abs_diff(init_at) >= core.size.max(init.size) {
                break (core_at, init_at);
            }
        },
    };
    Some(chosen)
}

/// The addresses, first and last, at which a part fits into the window.
fn starts(window: &RangeInclusive<u64>, room: Room) -> Option<RangeInclusive<u64>> {
    let low = window.start().checked_next_multiple_of(room.align)?;
    let high = window.end().checked_sub(room.size.max(1) - 1)?;
    let high = high - high % room.align;
    (low <= high).then_some(low..=high)
}

fn pick(range: &RangeInclusive<u64>, align: u64, random: &mut ChaCha8Rng) -> u64 {
    let steps = (range.end() - range.start()) / align;
    range.start() + random.random_range(0..=steps) * align
}

fn symbol(undefined: &Undefined, target: Target, core: u64, random: &mut ChaCha8Rng) -> u64 {
    let window = target.window();
    if let Some(below) = undefined.below {
        return random.random_range(0..below);
    }
    if let Some(near) = undefined.near {
        let low = core.saturating_sub(near).max(*window.start());
        let high = core.saturating_add(near).min(*window.end());
        return random.random_range(low..=high);
    }
    let range = shrink(target, window, undefined.addends);
    match random.random_range(0..8) {
        0 => *range.start(),
        1 => *range.end(),
        _ => random.random_range(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn source() -> Source {
        let plain = Undefined { addends: (-5, 40), ..Undefined::default() };
        let near = Undefined { near: Some(1 << 14), ..Undefined::default() };
        Source {
            sections: Vec::new(),
            undefined: [(b"plain".to_vec(), plain), (b"near".to_vec(), near)].into(),
            ghosts: BTreeSet::new(),
            own_addends: (-4, 100),
        }
    }

    #[test]
    fn a_seed_and_a_name_always_give_the_same_placement() {
        let room = Room { size: 0x3000, align: 0x1000 };
        let placement = |seed, name: &[u8]| {
            choose(&source(), Target::X86_64, room, room, &mut random(seed, name))
        };
        assert_eq!(placement(1, b"a.ko"), placement(1, b"a.ko"));
        assert_ne!(placement(1, b"a.ko"), placement(2, b"a.ko"));
        assert_ne!(placement(1, b"a.ko"), placement(1, b"b.ko"));
    }

    #[test]
    fn parts_and_symbols_stay_in_the_window_and_reach_its_edges() {
        for target in [Target::X86_64, Target::I386, Target::M68k] {
            let (core, init) =
                (Room { size: 0x5000, align: 0x1000 }, Room { size: 0x2000, align: 0x2000 });
            let window = target.window();
            let (mut lowest, mut highest) = (u64::MAX, 0);
            for seed in 0..500 {
                let placement =
                    choose(&source(), target, core, init, &mut random(seed, b"x")).unwrap();
                for (at, room) in [(placement.core, core), (placement.init, init)] {
                    assert!(at.is_multiple_of(room.align));
                    assert!(window.contains(&at) && window.contains(&(at + (room.size - 1))));
                    lowest = lowest.min(at);
                    highest = highest.max(at + (room.size - 1));
                }
                let (a, b) = (placement.core, placement.init);
                assert!(a + (core.size - 1) < b || b + (init.size - 1) < a, "parts overlap");
                let plain = placement.symbols[&b"plain"[..]];
                assert!(window.contains(&plain));
                if !target.wraps() {
                    assert!(window.contains(&(plain - 5)));
                    assert!(plain.checked_add(40).is_some());
                }
                assert!(placement.symbols[&b"near"[..]].abs_diff(a) <= 1 << 14);
            }
            assert!(lowest - window.start() <= 0x1000);
            assert!(window.end() - highest <= 0x2000);
        }
    }
}
