//! Which addresses let every relocation of a file fit its field, by GNU ld's rules.

use crate::interval::Interval;
use crate::source::{Referent, Relocation, Source};
use crate::target::{Needs, Target};
use modlink::link::Part;
use std::collections::BTreeMap;

/// The room that a part needs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    /// Bytes; 0 if the part is empty.
    pub size: u64,
    /// What its address must be a multiple of.
    pub align: u64,
}

/// Where something is within a module.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    /// In which part.
    pub part: Part,
    /// The offset from its start.
    pub offset: u64,
}

/// How a file is laid out.
#[derive(Clone, Debug, Default)]
pub struct Rooms {
    /// The core part.
    pub core: Room,
    /// The init part.
    pub init: Room,
    /// Where the sections are, by their indices.
    pub sections: BTreeMap<usize, Spot>,
    /// Where the global offset table is, and its size.
    pub got: Option<(Spot, u64)>,
}

/// What the fields of a file ask of addresses.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of the core part.
    pub core: Interval,
    /// Of the init part.
    pub init: Interval,
    /// Of the distance from the core part to the init part.
    pub apart: Interval,
    /// Of undefined symbols. One that is not here may be anywhere.
    pub symbols: BTreeMap<Vec<u8>, SymbolLimits>,
}

/// What the fields that refer to an undefined symbol ask of its address.
#[derive(Clone, Debug)]
pub struct SymbolLimits {
    /// Absolute fields: of the address.
    absolute: Interval,
    /// Fields in the core part: of the distance from the start of that.
    from_core: Interval,
    /// Fields in the init part: of the distance from the start of that.
    from_init: Interval,
    /// Each field with the part from whose start it counts.
    fields: Vec<(Option<Part>, Interval)>,
}

/// By how many bytes at most GNU ld's table is longer than ours: the words that it reserves.
const RESERVED: u64 = 64;

impl Limits {
    /// Those of all fields of a file.
    pub fn of(source: &Source, rooms: &Rooms, target: Target) -> Self {
        let mut limits = Self {
            core: Interval::ALL,
            init: Interval::ALL,
            apart: Interval::ALL,
            symbols: BTreeMap::new(),
        };
        for (index, section) in source.sections.iter().enumerate() {
            let Some(&spot) = rooms.sections.get(&index) else { continue };
            for relocation in &section.relocations {
                if let Some(range) = target.range(relocation.r_type) {
                    limits.add(relocation, range, spot, rooms, target);
                }
            }
        }
        let symbols: Vec<_> = limits.symbols.values().cloned().collect();
        symbols.iter().for_each(|symbol| limits.reach(symbol));
        limits
    }

    fn add(
        &mut self,
        relocation: &Relocation,
        range: Interval,
        section: Spot,
        rooms: &Rooms,
        target: Target,
    ) {
        let is_relative = target.is_relative(relocation.r_type);
        let offset = i128::from(section.offset) + i128::from(relocation.offset);
        let place = is_relative.then_some((section.part, offset));
        // What the address, or its distance from the part's start, may be.
        let fits = range.plus(-i128::from(relocation.addend));
        // To a REL field, ld adds what stands there; both the value and the sum must fit.
        let both = if relocation.in_place { fits.and(range) } else { fits };
        let counted = |values: Interval| values.plus(place.map_or(0, |(_, offset)| offset));

        let needs = target.needs(relocation.r_type, &[]);
        if needs != Needs::Nothing || relocation.referent == Referent::Got {
            // The distance to any part of the table; of offsets in it, we choose nothing.
            let (Some((got, size)), Some(_)) = (rooms.got, place) else { return };
            let table = Interval {
                low: i128::from(got.offset),
                high: i128::from(got.offset) + i128::from(2 * size + RESERVED),
            };
            let values = counted(both);
            let start = Interval { low: values.low - table.low, high: values.high - table.high };
            self.own(got.part, place.map(|(part, _)| part), start);
            return;
        }
        match &relocation.referent {
            Referent::Number | Referent::Got => {}
            Referent::Own { section, offset } => {
                let Some(spot) = rooms.sections.get(section) else { return };
                let at = i128::from(spot.offset) + target.signed(*offset);
                let values = counted(both).plus(-at);
                self.own(spot.part, place.map(|(part, _)| part), values);
            }
            Referent::Undefined(name) => {
                let symbol = self.symbols.entry(name.clone()).or_default();
                let limit = match place {
                    None => &mut symbol.absolute,
                    Some((Part::Core, _)) => &mut symbol.from_core,
                    Some((Part::Init, _)) => &mut symbol.from_init,
                };
                *limit = limit.and(counted(both));
                symbol.fields.push((place.map(|(part, _)| part), counted(fits)));
            }
        }
    }

    /// The start of `part`, or its distance from the start of the part `from`, is in `values`.
    fn own(&mut self, part: Part, from: Option<Part>, values: Interval) {
        let (limit, values) = match (part, from) {
            (Part::Core, None) => (&mut self.core, values),
            (Part::Init, None) => (&mut self.init, values),
            (Part::Init, Some(Part::Core)) => (&mut self.apart, values),
            (Part::Core, Some(Part::Init)) => {
                (&mut self.apart, Interval { low: -values.high, high: -values.low })
            }
            // The distance is what it is.
            (Part::Core, Some(Part::Core)) | (Part::Init, Some(Part::Init)) => return,
        };
        *limit = limit.and(values);
    }

    /// An undefined symbol is where fields in both parts reach it.
    fn reach(&mut self, symbol: &SymbolLimits) {
        self.core = self.core.and(symbol.absolute.minus(symbol.from_core));
        self.init = self.init.and(symbol.absolute.minus(symbol.from_init));
        self.apart = self.apart.and(symbol.from_core.minus(symbol.from_init));
    }
}

impl Default for SymbolLimits {
    fn default() -> Self {
        Self {
            absolute: Interval::ALL,
            from_core: Interval::ALL,
            from_init: Interval::ALL,
            fields: Vec::new(),
        }
    }
}

impl SymbolLimits {
    /// The addresses that suit all fields, given the parts' addresses.
    pub fn addresses(&self, core: i128, init: i128, target: Target) -> Interval {
        let mut addresses = Interval::ALL;
        for limit in [self.from_core.plus(core), self.from_init.plus(init), self.absolute] {
            addresses = if addresses.is_limited() {
                addresses.and_modulo(limit, target.addresses())
            } else {
                limit
            };
        }
        addresses
    }

    /// How many fields refer to the symbol.
    pub fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// The addresses that suit one of the fields.
    pub fn field(&self, index: usize, core: i128, init: i128) -> Interval {
        let (part, values) = self.fields[index];
        values.plus(match part {
            None => 0,
            Some(Part::Core) => core,
            Some(Part::Init) => init,
        })
    }
}
