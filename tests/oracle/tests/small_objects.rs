//! Small objects that the architectures' compilers make, with everything in them that GNU ld would
//! do more with than relocate.
#![allow(missing_docs, reason = "a test has no interface")]

use anyhow::{Context, Result, ensure};
use modlink::arch::{Arch, I386, M68k, X86_64};
use object::elf::*;
use object::read::elf::FileHeader;
use object::{Endianness, Object, ObjectSection};
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

fn compiler(target: Target) -> &'static str {
    match target {
        Target::X86_64 => "gcc",
        Target::I386 => "i686-linux-gnu-gcc",
        Target::M68k => "m68k-linux-gnu-gcc",
    }
}

fn compile_with(target: Target, options: &[&str], code: &str, folder: &Path) -> Result<Vec<u8>> {
    let compiler = compiler(target);
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

fn assemble(target: Target, code: &str) -> Result<Vec<u8>> {
    assemble_with(target, &[], code)
}

fn assemble_with(target: Target, options: &[&str], code: &str) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let (input, output) = (folder.path().join("sample.s"), folder.path().join("sample.o"));
    fs::write(&input, format!("{code}\n"))?;
    let compiler = compiler(target);
    let mut command = Command::new(compiler);
    let status = command.arg("-c").args(options).arg("-o").arg(&output).arg(&input).status()?;
    ensure!(status.success(), "{compiler} does not assemble {code}");
    Ok(fs::read(output)?)
}

/// Both linkers make the same of an assembled file, at many addresses. Returns how often both
/// rejected a symbol out of reach.
fn equal_at_many_addresses(target: Target, code: &str) -> Result<usize> {
    file_equal_at_many_addresses(target, &assemble(target, code)?)
}

fn file_equal_at_many_addresses(target: Target, file: &[u8]) -> Result<usize> {
    let mut count = 0;
    for seed in 0..SEEDS {
        match judge_file(target, file, seed)? {
            Verdict::Equal { rejected, .. } => count += usize::from(rejected),
            other => panic!("{target:?}, seed {seed}: {other:?}"),
        }
    }
    Ok(count)
}

/// Enough that each end of a field, for which an eighth of the symbols are drawn, is among them.
const SEEDS: u64 = 64;

/// Changes the header of the first section of that name, given where it is in the file.
fn edit_header(file: &mut [u8], name: &str, edit: impl Fn(&mut SectionHeader64<Endianness>)) {
    let header = FileHeader64::<Endianness>::parse(&*file).expect("an x86-64 file");
    let endian = header.endian().expect("an order of bytes");
    let sections = header.sections(endian, &*file).expect("sections");
    let (index, found) = sections.section_by_name(endian, name.as_bytes()).expect("the section");
    let mut found = *found;
    edit(&mut found);
    let at = header.e_shoff.get(endian) as usize + index.0 * size_of_val(&found);
    let bytes = object::pod::bytes_of(&found);
    file[at..at + bytes.len()].copy_from_slice(bytes);
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
                Verdict::Equal { relocations, bytes, .. } => {
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
        let prepared = recipe::prepare(&file, &source, &addresses, target)?;
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
        let prepared = recipe::prepare(&file, &source, &addresses, target)?;
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
        matches!(&verdict, Verdict::Different(why) if why.contains("modlink rejects")),
        "{verdict:?}"
    );
    Ok(())
}

#[test]
fn relocations_that_neither_linker_applies_are_not_equal() -> Result<()> {
    let little = Endianness::Little;
    let types = [SHT_CREL, SHT_RELR, SHT_ANDROID_RELA, SectionType(0x6123_4567)];
    for kind in types {
        let folder = tempfile::tempdir()?;
        let mut file = compile(Target::X86_64, SAMPLE, folder.path())?;
        edit_header(&mut file, ".rela.text", |header| header.sh_type.set(little, kind));
        match judge_file(Target::X86_64, &file, 1)? {
            Verdict::Different(why) => assert!(why.contains(".rela.text"), "{kind}: {why}"),
            other => panic!("{kind}: {other:?}"),
        }
    }
    // Without the name, the flag tells.
    let code = ".data\n.quad there\n";
    let mut file = assemble(Target::X86_64, code)?;
    edit_header(&mut file, ".rela.data", |header| {
        header.sh_type.set(little, SectionType(0x6123_4567));
        header.sh_name.set(little, 0);
    });
    let verdict = judge_file(Target::X86_64, &file, 1)?;
    assert!(
        matches!(&verdict, Verdict::Different(why) if why.contains("cannot read")),
        "{verdict:?}"
    );
    // Nobody applies relocations of what is not loaded.
    let code = format!("{code}.section .debug_info\n.quad there\n");
    let mut file = assemble(Target::X86_64, &code)?;
    edit_header(&mut file, ".rela.debug_info", |header| header.sh_type.set(little, SHT_CREL));
    let verdict = judge_file(Target::X86_64, &file, 1)?;
    assert!(matches!(verdict, Verdict::Equal { .. }), "{verdict:?}");
    Ok(())
}

