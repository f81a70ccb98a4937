//! Changes of one thing at a time: a field of the header, of a section, a symbol, a relocation.

use crate::elf::{Format, Table};
use libfuzzer_sys::fuzzer_mutate;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Changes a file in place, for `libfuzzer_sys::fuzz_mutator!`. Returns its new size.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = SmallRng::seed_from_u64(seed.into());
    let file = &mut data[..size];
    match Format::of(file) {
        Some(format) if !random.random_ratio(1, 8) => {
            let changes = if random.random_ratio(3, 4) { 1 } else { random.random_range(2..6) };
            for _ in 0..changes {
                change(format, file, &mut random);
            }
            size
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
}

/// Changes one entry of one table.
fn change(format: Format, file: &mut [u8], random: &mut SmallRng) {
    let tables = format.tables(file);
    let Some(table) = tables.choose(random) else { return };
    let entry = random.random_range(0..table.len());
    if random.random_ratio(1, 10) {
        let from = table.entry(random.random_range(0..table.len()));
        file.copy_within(from, table.entry(entry).start);
        return;
    }
    let field = random.random_range(0..table.fields());
    let Some(place) = table.field(entry, field) else { return };
    let value = value(format, file, table, entry, field, random);
    format.set(file, place, value);
}

/// A number that a loader may take for a good one, or stumble over.
fn value(
    format: Format,
    file: &[u8],
    table: &Table,
    entry: usize,
    field: usize,
    random: &mut SmallRng,
) -> u64 {
    let read = |entry| format.get(file, table.field(entry, field).unwrap_or(0..0));
    let old = read(entry);
    match random.random_range(0..9) {
        0 => old.wrapping_add(random.random_range(0..=16)).wrapping_sub(8),
        1 => old ^ 1 << random.random_range(0..64),
        2 => read(random.random_range(0..table.len())),
        3 => random.random_range(0..=40),
        4 => 1_u64 << random.random_range(0..64),
        5 => (1_u64 << random.random_range(0..64)).wrapping_sub(1),
        6 => (file.len() as u64).wrapping_add(random.random_range(0..=16)).wrapping_sub(8),
        7 => (random.random_range(0..=16_u64)).wrapping_sub(16),
        _ => random.random(),
    }
}
