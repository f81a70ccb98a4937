//! What fits in narrow fields, according to GNU ld: it and modlink link the same objects, with
//! values at and just beyond both ends of what a field of n bits may be said to hold.

use crate::formula::{Addend, Range, Type};
use crate::{i386, m68k, x86_64};
use modlink::arch::{Arch, I386, M68k, X86_64};
use object::{Object, ObjectSection};
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

#[test]
fn narrow_fields_hold_on_x86_64_what_they_hold_for_gnu_ld() {
    let linker = ["ld", "-melf_x86_64"];
    compare::<X86_64>(linker, Addend::Explicit, &x86_64::TYPES, x86_64::CORE);
}

#[test]
fn narrow_fields_hold_on_i386_what_they_hold_for_gnu_ld() {
    compare::<I386>(["ld", "-melf_i386"], Addend::InPlace, &i386::TYPES, i386::CORE);
}

#[test]
fn narrow_fields_hold_on_m68k_what_they_hold_for_gnu_ld() {
    let linker = ["m68k-linux-gnu-ld", "-mm68kelf"];
    compare::<M68k>(linker, Addend::Explicit, &m68k::PLAIN, m68k::CORE);
}
