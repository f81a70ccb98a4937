//! What fits in narrow fields, according to GNU ld: it and modlink link the same objects, with
//! values at and just beyond both ends of what a field of n bits may be said to hold.

use crate::formula::{Addend, Range, Type};
use crate::linked::{Linked, Place, object, word};
use crate::{i386, m68k, x86_64};
use modlink::arch::{Arch, I386, M68k, X86_64};
use object::{Object, ObjectSection, ObjectSymbol, elf};
use std::process::Command;

/// Links an object with `.text` at `core`; the bytes of that, or `None` if a value overflows.
fn link(linker: [&str; 2], file: &[u8], core: u64, s: u64) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let [input, output] = ["object.o", "linked"].map(|name| folder.path().join(name));
    std::fs::write(&input, file).expect("an object");
    let result = Command::new(linker[0])
        .args([linker[1], "-e", "0"])
        .args([format!("-Ttext={core:#x}"), format!("--defsym=symbol={s:#x}")])
        .arg("-o")
        .args([&output, &input])
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}: `make setup` installs it", linker[0]));
    let text = String::from_utf8_lossy(&result.stderr);
    if text.contains("relocation truncated to fit") {
        return None;
    }
    assert!(result.status.success(), "{}: {text}", linker[0]);
    let linked = std::fs::read(&output).expect("an executable");
    let linked = object::File::parse(&*linked).expect("an executable");
    let text = linked.section_by_name(".text").expect("code");
    assert_eq!(text.address(), core);
    Some(text.data().expect("bytes").to_vec())
}

/// Where a symbol is that is not the one in question.
const OTHER: u64 = 0x1234;

/// The executable that GNU ld makes of an object, with `.text` at `core`.
fn link_whole(linker: [&str; 2], file: &[u8], core: u64) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let [input, output] = ["object.o", "linked"].map(|name| folder.path().join(name));
    std::fs::write(&input, file).expect("an object");
    let result = Command::new(linker[0])
        .args([linker[1], "-e", "0", &format!("-Ttext={core:#x}")])
        .arg(format!("--defsym=other={OTHER:#x}"))
        .arg("-o")
        .args([&output, &input])
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}: `make setup` installs it", linker[0]));
    let text = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{}: {text}", linker[0]);
    std::fs::read(&output).expect("an executable")
}

/// Compares all types whose fields do not hold every value.
fn compare<A: Arch>(linker: [&str; 2], kind: Addend, types: &[Type], core: u64) {
    let narrow = |each: &&Type| each.range != Range::Any && !each.name.contains("GOT");
    let mut overflows = 0;
    for each in types.iter().filter(narrow) {
        let (place, whole) = (each.place(core), 1_i64 << (8 * each.width));
        let base = if each.name.contains("_P") { place } else { 0 };
        for end in [-whole, -whole / 2, whole / 2, whole] {
            for value in [end - 1, end] {
                let mask = if A::CLASS == X86_64::CLASS { u64::MAX } else { u32::MAX.into() };
                let s = base.wrapping_add_signed(value) & mask;
                let ours = each.text::<A>(kind, s, 0, core);
                let theirs = link(linker, &each.file::<A>(kind, 0), core, s);
                assert_eq!(ours, theirs, "{}: {value}", each.name);
                overflows += usize::from(ours.is_none());
            }
        }
    }
    assert!(overflows > 0, "{}: nothing overflows", A::NAME);
}

/// Where a relocation with the symbol of the global offset table leads.
#[derive(Debug, PartialEq, Eq)]
enum Leads {
    /// To the table.
    ToTable,
    /// To a slot that holds the address of the table.
    ToSlot,
    Elsewhere(u64),
}

/// What a value is counted from: the table or the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Table,
    Place,
}

/// Where a value leads, in memory whose words `word` knows.
fn leads<A: Arch>(value: u64, from: u64, got: u64, word: impl Fn(u64) -> Option<u64>) -> Leads {
    let mask = if A::CLASS == X86_64::CLASS { u64::MAX } else { u32::MAX.into() };
    match from.wrapping_add(value) & mask {
        there if there == got => Leads::ToTable,
        there if word(there) == Some(got) => Leads::ToSlot,
        there => Leads::Elsewhere(there),
    }
}

