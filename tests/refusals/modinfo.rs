//! Refusals of `.modinfo`.

use crate::case::{Case, Cases, expect_refusals, section};
use crate::edit::*;
use crate::real::Architecture;
use modlink::image::{Error, SectionProblem};

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    for (name, strings, offset) in [
        ("no NUL at the end", &b"license=GPL\0name=x"[..], 12),
        ("nothing but a string without NUL", b"license=GPL", 0),
        ("one byte", b"x", 0),
        ("a string without =", b"license=GPL\0intree\0name=x\0", 12),
        ("a string without = at the start", b"license\0name=x\0", 0),
        ("a string without = at the end", b"license=GPL\0\0\0name\0", 14),
        ("a string without a key", b"license=GPL\0=x\0", 12),
        ("a string that is =", b"license=GPL\0=\0", 12),
        ("padding without NUL", b"license=GPL\0\0\0 ", 14),
    ] {
        cases.add(name, format!("at {offset:#x}"), |file| {
            let modinfo = file.section(".modinfo");
            file.set_contents(modinfo, strings);
            Error::Section {
                section: section(modinfo, ".modinfo"),
                problem: SectionProblem::ModInfo(offset),
            }
        });
    }
    let modinfo = cases.real.section(".modinfo");
    let size = cases.real.get(Section(modinfo, "sh_size"));
    let last = cases.real.contents(modinfo)[..size as usize - 1]
        .iter()
        .rposition(|byte| *byte == 0)
        .map_or(0, |nul| nul + 1);
    cases.add("a real one whose last NUL is overwritten", format!("at {last:#x}"), |file| {
        file.contents_mut(modinfo)[size as usize - 1] = b'x';
        Error::Section {
            section: section(modinfo, ".modinfo"),
            problem: SectionProblem::ModInfo(last),
        }
    });
    cases.into_vec()
}

#[test]
fn what_is_not_strings_of_keys_and_values_is_refused() {
    expect_refusals(cases);
}

#[test]
fn empty_values_and_padding_are_accepted() {
    for architecture in Architecture::ALL {
        let mut file = architecture.module();
        let modinfo = file.section(".modinfo");
        file.set_contents(modinfo, b"\0\0depends=\0\0\0name=x\0a==\0\0");
        let result = architecture.link(file.bytes());
        assert!(result.is_ok(), "{architecture:?}: {result:?}");
    }
}
