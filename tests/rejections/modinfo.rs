//! Rejections of `.modinfo`.

use crate::case::{Case, Cases, expect_rejections, section};
use crate::edit::*;
use crate::real::{Architecture, with_arch};
use modlink::image::{Error, SectionProblem};
use modlink_host::HostKernel;

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    for (name, strings, offset) in [
        ("no NUL at the end", &b"license=GPL\0name=x"[..], 12),
        ("nothing but a string without NUL", b"license=GPL", 0),
        ("one byte", b"x", 0),
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
fn a_string_that_does_not_end_is_rejected() {
    expect_rejections(cases);
}

#[test]
fn strings_that_say_nothing_are_accepted() {
    for architecture in Architecture::ALL {
        let mut file = architecture.module();
        let modinfo = file.section(".modinfo");
        file.set_contents(modinfo, b"\0\0depends=\0\0\0intree\0=x\0=\0name=x\0a==\0\0y\0");
        let result = architecture.link(file.bytes());
        assert!(result.is_ok(), "{architecture:?}: {result:?}");
    }
}

#[test]
fn a_value_with_a_nul_inside_is_what_stands_before_it() {
    for architecture in Architecture::ALL {
        for (license, compatible) in [
            ("GPL\0for files of the wrapper only, otherwise Proprietary", true),
            ("Proprietary\0license=GPL", false),
            ("\0GPL", false),
        ] {
            let mut file = architecture.module();
            file.set_modinfo("license", license);
            with_arch!(architecture, A => {
                let loader = HostKernel::<A>::new().export_all_for(file.bytes(), &[]).boot();
                loader.load(file.bytes()).expect("it loads");
                let found = loader.platform().look("crc_itu_t", |module| module.is_gpl_compatible());
                assert_eq!(found, compatible, "{architecture:?}: {license:?}");
            });
        }
    }
}
