//! Exception tables: sorted, read and searched, against a list in order.

#![no_main]

use libfuzzer_sys::fuzz_target;
use modlink::arch::{Arch, Class, I386, M68k, X86_64};
use modlink::exceptions::{Exception, Table, TableProblem};
use modlink_host::work;

/// The first eight bytes are the table's address, the rest is the table.
fuzz_target!(|data: &[u8]| {
    let Some((address, table)) = data.split_first_chunk() else { return };
    let address = u64::from_le_bytes(*address);
    one::<X86_64>(address, table);
    one::<I386>(address, table);
    one::<M68k>(address, table);
});

/// The most basic blocks that a step of sorting or searching may take.
const STEP: u64 = 100;

fn one<A: Arch>(address: u64, bytes: &[u8]) {
    let address = if A::CLASS == Class::Elf32 { address & 0xffff_ffff } else { address };
    let mut sorted = bytes.to_vec();
    let before = work::done();
    let result = Table::<A>::sort(&mut sorted, address);
    let steps = bytes.len().max(2) as u64 * u64::from(bytes.len().max(2).ilog2());
    assert!(
        work::done() - before <= STEP * steps,
        "{} bytes: {}",
        bytes.len(),
        work::done() - before
    );
    if let Err(problem) = result {
        assert_eq!(sorted, bytes, "{problem}");
        assert!(matches!(problem, TableProblem::Size(_) | TableProblem::Distance { .. }));
        return;
    }
    let table = Table::<A>::new(&sorted, address).expect("it is in order");
    let all: Vec<(u64, Exception)> = table.iter().collect();
    assert_eq!(all.len(), table.len());
    assert!(all.is_sorted_by_key(|(instruction, _)| *instruction));
    // What a table that is in order says, sorting does not change.
    let was_in_order = Table::<A>::new(bytes, address).is_ok();
    assert_eq!(was_in_order, sorted == bytes);
    // Of those for one instruction, which follow each other, one.
    for same in all.chunk_by(|a, b| a.0 == b.0) {
        let (instruction, _) = same[0];
        let found = table.find(instruction).expect("it is there");
        assert!(same.contains(&(instruction, found)));
        let next = instruction.wrapping_add(1);
        let is_there = all.binary_search_by_key(&next, |(at, _)| *at).is_ok();
        assert_eq!(table.find(next).is_some(), is_there);
    }
    assert_eq!(digest::<A>(bytes, address), digest::<A>(&sorted, address));
}

/// A number that is the same for the same entries in any order.
fn digest<A: Arch>(bytes: &[u8], address: u64) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    let size = if A::NAME == "m68k" { 8 } else { 12 };
    let rows = bytes.chunks_exact(size).enumerate().map(|(index, entry)| {
        // A table of one entry is in order.
        let at = address.wrapping_add((index * size) as u64);
        let table = Table::<A>::new(entry, at).expect("one entry");
        let (instruction, exception) = table.iter().next().expect("one entry");
        hasher.hash_one((instruction, exception.fixup, format!("{:?}", exception.kind)))
    });
    rows.fold(0, u64::wrapping_add)
}