/// Compares where relocations of these types, each alone and all in one object, lead.
fn compare_got<A: Arch>(linker: [&str; 2], types: &[(u32, usize, From)], core: u64) {
    let all = [types];
    for types in types.chunks(1).chain(all) {
        let place = |index: usize, r_type| Place {
            offset: 16 * index as u64 + 8,
            r_type,
            symbol: "_GLOBAL_OFFSET_TABLE_",
            addend: 0,
        };
        let mut places: Vec<_> =
            types.iter().enumerate().map(|(index, each)| place(index, each.0)).collect();
        // Another symbol has the first slot, so that no slot is where the table starts.
        let other = Place { symbol: "other", ..place(places.len(), types[0].0) };
        places.insert(0, other);
        // The byte before a place is that of an instruction with a base register on i386.
        let mut text = [[i386::EBX; 8], [0; 8]].concat().repeat(places.len());
        text.resize(text.len() + 16, 0);
        let file = object::<A>(&text, &places);

        let linked = Linked::new::<A>(&file, core, |_| Some(OTHER)).expect("it links");
        let (got, slots) = (linked.got().expect("a table"), linked.slots::<A>());
        let bytes = word::<A>() as u64;
        let slot = |there: u64| {
            let index = there.checked_sub(got).filter(|offset| offset.is_multiple_of(bytes))?;
            slots.get((index / bytes) as usize).copied()
        };
        let ours: Vec<_> = places[1..]
            .iter()
            .zip(types)
            .map(|(place, (_, width, from))| {
                let place = core + place.offset;
                let from = if *from == From::Table { got } else { place };
                leads::<A>(linked.number::<A>(place, *width) as u64, from, got, slot)
            })
            .collect();

        let theirs = link_whole(linker, &file, core);
        let theirs = object::File::parse(&*theirs).expect("an executable");
        let got = theirs.symbols().find(|symbol| symbol.name() == Ok("_GLOBAL_OFFSET_TABLE_"));
        let got = got.expect("a table").address();
        let number = |address: u64, width: usize| {
            let data = theirs
                .sections()
                .find_map(|section| section.data_range(address, width as u64).ok().flatten())?;
            let mut bytes = data.to_vec();
            if !theirs.is_little_endian() {
                bytes.reverse();
            }
            let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
            bytes.resize(8, sign);
            bytes.try_into().ok().map(u64::from_le_bytes)
        };
        let mask = if A::CLASS == X86_64::CLASS { u64::MAX } else { u32::MAX.into() };
        let slot = |there: u64| number(there, word::<A>()).map(|value| value & mask);
        let theirs: Vec<_> = places[1..]
            .iter()
            .zip(types)
            .map(|(place, (_, width, from))| {
                let place = core + place.offset;
                let from = if *from == From::Table { got } else { place };
                leads::<A>(number(place, *width).expect("a place"), from, got, slot)
            })
            .collect();
        assert_eq!(ours, theirs, "{}: {types:?}", A::NAME);
        assert!(ours.iter().all(|leads| !matches!(leads, Leads::Elsewhere(_))), "{ours:x?}");
    }
}

#[test]
fn a_relocation_with_the_table_itself_leads_where_it_does_for_gnu_ld() {
    compare_got::<X86_64>(
        ["ld", "-melf_x86_64"],
        &[
            (elf::R_X86_64_GOT32.0, 4, From::Table),
            (elf::R_X86_64_GOT64.0, 8, From::Table),
            (elf::R_X86_64_GOTPCREL.0, 4, From::Place),
            (elf::R_X86_64_GOTPCREL64.0, 8, From::Place),
            (elf::R_X86_64_GOTPC32.0, 4, From::Place),
        ],
        0x40_0000,
    );
    compare_got::<I386>(
        ["ld", "-melf_i386"],
        &[(elf::R_386_GOT32.0, 4, From::Table), (elf::R_386_GOTPC.0, 4, From::Place)],
        0x40_0000,
    );
    compare_got::<M68k>(
        ["m68k-linux-gnu-ld", "-mm68kelf"],
        &[
            (elf::R_68K_GOT32O.0, 4, From::Table),
            (elf::R_68K_GOT16O.0, 2, From::Table),
            (elf::R_68K_GOT8O.0, 1, From::Table),
            (elf::R_68K_GOT32.0, 4, From::Place),
        ],
        0x40_0000,
    );
}

#[test]
fn narrow_fields_hold_on_x86_64_what_they_hold_for_gnu_ld() {
    let linker = ["ld", "-melf_x86_64"];
    compare::<X86_64>(linker, Addend::Explicit, &x86_64::TYPES, x86_64::CORE);
}

#[test]
fn narrow_fields_hold_on_i386_what_they_hold_for_gnu_ld() {
    compare::<I386>(["ld", "-melf_i386"], Addend::InPlace, &i386::TYPES, i386::CORE);
}

/// docs/differences-from-linux.md says so.
#[test]
fn a_narrow_field_of_i386_is_judged_with_the_addend_in_it_and_by_gnu_ld_without() {
    let find = |name| i386::TYPES.into_iter().find(|each| each.name == name).expect("a type");
    let place = find("R_386_8").place(i386::CORE) as i64;
    for (name, s, a) in [
        ("R_386_8", 0x100, -1),
        ("R_386_8", -0x101, 1),
        ("R_386_16", 0x1_0000, -1),
        ("R_386_PC8", place + 0x80, -1),
        ("R_386_PC16", place + 0x1_0000, -1),
    ] {
        let (each, s) = (find(name), s as u64 & 0xffff_ffff);
        let ours = each.text::<I386>(Addend::InPlace, s, a, i386::CORE);
        assert!(ours.is_some(), "{name}: {s:#x}");
        let file = each.file::<I386>(Addend::InPlace, a);
        assert_eq!(link(["ld", "-melf_i386"], &file, i386::CORE, s), None, "{name}: {s:#x}");
    }
}

#[test]
fn narrow_fields_hold_on_m68k_what_they_hold_for_gnu_ld() {
    let linker = ["m68k-linux-gnu-ld", "-mm68kelf"];
    compare::<M68k>(linker, Addend::Explicit, &m68k::PLAIN, m68k::CORE);
}
