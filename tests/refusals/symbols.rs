//! Refusals of symbols.

use crate::case::{Case, Cases, expect_refusals, symbol};
use crate::edit::*;
use crate::real::Architecture;
use modlink::image::{Error, SymbolProblem};

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    null(&mut cases);
    names(&mut cases);
    sections(&mut cases);
    kinds(&mut cases);
    extents(&mut cases);
    cases.into_vec()
}

#[test]
fn every_claim_about_a_symbol_that_does_not_hold_is_refused() {
    expect_refusals(cases);
}

#[test]
fn symbols_up_to_the_ends_of_their_section_and_strings_are_accepted() {
    for architecture in Architecture::ALL {
        let real = architecture.module();
        let index = real.symbol("crc_itu_t");
        let text = real.section(".text");
        let size = real.get(Section(text, "sh_size"));
        let strings = real.section(".strtab");
        let last = real.get(Section(strings, "sh_size")) - 1;
        for (value, extent) in [(size, 0), (0, size), (size - 1, 1)] {
            let mut file = real.clone();
            file.set(Symbol(index, "st_value"), value);
            file.set(Symbol(index, "st_size"), extent);
            let result = architecture.link(file.bytes());
            assert!(result.is_ok(), "{architecture:?}: {value}+{extent}: {result:?}");
        }
        let mut file = real.clone();
        file.set(Symbol(index, "st_name"), last);
        let result = architecture.link(file.bytes());
        assert!(result.is_ok(), "{architecture:?}: last name: {result:?}");
    }
}

/// Symbols of each kind: a global function, a global table, a local mark.
const VICTIMS: [&str; 3] = ["crc_itu_t", "crc_itu_t_table", "__kstrtab_crc_itu_t"];

/// Changes fields of one symbol.
fn refuse(
    cases: &mut Cases,
    name: &'static str,
    fields: &[(&'static str, u64)],
    says: &str,
    problem: SymbolProblem,
) {
    cases.add(format!("{name}: {fields:x?}"), says, |file| {
        let index = file.symbol(name);
        for (field, value) in fields {
            file.set(Symbol(index, field), *value);
        }
        Error::Symbol { symbol: symbol(index, name), problem }
    });
}

fn null(cases: &mut Cases) {
    for (field, value) in [("st_shndx", 1), ("st_shndx", 0xfff1)] {
        cases.add(format!("symbol 0: {field} = {value:#x}"), "empty", |file| {
            file.set(Symbol(0, field), value);
            Error::Symbol { symbol: symbol(0, ""), problem: SymbolProblem::NotNull }
        });
    }
    cases.add("symbol 0 has a name", "empty", |file| {
        let other = file.symbol("crc_itu_t");
        let name = file.get(Symbol(other, "st_name"));
        file.set(Symbol(0, "st_name"), name);
        Error::Symbol { symbol: symbol(0, "crc_itu_t"), problem: SymbolProblem::NotNull }
    });
}

fn names(cases: &mut Cases) {
    let strings = cases.real.section(".strtab");
    let size = cases.real.get(Section(strings, "sh_size"));
    for name in VICTIMS {
        for value in [size, size + 1, 0x8000_0000, 0xffff_ffff] {
            cases.add(format!("{name}: st_name = {value:#x}"), "leaves the string table", |file| {
                let index = file.symbol(name);
                file.set(Symbol(index, "st_name"), value);
                Error::Symbol { symbol: symbol(index, ""), problem: SymbolProblem::Name }
            });
        }
    }
}

fn sections(cases: &mut Cases) {
    let count = cases.real.section_count() as u64;
    for name in VICTIMS {
        for index in [
            count,
            count + 1,
            0xfeff,
            0xff00,
            0xff02,
            0xff1f,
            0xff20,
            0xff3f,
            0xfff0,
            0xfff3,
            0xfffe,
        ] {
            refuse(
                cases,
                name,
                &[("st_shndx", index)],
                &format!("section {index}"),
                SymbolProblem::Section(index as u16),
            );
        }
        refuse(cases, name, &[("st_shndx", 0xffff)], "extended", SymbolProblem::ExtendedIndex);
        for alignment in [0, 4, 32] {
            refuse(
                cases,
                name,
                &[("st_shndx", 0xfff2), ("st_value", alignment), ("st_size", 64)],
                "-fno-common",
                SymbolProblem::Common,
            );
        }
    }
}

fn kinds(cases: &mut Cases) {
    for name in VICTIMS {
        refuse(cases, name, &[("st_type", 6)], "thread-local", SymbolProblem::ThreadLocal);
        refuse(
            cases,
            name,
            &[("st_type", 6), ("st_shndx", 0)],
            "thread-local",
            SymbolProblem::ThreadLocal,
        );
        refuse(cases, name, &[("st_type", 10)], "indirect", SymbolProblem::IndirectFunction);
        for binding in [3, 4, 9, 11, 12, 13, 15] {
            refuse(
                cases,
                name,
                &[("st_bind", binding)],
                &format!("binding {binding}"),
                SymbolProblem::Binding(binding as u8),
            );
        }
    }
}

fn extents(cases: &mut Cases) {
    let word = cases.on.word_max();
    for name in VICTIMS {
        let real = cases.real.clone();
        let section = real.get(Symbol(real.symbol(name), "st_shndx")) as usize;
        let end = real.get(Section(section, "sh_size"));
        // The lower half alone would be good.
        let wrapped = if cases.on.is_wide() { 1 << 32 } else { 1 << 31 };
        for (value, size) in [
            (end + 1, 0),
            (end, 1),
            (0, end + 1),
            (1, end),
            (word, 0),
            (word, 1),
            (word, word),
            (0, word),
            (1, word),
            (2, word),
            (word / 2 + 1, word / 2 + 1),
            (wrapped, 0),
            (0, wrapped),
        ] {
            refuse(
                cases,
                name,
                &[("st_value", value), ("st_size", size)],
                &format!("{size} bytes from {value:#x} on leave its section"),
                SymbolProblem::OutsideSection { value, size },
            );
        }
        let bss = real.section(".bss") as u64;
        refuse(
            cases,
            name,
            &[("st_shndx", bss), ("st_value", 0), ("st_size", 1)],
            "1 bytes from 0x0 on leave its section",
            SymbolProblem::OutsideSection { value: 0, size: 1 },
        );
    }
}
