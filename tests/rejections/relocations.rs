//! Rejections of relocation sections and of single relocations, before any is applied.

use crate::case::{Case, Cases, expect_rejections, section, symbol};
use crate::edit::*;
use crate::real::{Architecture, LIMIT};
use modlink::image::{Error, RelocationRef, SectionProblem, SymbolRef};
use modlink::link::{self, Problem};

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    links(&mut cases);
    targets(&mut cases);
    addends(&mut cases);
    overlaps(&mut cases);
    formats(&mut cases);
    types(&mut cases);
    places(&mut cases);
    symbols(&mut cases);
    cases.into_vec()
}

#[test]
fn every_claim_about_a_relocation_that_does_not_hold_is_rejected() {
    expect_rejections(cases);
}

#[test]
fn a_relocation_of_each_width_is_accepted_at_the_very_end_of_its_section() {
    for architecture in Architecture::ALL {
        for (r_type, width) in widths(architecture) {
            let mut file = architecture.module();
            let (target, table) = text(&file);
            let size = file.get(Section(target, "sh_size"));
            only_relocation(&mut file, table, size - width, r_type);
            let result = architecture.check(file.bytes(), LIMIT);
            assert_eq!(result, Ok(()), "{architecture:?}: type {r_type}");
        }
    }
}

#[test]
fn relocations_of_sections_that_are_not_loaded_are_not_looked_at() {
    for architecture in Architecture::ALL {
        let mut file = architecture.module();
        let (_, table) = text(&file);
        let comment = file.section(".comment");
        file.set(Section(table, "sh_info"), comment as u64);
        file.set(Relocation(table, 0, "r_offset"), architecture.word_max());
        file.set(Relocation(table, 0, "r_sym"), 0xff_ffff);
        let result = architecture.link(file.bytes());
        assert!(result.is_ok(), "{architecture:?}: {result:?}");
    }
}

#[test]
fn tables_that_are_empty_or_of_what_is_not_loaded_may_refer_to_anything() {
    for architecture in Architecture::ALL {
        let real = architecture.module();
        let applied = architecture.link(real.bytes()).expect("it links");
        let (target, of_text) = text(&real);
        let entries = real.relocation_count(of_text);
        let fields = ["sh_link", "sh_info", "sh_entsize"];
        for value in [0, 1, target, of_text, real.section(".bss"), 0xff00, 0xffff_ffff] {
            for field in fields {
                let mut empty = real.clone();
                empty.set(Section(of_text, "sh_size"), 0);
                empty.set(Section(of_text, field), value as u64);
                let result = architecture.link(empty.bytes());
                assert_eq!(result, Ok(applied - entries), "{architecture:?}: {field} {value:#x}");
            }
            for field in fields.into_iter().filter(|field| *field != "sh_info") {
                let mut unused = real.clone();
                let comment = unused.section(".comment") as u64;
                unused.set(Section(of_text, "sh_info"), comment);
                unused.set(Section(of_text, field), value as u64);
                let result = architecture.link(unused.bytes());
                assert_eq!(result, Ok(applied - entries), "{architecture:?}: {field} {value:#x}");
            }
        }
        for name in [".comment", ".symtab", ".strtab", ".shstrtab", &real.section_name(of_text)] {
            let mut unused = real.clone();
            let other = unused.section(name) as u64;
            unused.set(Section(of_text, "sh_info"), other);
            let result = architecture.link(unused.bytes());
            assert_eq!(result, Ok(applied - entries), "{architecture:?}: of {name}");
        }
    }
}

