//! Small objects that the architectures' compilers make, with everything in them that GNU ld would
//! do more with than relocate.
#![allow(missing_docs, reason = "a test has no interface")]

use anyhow::{Context, Result, ensure};
use modlink::arch::{Arch, I386, M68k, X86_64};
use object::{Object, ObjectSection};
use oracle::gnu_ld;
use oracle::recipe::{self, Prepared};
use oracle::source::{self, LeftOut, Source};
use oracle::target::Target;
use oracle::verdict::{self, Verdict};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

const SAMPLE: &str = include_str!("sample.c");

const TARGETS: [Target; 3] = [Target::X86_64, Target::I386, Target::M68k];

fn compile(target: Target, code: &str, folder: &Path) -> Result<Vec<u8>> {
    let (compiler, options): (&str, &[&str]) = match target {
        Target::X86_64 => ("gcc", &["-mcmodel=kernel", "-mno-red-zone", "-fcf-protection=none"]),
        Target::I386 => ("i686-linux-gnu-gcc", &["-fcf-protection=none"]),
        Target::M68k => ("m68k-linux-gnu-gcc", &[]),
    };
    let (input, output) = (folder.join("sample.c"), folder.join("sample.o"));
    fs::write(&input, code)?;
    let status = Command::new(compiler)
        .args(["-c", "-O1", "-fno-pic", "-fno-pie", "-ffreestanding", "-fno-stack-protector"])
        .args(options)
        .arg("-o")
        .arg(&output)
        .arg(&input)
        .status()
        .with_context(|| format!("cannot run {compiler}"))?;
    ensure!(status.success(), "{compiler} failed");
    Ok(fs::read(output)?)
}

fn judge<A: Arch>(target: Target, code: &str, seed: u64) -> Result<Verdict> {
    let folder = tempfile::tempdir()?;
    let file = compile(target, code, folder.path())?;
    Ok(verdict::of::<A>(&file, b"sample.o", seed, target, folder.path()))
}

fn judge_for(target: Target, code: &str, seed: u64) -> Result<Verdict> {
    match target {
        Target::X86_64 => judge::<X86_64>(target, code, seed),
        Target::I386 => judge::<I386>(target, code, seed),
        Target::M68k => judge::<M68k>(target, code, seed),
    }
}

fn parse(target: Target, file: &[u8]) -> Result<Source> {
    source::read(file, target)?.map_err(|reason| anyhow::anyhow!("left out: {}", reason.reason()))
}

#[test]
fn strings_notes_groups_and_weak_symbols_come_out_alike_on_every_architecture() -> Result<()> {
    for target in TARGETS {
        for seed in 0..8 {
            match judge_for(target, SAMPLE, seed)? {
                Verdict::Equal { relocations, bytes } => {
                    let count: usize = relocations.values().sum();
                    assert!(count >= 6, "{target:?}: only {count} relocations");
                    assert!(bytes > 100, "{target:?}: only {bytes} bytes");
                }
                other => panic!("{target:?}, seed {seed}: {other:?}"),
            }
        }
    }
    Ok(())
}

#[test]
fn ld_merges_strings_of_a_plain_file_and_not_of_a_neutral_copy() -> Result<()> {
    for target in TARGETS {
        let folder = tempfile::tempdir()?;
        let file = compile(target, SAMPLE, folder.path())?;
        let source = parse(target, &file)?;
        let strings = source
            .sections
            .iter()
            .position(|section| section.name.starts_with(".rodata.str1"))
            .context("the compiler made no section of strings")?;
        let name = &source.sections[strings].name;

        let script = format!(
            "SECTIONS {{ .O{strings} 0x10000 : {{ KEEP(*({name})) }} /DISCARD/ : {{ *(*) }} }}"
        );
        let plain = Prepared { object: file.clone(), script: script.into_bytes() };
        let merged = gnu_ld::link(&plain, target, folder.path())?;
        assert!((merged[&strings].bytes.len() as u64) < source.sections[strings].size);

        let addresses = BTreeMap::from([(strings, 0x10000)]);
        let prepared = recipe::prepare(&file, &source, &addresses, &BTreeMap::new())?;
        let whole = gnu_ld::link(&prepared, target, folder.path())?;
        let object = object::File::parse(&*file)?;
        let before = object.section_by_index(object::SectionIndex(strings))?.data()?;
        assert_eq!(whole[&strings].bytes, before, "{target:?}");
        assert_eq!(whole[&strings].address, 0x10000);
    }
    Ok(())
}

#[test]
fn a_neutral_copy_keeps_bytes_symbols_and_relocations() -> Result<()> {
    for target in TARGETS {
        let folder = tempfile::tempdir()?;
        let file = compile(target, SAMPLE, folder.path())?;
        let source = parse(target, &file)?;
        let addresses = source
            .sections
            .iter()
            .enumerate()
            .filter(|(_, section)| section.allocated)
            .map(|(index, _)| (index, 0x10000 * index as u64))
            .collect();
        let prepared = recipe::prepare(&file, &source, &addresses, &BTreeMap::new())?;
        let copy = parse(target, &prepared.object)?;
        assert_eq!(
            copy.undefined.keys().collect::<Vec<_>>(),
            source.undefined.keys().collect::<Vec<_>>()
        );
        for (index, (ours, theirs)) in source.sections.iter().zip(&copy.sections).enumerate() {
            if ours.allocated {
                assert_eq!(theirs.name, format!(".S{index}"));
                assert_eq!(ours.size, theirs.size);
                assert_eq!(ours.zeroed, theirs.zeroed);
                assert_eq!(ours.relocations.len(), theirs.relocations.len());
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_out_of_scope_is_left_out_with_its_reason() -> Result<()> {
    let cases = [
        ("__thread int counter; int get(void) { return counter; }", LeftOut::Tls),
        ("int shared __attribute__((common));", LeftOut::Common),
        ("", LeftOut::Empty),
    ];
    for target in TARGETS {
        for (code, reason) in cases {
            assert_eq!(judge_for(target, code, 1)?, Verdict::LeftOut(reason), "{target:?}");
        }
    }
    let indirect = "static int one(void) { return 1; } static void *pick(void) { return one; }
        int f(void) __attribute__((ifunc(\"pick\")));";
    assert_eq!(
        judge::<X86_64>(Target::X86_64, indirect, 1)?,
        Verdict::LeftOut(LeftOut::IndirectFunction)
    );
    let got = "asm(\".text; movq there@GOTPCREL(%rip), %rax\");";
    assert_eq!(judge::<X86_64>(Target::X86_64, got, 1)?, Verdict::LeftOut(LeftOut::Got));
    let other = judge::<M68k>(Target::M68k, SAMPLE, 1)?;
    assert!(matches!(other, Verdict::Equal { .. }));
    let folder = tempfile::tempdir()?;
    let foreign = compile(Target::I386, SAMPLE, folder.path())?;
    assert_eq!(
        verdict::of::<M68k>(&foreign, b"foreign.o", 1, Target::M68k, folder.path()),
        Verdict::LeftOut(LeftOut::OtherKind)
    );
    Ok(())
}

#[test]
fn a_file_that_only_one_linker_accepts_is_a_difference() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut file = compile(Target::X86_64, SAMPLE, folder.path())?;
    // e_ehsize, which GNU ld does not look at.
    file[0x34] = 7;
    let verdict = verdict::of::<X86_64>(&file, b"a.o", 1, Target::X86_64, folder.path());
    assert!(
        matches!(&verdict, Verdict::Different(why) if why.contains("modlink refuses")),
        "{verdict:?}"
    );
    Ok(())
}