#[test]
fn a_file_of_which_nothing_was_compared_is_not_equal() -> Result<()> {
    let code = "number = 5\n.section .modinfo, \"a\"\n.asciz \"license=GPL\"";
    let file = assemble(Target::X86_64, code)?;
    let verdict = judge_file(Target::X86_64, &file, 1)?;
    assert_eq!(verdict, Verdict::Different("nothing was compared".to_owned()));
    Ok(())
}

#[test]
fn a_file_without_a_symbol_table_is_left_out() -> Result<()> {
    // It defines no symbol, so that the assembler makes no table of them.
    let file = assemble(Target::X86_64, ".data\n.quad 5")?;
    assert_eq!(judge_file(Target::X86_64, &file, 1)?, Verdict::LeftOut(LeftOut::NoSymbols));
    Ok(())
}

#[test]
fn sections_that_ld_drops_are_linked() -> Result<()> {
    for target in TARGETS {
        equal_at_many_addresses(
            target,
            ".section .rodata.dropped, \"ae\"\n.long there - .\n.data\n.long 0",
        )?;
    }
    Ok(())
}

#[test]
fn addresses_in_section_headers_do_not_matter() -> Result<()> {
    let little = Endianness::Little;
    let mut file = assemble(
        Target::X86_64,
        ".text\nf: call there\nlea d(%rip), %rax\n.data\nd: .quad f, d, there",
    )?;
    edit_header(&mut file, ".text", |header| header.sh_addr.set(little, 0x40_0000));
    edit_header(&mut file, ".data", |header| header.sh_addr.set(little, 0x1234_5000));
    let verdict = judge_file(Target::X86_64, &file, 1)?;
    assert!(matches!(verdict, Verdict::Equal { .. }), "{verdict:?}");
    Ok(())
}

#[test]
fn instructions_that_load_from_the_global_offset_table_are_left_alone() -> Result<()> {
    let loads = "
        .weak nobody
        .text
        .globl own
    own:
        call *there@GOTPCREL(%rip)
        movq there@GOTPCREL(%rip), %rax
        movl own@GOTPCREL(%rip), %eax
        movq nobody@GOTPCREL(%rip), %rcx
        cmpq $0, nobody@GOTPCREL(%rip)
        jmp *there@GOTPCREL(%rip)
        .data
        .byte 0x48, 0x8b, 0x05
        .long there@GOTPCREL, own@GOTPCREL + 4";
    equal_at_many_addresses(Target::X86_64, loads)?;
    let plain = assemble_with(Target::X86_64, &["-Wa,-mrelax-relocations=no"], loads)?;
    file_equal_at_many_addresses(Target::X86_64, &plain)?;
    let loads = "
        .weak nobody
        .text
    own:
        movl nobody@GOT(%ebx), %eax
        movl nobody@GOT, %ecx
        movl there@GOT(%ebx), %eax
        call *there@GOT(%ebx)";
    equal_at_many_addresses(Target::I386, loads)?;
    Ok(())
}

#[test]
fn parts_that_refer_to_each_other_by_16_bits_are_put_within_reach() -> Result<()> {
    let code = "
        .text
    core: bsr.w init
        bsr.w there
        .section .init.text, \"ax\"
    init: bsr.w core
        bsr.w there";
    let rejected = equal_at_many_addresses(Target::M68k, code)?;
    assert!(rejected > 0);
    Ok(())
}

#[test]
fn symbols_at_the_ends_of_32_bit_fields_come_out_alike_on_x86_64() -> Result<()> {
    let code = "
        .text
        call called
        movq $value, %rax
        .section .init.text, \"ax\"
        call called
        lea data(%rip), %rax
        .section .rodata, \"a\"
        .long unsigned, distance + 7 - .";
    let rejected = equal_at_many_addresses(Target::X86_64, code)?;
    assert!(rejected > 0);
    // What is not compiled for the topmost 2 GiB.
    let code = ".data\nown: .long own, there, own - 1000\n.text\nmovl $own, %eax";
    equal_at_many_addresses(Target::X86_64, code)?;
    Ok(())
}