#[test]
fn other_formats_are_accepted_where_there_is_nothing_to_relocate() {
    for architecture in Architecture::ALL {
        let real = architecture.module();
        let (_, table) = text(&real);
        let (comment, count) = (real.section(".comment"), real.relocation_count(table));
        let applied = architecture.link(real.bytes()).expect("it links") - count;
        let accepted = |what: &str, change: &dyn Fn(&mut Edit)| {
            let mut file = real.clone();
            change(&mut file);
            let result = architecture.link(file.bytes());
            assert_eq!(result, Ok(applied), "{architecture:?}: {what}");
        };
        for kind in [0x4000_0014, 0x6000_0001, 0x6000_0002, 0x6abc_def0] {
            accepted("of a section that is not loaded", &|file| {
                file.set(Section(table, "sh_type"), kind);
                file.set(Section(table, "sh_info"), comment as u64);
            });
        }
        for kind in [0x4000_0014, 19, 0x6000_0002, 0x6fff_ff00, 0x6abc_def0] {
            accepted("empty", &|file| {
                file.set(Section(table, "sh_type"), kind);
                file.set(Section(table, "sh_size"), 0);
            });
        }
        accepted("what only happens to have such a number in sh_info", &|file| {
            file.rename_section(table, ".other");
            file.set(Section(table, "sh_type"), 0x6abc_def0);
            file.set(Section(table, "sh_flags"), 0);
        });
        accepted("what is called so and is something else", &|file| {
            file.set(Section(table, "sh_type"), SHT_PROGBITS);
            file.set(Section(table, "sh_flags"), 0);
        });
        accepted("what has a number of a section and is called otherwise", &|file| {
            file.rename_section(table, ".other");
            file.set(Section(table, "sh_type"), SHT_PROGBITS);
            file.set(Section(table, "sh_flags"), SHF_INFO_LINK);
        });
        accepted("what is called so, of a section that is not loaded", &|file| {
            file.set(Section(table, "sh_type"), SHT_PROGBITS);
            file.set(Section(table, "sh_flags"), SHF_INFO_LINK);
            file.set(Section(table, "sh_info"), comment as u64);
        });
    }
}

/// A relocation type of each width with that width in bytes.
pub fn widths(on: Architecture) -> Vec<(u64, u64)> {
    match on {
        Architecture::X86_64 => vec![(0, 0), (10, 4), (2, 4), (1, 8), (24, 8), (9, 4)],
        Architecture::I386 => {
            vec![(0, 0), (22, 1), (23, 1), (20, 2), (21, 2), (1, 4), (2, 4), (3, 4)]
        }
        Architecture::M68k => {
            vec![(0, 0), (3, 1), (6, 1), (12, 1), (2, 2), (5, 2), (11, 2), (1, 4), (4, 4), (10, 4)]
        }
    }
}

/// The relocation types that modules of the architecture may have (the table of the psABI without
/// what only executables, shared objects and thread-local storage have).
fn known(on: Architecture) -> Vec<u64> {
    match on {
        Architecture::X86_64 => {
            [&[0, 1, 2, 3, 4, 9, 10, 11, 41, 42, 43, 46, 49][..], &[24, 25, 26, 27, 28, 29, 30, 31]]
                .concat()
        }
        Architecture::I386 => vec![0, 1, 2, 3, 4, 9, 10, 20, 21, 22, 23, 43],
        Architecture::M68k => (0..=15).collect(),
    }
}

/// The index of `.text` and of the section with its relocations.
fn text(file: &Edit) -> (usize, usize) {
    let target = file.section(".text");
    (target, file.relocations_of(target))
}

/// Leaves one relocation of a table, at `offset` and of type `r_type`.
fn only_relocation(file: &mut Edit, table: usize, offset: u64, r_type: u64) {
    let entry = file.get(Section(table, "sh_entsize"));
    file.set(Section(table, "sh_size"), entry);
    file.set(Relocation(table, 0, "r_offset"), offset);
    file.set(Relocation(table, 0, "r_type"), r_type);
}

/// Changes one field of the header of the section with the relocations of `.text`.
fn reject(cases: &mut Cases, field: &'static str, value: u64, says: &str, problem: SectionProblem) {
    cases.add(format!("relocations of .text: {field} = {value:#x}"), says, |file| {
        let (_, table) = text(file);
        assert_ne!(file.get(Section(table, field)), value);
        file.set(Section(table, field), value);
        Error::Section { section: section(table, &file.section_name(table)), problem }
    });
}

fn links(cases: &mut Cases) {
    let (target, table) = text(&cases.real);
    let real = &cases.real;
    for link in [
        0,
        table,
        target,
        real.section(".strtab"),
        real.section(".bss"),
        real.section_count(),
        0xff00,
        0xffff_ffff,
    ] {
        reject(
            cases,
            "sh_link",
            link as u64,
            &format!("sh_link {link}"),
            SectionProblem::Link(link as u32),
        );
    }
}

fn targets(cases: &mut Cases) {
    let real = &cases.real;
    for target in [0, real.section(".bss"), real.section_count(), 0xff00, 0xffff_ffff] {
        reject(
            cases,
            "sh_info",
            target as u64,
            &format!("sh_info {target}"),
            SectionProblem::Target(target as u32),
        );
    }
    cases.add("relocations of .text, which has no bytes", "sh_info", |file| {
        let (target, table) = text(file);
        file.set(Section(target, "sh_type"), SHT_NOBITS);
        Error::Section {
            section: section(table, &file.section_name(table)),
            problem: SectionProblem::Target(target as u32),
        }
    });
}

