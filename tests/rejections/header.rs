//! Rejections of the file header.

use crate::case::{Case, Cases, expect_rejections, section};
use crate::edit::*;
use crate::real::Architecture;
use modlink::image::{Error, HeaderProblem, SectionProblem};

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    identification(&mut cases);
    kind(&mut cases);
    sizes(&mut cases);
    section_table(&mut cases);
    section_names(&mut cases);
    cases.into_vec()
}

#[test]
fn every_field_of_the_header_that_is_wrong_is_rejected() {
    expect_rejections(cases);
}

#[test]
fn fields_that_a_relocatable_file_does_not_use_may_hold_anything() {
    for architecture in Architecture::ALL {
        for field in [
            "EI_OSABI",
            "EI_ABIVERSION",
            "EI_PAD",
            "e_entry",
            "e_phoff",
            "e_flags",
            "e_phentsize",
            "e_phnum",
        ] {
            let mut file = architecture.module();
            file.set(Header(field), 0x5a5a);
            let result = architecture.link(file.bytes());
            assert!(result.is_ok(), "{architecture:?}: {field}: {result:?}");
        }
    }
}

fn reject(
    cases: &mut Cases,
    field: &'static str,
    values: &[u64],
    says: impl Fn(u64) -> String,
    problem: impl Fn(u64) -> HeaderProblem,
) {
    for value in values {
        cases.add(format!("{field} = {value:#x}"), says(*value), |file| {
            assert_ne!(file.get(Header(field)), *value, "{field} is {value} anyway");
            file.set(Header(field), *value);
            Error::Header(problem(*value))
        });
    }
}

fn identification(cases: &mut Cases) {
    for field in ["EI_MAG0", "EI_MAG1", "EI_MAG2", "EI_MAG3"] {
        reject(cases, field, &[0, 0xff], |_| "not an ELF file".into(), |_| HeaderProblem::Magic);
    }
    let other = |field| 3 - cases.real.get(Header(field));
    let (class, order) = (other("EI_CLASS"), other("EI_DATA"));
    reject(
        cases,
        "EI_CLASS",
        &[0, class, 3, 0xff],
        |value| format!("EI_CLASS {value}"),
        |value| HeaderProblem::Class(value as u8),
    );
    reject(
        cases,
        "EI_DATA",
        &[0, order, 3, 0xff],
        |value| format!("EI_DATA {value}"),
        |value| HeaderProblem::ByteOrder(value as u8),
    );
    reject(
        cases,
        "EI_VERSION",
        &[0, 2, 0xff],
        |value| format!("EI_VERSION is {value}"),
        |value| HeaderProblem::IdentVersion(value as u8),
    );
    for length in [0, 4, 15, 16, cases.real.header_size() - 1] {
        let file = cases.real.bytes()[..length].to_vec();
        cases.add_file(
            modlink::Errno::ENOEXEC,
            "ends inside the header",
            file,
            Error::Header(HeaderProblem::Truncated),
        );
    }
}

fn kind(cases: &mut Cases) {
    reject(
        cases,
        "e_version",
        &[0, 2, 0x0100_0000, 0xffff_ffff],
        |value| format!("e_version is {value}"),
        |value| HeaderProblem::Version(value as u32),
    );
    reject(
        cases,
        "e_type",
        &[0, 2, 3, 4, 0x0100, 0xfe00, 0xffff],
        |value| format!("e_type is {value}"),
        |value| HeaderProblem::Type(value as u16),
    );
    let own = cases.real.get(Header("e_machine"));
    let mut machines = vec![0, 0xffff, own.swap_bytes() >> 48];
    machines.extend([3, 4, 62].into_iter().filter(|machine| *machine != own));
    reject(
        cases,
        "e_machine",
        &machines,
        |value| format!("e_machine {value}"),
        |value| HeaderProblem::Machine(value as u16),
    );
}

fn sizes(cases: &mut Cases) {
    for (field, other_class) in [("e_ehsize", [52, 64]), ("e_shentsize", [40, 64])] {
        let own = cases.real.get(Header(field));
        let other = other_class[usize::from(own == other_class[0])];
        reject(
            cases,
            field,
            &[0, own - 1, own + 1, other, 0xffff],
            |value| format!("{field} is {value}, not {own}"),
            |value| {
                let (found, want) = (value as u16, own as usize);
                match field {
                    "e_ehsize" => HeaderProblem::HeaderSize { found, want },
                    _ => HeaderProblem::SectionHeaderSize { found, want },
                }
            },
        );
    }
}

fn section_table(cases: &mut Cases) {
    reject(
        cases,
        "e_shnum",
        &[0, 0xff00, 0xffff],
        |value| format!("e_shnum is {value}"),
        |value| HeaderProblem::SectionCount(value as u16),
    );
    for count in [0xff00, 0x1_0000, 0xffff_ffff] {
        cases.add(
            format!("{count} sections, counted by the first"),
            format!("{count} sections; more than 65,279"),
            |file| {
                file.set(Header("e_shnum"), 0);
                file.set(Section(0, "sh_size"), count);
                Error::Header(HeaderProblem::TooManySections(count))
            },
        );
    }
    cases.add("a count in the first section that e_shnum could hold", "e_shnum is 0", |file| {
        file.set(Header("e_shnum"), 0);
        file.set(Section(0, "sh_size"), 0xfeff);
        Error::Header(HeaderProblem::SectionCount(0))
    });
    let count = cases.real.get(Header("e_shnum"));
    reject(
        cases,
        "e_shnum",
        &[count + 1, 0xfeff],
        |_| "section header table leaves the file".into(),
        |_| HeaderProblem::SectionTable,
    );
    let file = cases.real.bytes().len() as u64;
    let table = count * cases.real.get(Header("e_shentsize"));
    let word = cases.on.word_max();
    reject(
        cases,
        "e_shoff",
        &[file, file - table + 1, word, word - table, word - table + 1, word - table + 2, 1 << 31],
        |_| "section header table leaves the file".into(),
        |_| HeaderProblem::SectionTable,
    );
    cases.add("the file header as first section header", "string table", |file| {
        let names = file.get(Header("e_shstrndx")) as usize;
        file.set(Header("e_shoff"), 0);
        Error::Section { section: section(names, ""), problem: SectionProblem::StringTable }
    });
}

fn section_names(cases: &mut Cases) {
    let count = cases.real.get(Header("e_shnum"));
    reject(
        cases,
        "e_shstrndx",
        &[0, count, 0xff00, 0xffff],
        |value| format!("e_shstrndx {value}"),
        |value| HeaderProblem::NameTable(value as u16),
    );
    for name in [".text", ".symtab", ".bss"] {
        cases.add(format!("section names in {name}"), "not a string table", |file| {
            let index = file.section(name);
            file.set(Header("e_shstrndx"), index as u64);
            Error::Section { section: section(index, ""), problem: SectionProblem::StringTable }
        });
    }
}
