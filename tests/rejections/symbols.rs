//! Rejections of symbols.

use crate::case::{Case, Cases, expect_rejections, symbol};
use crate::edit::*;
use crate::real::{Architecture, with_arch};
use modlink::image::{Error, SymbolProblem};
use modlink_host::HostKernel;

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    null(&mut cases);
    names(&mut cases);
    sections(&mut cases);
    kinds(&mut cases);
    cases.into_vec()
}

#[test]
fn every_claim_about_a_symbol_that_does_not_hold_is_rejected() {
    expect_rejections(cases);
}

#[test]
fn symbols_may_have_any_value_and_size_and_the_last_name() {
    for architecture in Architecture::ALL {
        let real = architecture.module();
        let word = architecture.word_max();
        for name in VICTIMS {
            let index = real.symbol(name);
            let section = real.get(Symbol(index, "st_shndx")) as usize;
            let end = real.get(Section(section, "sh_size"));
            // Only those that a narrow field can still refer to.
            for (value, size) in [
                (end, 0),
                (end, 1),
                (end + 1, 0),
                (0, end + 1),
                (end + 0x1000, 4),
                (word, 0),
                (word - 0xfff, 0),
                (0, word),
                (1, word),
            ] {
                let mut file = real.clone();
                file.set(Symbol(index, "st_value"), value);
                file.set(Symbol(index, "st_size"), size);
                let result = architecture.link(file.bytes());
                assert!(result.is_ok(), "{architecture:?}: {name}: {value}+{size}: {result:?}");
            }
        }
        let mut file = real.clone();
        let strings = file.section(".strtab");
        let last = file.get(Section(strings, "sh_size")) - 1;
        file.set(Symbol(file.symbol("crc_itu_t"), "st_name"), last);
        let result = architecture.link(file.bytes());
        assert!(result.is_ok(), "{architecture:?}: last name: {result:?}");
    }
}

#[test]
fn files_and_sections_that_are_called_as_a_function_are_none() {
    for architecture in Architecture::ALL {
        for name in ["init_module", "cleanup_module"] {
            for (kind, section) in [(4, 0xfff1), (3, architecture.module().section(".rodata"))] {
                let mut file = architecture.module();
                let index = file.symbol("_note_9");
                file.rename_symbol(index, name);
                for (field, value) in [
                    ("st_bind", 0),
                    ("st_type", kind),
                    ("st_shndx", section as u64),
                    ("st_value", 0),
                ] {
                    file.set(Symbol(index, field), value);
                }
                with_arch!(architecture, A => {
                    let loader = HostKernel::<A>::new().export_all_for(file.bytes(), &[]).boot();
                    let result = loader.load(file.bytes()).map(drop);
                    assert_eq!(result, Ok(()), "{architecture:?}: {name} of type {kind}");
                    assert_eq!(loader.platform().take_called(), []);
                });
            }
        }
    }
}

#[test]
fn the_mark_of_link_time_optimisation_is_overlooked_and_nothing_can_refer_to_it() {
    for architecture in Architecture::ALL {
        for mark in ["__gnu_lto_v1", "__gnu_lto_v2"] {
            let mut file = architecture.module();
            let victim = file.symbol("crc_itu_t");
            file.rename_symbol(victim, mark);
            for (field, value) in
                [("st_shndx", 0xfff2), ("st_value", 1), ("st_size", 1), ("st_type", 1)]
            {
                file.set(Symbol(victim, field), value);
            }
            let error = architecture.link(file.bytes()).expect_err("it is referred to");
            assert!(error.to_string().contains("not in a loaded section"), "{error}");

            // Relocations of type 0 do nothing.
            let table = file.relocations_of(file.section("__ksymtab"));
            for number in 0..file.relocation_count(table) {
                if file.get(Relocation(table, number, "r_sym")) as usize == victim {
                    file.set(Relocation(table, number, "r_type"), 0);
                }
            }
            let applied = architecture.link(architecture.module().bytes());
            assert_eq!(architecture.link(file.bytes()), applied, "{architecture:?}: {mark}");
        }
    }
}

/// Symbols of each kind: a global function, a global table, a local mark.
const VICTIMS: [&str; 3] = ["crc_itu_t", "crc_itu_t_table", "__kstrtab_crc_itu_t"];

/// Changes fields of one symbol.
fn reject(
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
        for index in
            [count, count + 1, 0xfeff, 0xff00, 0xff1f, 0xff20, 0xff3f, 0xfff0, 0xfff3, 0xfffe]
        {
            reject(
                cases,
                name,
                &[("st_shndx", index)],
                &format!("section {index}"),
                SymbolProblem::Section(index as u16),
            );
        }
        reject(cases, name, &[("st_shndx", 0xffff)], "extended", SymbolProblem::ExtendedIndex);
        for (alignment, size) in [(0, 64), (4, 0), (32, cases.on.word_max())] {
            reject(
                cases,
                name,
                &[("st_shndx", 0xfff2), ("st_value", alignment), ("st_size", size)],
                &format!(": common symbol of {size} bytes; compile with -fno-common"),
                SymbolProblem::Common { size, large: false },
            );
        }
        let (says, problem) = match cases.on {
            Architecture::X86_64 => (
                "large common symbol of 64 bytes; compile with -fno-common",
                SymbolProblem::Common { size: 64, large: true },
            ),
            _ => ("section 65282", SymbolProblem::Section(0xff02)),
        };
        reject(cases, name, &[("st_shndx", 0xff02), ("st_size", 64)], says, problem);
    }
}

fn kinds(cases: &mut Cases) {
    cases.add("no code but for link-time optimisation", "compile with -fno-lto", |file| {
        let index = file.symbol("crc_itu_t");
        file.rename_symbol(index, "__gnu_lto_slim");
        for (field, value) in [("st_shndx", 0xfff2), ("st_value", 1), ("st_size", 1)] {
            file.set(Symbol(index, field), value);
        }
        Error::Symbol { symbol: symbol(index, "__gnu_lto_slim"), problem: SymbolProblem::SlimLto }
    });
    for name in VICTIMS {
        reject(cases, name, &[("st_type", 6)], "thread-local", SymbolProblem::ThreadLocal);
        reject(
            cases,
            name,
            &[("st_type", 6), ("st_shndx", 0)],
            "thread-local",
            SymbolProblem::ThreadLocal,
        );
        reject(cases, name, &[("st_type", 10)], "indirect", SymbolProblem::IndirectFunction);
        for binding in [3, 4, 9, 11, 12, 13, 15] {
            reject(
                cases,
                name,
                &[("st_bind", binding)],
                &format!("binding {binding}"),
                SymbolProblem::Binding(binding as u8),
            );
        }
    }
}