fn addends(cases: &mut Cases) {
    let (kind, entry) = match cases.on {
        Architecture::X86_64 => (SHT_REL, 16),
        Architecture::I386 => (SHT_RELA, 12),
        Architecture::M68k => return,
    };
    cases.add("relocations of the other kind", "relocations of its kind", |file| {
        let table = file.relocations_of(file.section("__ksymtab"));
        file.set(Section(table, "sh_type"), kind);
        file.set(Section(table, "sh_entsize"), entry);
        Error::Section {
            section: section(table, &file.section_name(table)),
            problem: SectionProblem::AddendKind,
        }
    });
}

/// Other headers for the bytes of one table, until there are more relocations than the file holds.
fn overlaps(cases: &mut Cases) {
    cases.add("a table many times", "those of other tables", |file| {
        let (_, table) = text(file);
        // All of them do nothing.
        let size = 4096 * file.get(Section(table, "sh_entsize"));
        file.set_contents(table, &vec![0; size as usize]);
        let name = file.section_name(table);
        let loaded = |file: &Edit, index: &usize| {
            let kind = file.get(Section(*index, "sh_type"));
            let target = file.get(Section(*index, "sh_info")) as usize;
            [SHT_RELA, SHT_REL].contains(&kind)
                && file.get(Section(target, "sh_flags")) & SHF_ALLOC != 0
        };
        let tables = (0..file.section_count()).filter(|index| loaded(file, index));
        let mut sum: u64 = tables.map(|index| file.get(Section(index, "sh_size"))).sum();
        loop {
            let added = file.add_section_like(table);
            sum += size;
            if sum > file.bytes().len() as u64 {
                let section = section(added, &name);
                return Error::Section { section, problem: SectionProblem::Overlap };
            }
        }
    });
}

/// Types of sections that hold relocations in formats of their own, and how they are named.
const FORMATS: [(u64, &str); 5] = [
    (0x4000_0014, "SHT_CREL (0x40000014)"),
    (19, "SHT_RELR (0x13)"),
    (0x6000_0001, "SHT_ANDROID_REL (0x60000001)"),
    (0x6000_0002, "SHT_ANDROID_RELA (0x60000002)"),
    (0x6fff_ff00, "SHT_ANDROID_RELR (0x6fffff00)"),
];

const SHF_ALLOC: u64 = 2;
const SHF_INFO_LINK: u64 = 0x40;
const SHF_COMPRESSED: u64 = 0x800;
/// Linux's, for relocations of a module that patches another.
const SHF_RELA_LIVEPATCH: u64 = 0x0010_0000;

fn format(cases: &mut Cases, name: &str, kind: u64, flags: u64) {
    cases.add(format!("{name} of type {kind:#x}"), format!("sh_type {kind:#x}"), |file| {
        let (_, table) = text(file);
        file.rename_section(table, name);
        file.set(Section(table, "sh_type"), kind);
        file.set(Section(table, "sh_flags"), flags);
        let problem = SectionProblem::RelocationFormat(kind as u32);
        Error::Section { section: section(table, name), problem }
    });
}

fn formats(cases: &mut Cases) {
    for (kind, says) in FORMATS {
        reject(cases, "sh_type", kind, says, SectionProblem::RelocationFormat(kind as u32));
    }
    for kind in [12, 20, 0x4000_0015, 0x6abc_def0, 0x7000_0042, 0x8000_0000, 0xffff_ffff] {
        for (name, flags) in
            [(".rela.text", 0), (".crel.text", 0), (".rel.text", 0), (".other", SHF_INFO_LINK)]
        {
            format(cases, name, kind, flags);
        }
    }
    // All but the type says that these are relocations.
    for (kind, name) in [(SHT_PROGBITS, ".rela.text"), (17, ".rel.text"), (7, ".crel.text")] {
        format(cases, name, kind, SHF_INFO_LINK);
    }
    for (flags, name) in [(SHF_RELA_LIVEPATCH, ".other"), (SHF_RELA_LIVEPATCH | 2, ".klp.rela.x.y")]
    {
        let says = format!("sh_flags {flags:#x}");
        cases.add(format!("{name}, for what is patched later"), says, |file| {
            let (_, table) = text(file);
            file.rename_section(table, name);
            file.set(Section(table, "sh_flags"), flags);
            let problem = SectionProblem::Nonconforming(flags);
            Error::Section { section: section(table, name), problem }
        });
    }
    cases.add("compressed relocations", "compressed", |file| {
        let (_, table) = text(file);
        let flags = file.get(Section(table, "sh_flags"));
        file.set(Section(table, "sh_flags"), flags | SHF_COMPRESSED);
        let name = file.section_name(table);
        Error::Section { section: section(table, &name), problem: SectionProblem::Compressed }
    });
}

