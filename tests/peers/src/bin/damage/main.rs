//! 200 real modules, each with 50 single bytes of its headers, symbols and relocations changed in
//! turn: what modlink and other loaders make of them. Prints a table; fails unless modlink rejects
//! or loads each.

#[expect(dead_code, reason = "fuzzing also writes fields")]
#[path = "../../../../fuzz/src/elf.rs"]
mod elf;
mod loaders;
mod memory;
mod outcome;

use elf::Format;
use modlink::arch::X86_64;
use modlink_host::corpus;
use outcome::Outcome;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::process::ExitCode;

const MODULES: usize = 200;
const CHANGES: usize = 50;
const SEED: u64 = 20020915;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let files = modules();
    println!("{} modules, {CHANGES} changes each, seed {SEED}", files.len());
    let mut counts = [[0_usize; Outcome::ALL.len()]; loaders::ALL.len()];
    for (index, file) in files.iter().enumerate() {
        for changed in changed(file, SEED + index as u64) {
            for ((_, load), counts) in loaders::ALL.into_iter().zip(&mut counts) {
                counts[outcome::of(load, &changed) as usize] += 1;
            }
        }
    }
    print!("{:<18}", "");
    Outcome::ALL.iter().for_each(|outcome| print!("{:>13}", format!("{outcome:?}")));
    for ((name, _), counts) in loaders::ALL.iter().zip(&counts) {
        print!("\n{name:<18}");
        counts.iter().for_each(|count| print!("{count:>13}"));
    }
    println!();
    let ours = &counts[0];
    let good = ours[Outcome::Loaded as usize] + ours[Outcome::Rejected as usize];
    if good == ours.iter().sum() && good != 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Modules, spread over all that there are, that each loader takes as they are. (elf_loader has no
/// R_X86_64_PC64, which two fifths of all modules need.)
fn modules() -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = corpus::files::<X86_64>().into_values().collect();
    paths.sort();
    let read = |path| std::fs::read(path).expect("a module");
    let candidates: Vec<_> = paths.iter().step_by(paths.len() / (2 * MODULES)).map(read).collect();
    let names = candidates.iter().flat_map(|file| corpus::undefined_symbols(file));
    loaders::define(names.collect::<BTreeSet<_>>());
    let taken = |file: &Vec<u8>| {
        loaders::ALL.iter().all(|(_, load)| outcome::of(*load, file) == Outcome::Loaded)
    };
    let files: Vec<_> = candidates.into_iter().filter(taken).take(MODULES).collect();
    assert_eq!(files.len(), MODULES, "so few modules that each loader takes");
    files
}

/// A file with one byte changed, [`CHANGES`] times: of the file header, a section header, a symbol or
/// a relocation, each as often.
fn changed(file: &[u8], seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let format = Format::of(file).expect("an ELF file");
    let tables = format.tables(file);
    let (headers, others) = tables.split_at(2);
    let (symbols, relocations): (Vec<_>, Vec<_>) =
        others.iter().cloned().partition(|table| table.fields() == 6);
    let kinds = [headers[..1].to_vec(), headers[1..].to_vec(), symbols, relocations];
    (0..CHANGES).map(move |_| {
        let kind = kinds.choose(&mut random).expect("four kinds");
        let table = kind.choose(&mut random).expect("a module has each");
        let entry = random.random_range(0..table.len());
        let place = random.random_range(table.entry(entry));
        let mut changed = file.to_vec();
        changed[place] = changed[place].wrapping_add(random.random_range(1..=255));
        changed
    })
}