#[test]
fn narrow_fields_come_out_alike_at_both_ends_of_what_ld_writes() -> Result<()> {
    // Below -32,768 and -128 and above 65,535 - 256: a bit field to ld.
    let code = "
        .data
        .short half - 0x9000
        .byte byte - 0x90
        .short other + 0xff00
        .short half
        .byte byte
        .byte near - .
        .short far - .";
    for target in [Target::I386, Target::M68k] {
        let rejected = equal_at_many_addresses(target, code)?;
        assert!(rejected > 0, "{target:?}");
    }
    Ok(())
}

#[test]
fn distances_of_16_bits_wrap_around_in_a_segment_of_i386() -> Result<()> {
    let code = "
        .section .tramp.low, \"ax\"
        .code16
    low: jmp high
        .space 0x9000
        .section .tramp.high, \"ax\"
    high: jmp low";
    equal_at_many_addresses(Target::I386, code)?;
    let code = "
        .text
    core: .word init - .
        .section .init.text, \"ax\"
    init: .word core - .";
    equal_at_many_addresses(Target::I386, code)?;
    Ok(())
}

#[test]
fn code_of_the_large_and_medium_models_comes_out_alike() -> Result<()> {
    let code = "
        .weak nobody
        .text
    own:
        lea own(%rip), %rbx
        movabs $_GLOBAL_OFFSET_TABLE_ - own, %r11
        movabs $own@GOTOFF, %rax
        movabs $there@GOT, %rax
        movabs $nobody@GOT, %rax
        movabs $called@PLTOFF, %rax
        movabs $called@GOTPLT, %rax
        lea _GLOBAL_OFFSET_TABLE_(%rip), %rbx
        .section .init.text, \"ax\"
        lea _GLOBAL_OFFSET_TABLE_(%rip), %rbx
        movabs $there@GOTOFF, %rax
        .section .ldata, \"awl\"
        .quad there@GOTPCREL, own@GOT, nobody@GOTPCREL";
    equal_at_many_addresses(Target::X86_64, code)?;
    for model in ["-mcmodel=large", "-mcmodel=medium"] {
        let folder = tempfile::tempdir()?;
        let options = ["-fpic", model, "-mlarge-data-threshold=8", "-fcf-protection=none"];
        let file = compile_with(Target::X86_64, &options, SAMPLE, folder.path())?;
        file_equal_at_many_addresses(Target::X86_64, &file)?;
    }
    Ok(())
}

#[test]
fn types_that_this_ld_does_not_know_come_out_as_the_plain_one() -> Result<()> {
    let types = [R_X86_64_CODE_4_GOTPCRELX, R_X86_64_CODE_5_GOTPCRELX, R_X86_64_CODE_6_GOTPCRELX];
    let code = ".text\nmovq there@GOTPCREL(%rip), %rax\n";
    let code = format!(".weak there\n{code}{code}{code}");
    let mut file = assemble_with(Target::X86_64, &["-Wa,-mrelax-relocations=no"], &code)?;
    let found = object::File::parse(&*file)?;
    let table = found.section_by_name(".rela.text").context("no relocations")?;
    let (start, size) = table.file_range().context("no bytes")?;
    assert_eq!(size, 3 * 24);
    for (index, r_type) in types.into_iter().enumerate() {
        // The low half of r_info.
        let at = start as usize + 24 * index + 8;
        file[at..at + 4].copy_from_slice(&r_type.0.to_le_bytes());
    }
    file_equal_at_many_addresses(Target::X86_64, &file)?;
    Ok(())
}

#[test]
fn symbols_outside_of_their_sections_come_out_alike() -> Result<()> {
    let code = "
        .section .rodata.table, \"a\", %progbits
        .globl table, end, after, before, large
    table: .byte 1, 2, 3, 4, 5, 6, 7, 8
    end:
        .set after, table + 24
        .set before, table - 16
        .type large, %object
        .size large, 4096
        .data
    large: .long 0
        .long end - ., after - ., before - ., table + 100 - ., table - 100 - .";
    for target in TARGETS {
        equal_at_many_addresses(target, code)?;
    }
    Ok(())
}

#[test]
fn marks_of_link_time_optimisation_are_no_common_symbols() -> Result<()> {
    for target in TARGETS {
        let code = ".comm __gnu_lto_v1, 1, 1\n.data\n.long there - .";
        equal_at_many_addresses(target, code)?;
        for common in ["__gnu_lto_slim, 1, 1", "buffer, 64, 16"] {
            let file = assemble(target, &format!("{code}\n.comm {common}"))?;
            assert_eq!(judge_file(target, &file, 1)?, Verdict::LeftOut(LeftOut::Common));
        }
    }
    Ok(())
}