fn types(cases: &mut Cases) {
    let known = known(cases.on);
    let mut types: Vec<u64> = (0..=255).collect();
    if cases.on.is_wide() {
        types.extend([0x100, 0x102, 0x1_0001, 0x8000_0002, 0xffff_ffff]);
    }
    for r_type in types.into_iter().filter(|r_type| !known.contains(r_type)) {
        cases.add(format!("relocation type {r_type:#x}"), "cannot have", |file| {
            let (target, table) = text(file);
            file.set(Relocation(table, 0, "r_type"), r_type);
            link::Error::Relocation {
                relocation: described(file, target, table),
                problem: Problem::UnknownType,
            }
        });
    }
}

fn places(cases: &mut Cases) {
    let (target, _) = text(&cases.real);
    let size = cases.real.get(Section(target, "sh_size"));
    for (r_type, width) in widths(cases.on) {
        let word = cases.on.word_max();
        let first = (size + 1).saturating_sub(width);
        // The last is a good offset if one takes its lower half alone.
        let wrapped = if cases.on.is_wide() { 1 << 32 } else { 1 << 31 };
        let far = [word - width, word - 1, word, 1 << 31, wrapped];
        for offset in (first..=size + 1).chain(far) {
            let name = format!("type {r_type} at {offset:#x} of {size:#x}");
            cases.add(name, "outside the section", |file| {
                let (target, table) = text(file);
                only_relocation(file, table, offset, r_type);
                link::Error::Relocation {
                    relocation: described(file, target, table),
                    problem: Problem::OutsideSection,
                }
            });
        }
    }
}

fn symbols(cases: &mut Cases) {
    let count = cases.real.symbol_count() as u64;
    let highest = if cases.on.is_wide() { 0xffff_ffff } else { 0xff_ffff };
    for index in [count, count + 1, highest - 1, highest] {
        cases.add(format!("symbol {index} of {count}"), "no symbol of that index", |file| {
            let (target, table) = text(file);
            file.set(Relocation(table, 0, "r_sym"), index);
            let mut relocation = described(file, target, table);
            relocation.symbol = symbol(index as usize, "");
            link::Error::Relocation { relocation, problem: Problem::NoSymbol }
        });
    }
    cases.add("a symbol table cut to one entry", "no symbol of that index", |file| {
        let symbols = file.symbol_table();
        let entry = file.get(Section(symbols, "sh_entsize"));
        let (target, table) = text(file);
        let mut relocation = described(file, target, table);
        relocation.symbol = SymbolRef { name: (&b""[..]).into(), ..relocation.symbol };
        file.set(Section(symbols, "sh_size"), entry);
        link::Error::Relocation { relocation, problem: Problem::NoSymbol }
    });
}

/// How an error names the first relocation of a table.
pub fn described(file: &Edit, target: usize, table: usize) -> RelocationRef {
    nth_described(file, target, table, 0)
}

/// How an error names the relocation of that number of a table.
pub fn nth_described(file: &Edit, target: usize, table: usize, number: usize) -> RelocationRef {
    let index = file.get(Relocation(table, number, "r_sym")) as usize;
    let name = if index < file.symbol_count() { name_of(file, index) } else { String::new() };
    RelocationRef {
        section: section(target, &file.section_name(target)),
        offset: file.get(Relocation(table, number, "r_offset")),
        machine: file.get(Header("e_machine")) as u16,
        r_type: file.get(Relocation(table, number, "r_type")) as u32,
        symbol: symbol(index, &name),
    }
}

/// The name of a symbol; that of a section symbol is its section's.
fn name_of(file: &Edit, index: usize) -> String {
    match file.symbol_name(index) {
        name if !name.is_empty() => name,
        _ if index == 0 => String::new(),
        _ => file.section_name(file.get(Symbol(index, "st_shndx")) as usize),
    }
}
