//! Small objects that the architectures' compilers make, with everything in them that GNU ld would
//! do more with than relocate.
#![allow(missing_docs, reason = "a test has no interface")]

use anyhow::{Context, Result, ensure};
use modlink::arch::{Arch, I386, M68k, X86_64};
use object::{Object, ObjectSection};
use oracle::gnu_ld;
use oracle::recipe::{self, Addresses, Prepared};
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
    let options: &[&str] = match target {
        Target::X86_64 => &["-mcmodel=kernel", "-fcf-protection=none"],
        Target::I386 => &["-fcf-protection=none"],
        Target::M68k => &[],
    };
    compile_with(target, &[&["-fno-pic", "-fno-pie"], options].concat(), code, folder)
}

/// Code that finds everything through the global offset table.
fn compile_pic(target: Target, code: &str, folder: &Path) -> Result<Vec<u8>> {
    let options: &[&str] = match target {
        Target::X86_64 | Target::I386 => &["-fno-plt", "-fcf-protection=none"],
        Target::M68k => &[],
    };
    compile_with(target, &[&["-fpic"], options].concat(), code, folder)
}

fn compile_with(target: Target, options: &[&str], code: &str, folder: &Path) -> Result<Vec<u8>> {
    let compiler = match target {
        Target::X86_64 => "gcc",
        Target::I386 => "i686-linux-gnu-gcc",
        Target::M68k => "m68k-linux-gnu-gcc",
    };
    let (input, output) = (folder.join("sample.c"), folder.join("sample.o"));
    fs::write(&input, code)?;
    let status = Command::new(compiler)
        .args(["-c", "-O1", "-ffreestanding", "-fno-stack-protector"])
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

fn judge_file(target: Target, file: &[u8], seed: u64) -> Result<Verdict> {
    let folder = tempfile::tempdir()?;
    let (name, folder) = (b"sample.o", folder.path());
    Ok(match target {
        Target::X86_64 => verdict::of::<X86_64>(file, name, seed, target, folder),
        Target::I386 => verdict::of::<I386>(file, name, seed, target, folder),
        Target::M68k => verdict::of::<M68k>(file, name, seed, target, folder),
    })
}

fn judge_for(target: Target, code: &str, seed: u64) -> Result<Verdict> {
    let folder = tempfile::tempdir()?;
    judge_file(target, &compile(target, code, folder.path())?, seed)
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
fn slots_of_a_global_offset_table_hold_the_same_words_on_every_architecture() -> Result<()> {
    for target in TARGETS {
        let folder = tempfile::tempdir()?;
        let file = compile_pic(target, SAMPLE, folder.path())?;
        let source = parse(target, &file)?;
        let slots = source.sections.iter().flat_map(|section| &section.relocations);
        let count = slots.filter(|relocation| relocation.slot.is_some()).count();
        assert!(count >= 3, "{target:?}: only {count} slots");
        for seed in 0..8 {
            let verdict = judge_file(target, &file, seed)?;
            assert!(matches!(verdict, Verdict::Equal { .. }), "{target:?}, {seed}: {verdict:?}");
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
        assert!((merged.sections[&strings].bytes.len() as u64) < source.sections[strings].size);

        let sections = BTreeMap::from([(strings, 0x10000)]);
        let addresses = Addresses { sections, ..Addresses::default() };
        let prepared = recipe::prepare(&file, &source, &addresses)?;
        let whole = gnu_ld::link(&prepared, target, folder.path())?;
        let object = object::File::parse(&*file)?;
        let before = object.section_by_index(object::SectionIndex(strings))?.data()?;
        assert_eq!(whole.sections[&strings].bytes, before, "{target:?}");
        assert_eq!(whole.sections[&strings].address, 0x10000);
    }
    Ok(())
}

#[test]
fn a_neutral_copy_keeps_bytes_symbols_and_relocations() -> Result<()> {
    for target in TARGETS {
        let folder = tempfile::tempdir()?;
        let file = compile(target, SAMPLE, folder.path())?;
        let source = parse(target, &file)?;
        let sections = source
            .sections
            .iter()
            .enumerate()
            .filter(|(_, section)| section.allocated)
            .map(|(index, _)| (index, 0x10000 * index as u64))
            .collect();
        let addresses = Addresses { sections, ..Addresses::default() };
        let prepared = recipe::prepare(&file, &source, &addresses)?;
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
    let got = "asm(\".text; movabsq $there@GOTOFF, %rax\");";
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
