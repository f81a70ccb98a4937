//! Rejections of modules that do not say who they are.

use crate::case::{Case, Cases, expect_rejections};
use crate::real::{Architecture, with_arch};
use modlink::LoadError;
use modlink::arch::Arch;
use modlink::module::{MAX_NAMESPACES, ModInfoProblem};
use modlink_host::HostKernel;

/// The longest name, for which Linux has room in `struct module`.
const fn longest(on: Architecture) -> usize {
    if on.is_wide() { 55 } else { 59 }
}

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    cases.add("no name", "name=", |file| {
        file.remove_modinfo("name");
        LoadError::ModInfo(ModInfoProblem::NoName)
    });
    cases.add("no .modinfo", "name=", |file| {
        let modinfo = file.section(".modinfo");
        file.rename_section(modinfo, ".other");
        LoadError::ModInfo(ModInfoProblem::NoName)
    });
    cases.add("an empty name", "empty", |file| {
        file.set_modinfo("name", "");
        LoadError::ModInfo(ModInfoProblem::NameLength(0))
    });
    for length in [longest(on) + 1, 4096] {
        cases.add(format!("a name of {length} bytes"), format!("{length} bytes"), |file| {
            file.set_modinfo("name", &"n".repeat(length));
            LoadError::ModInfo(ModInfoProblem::NameLength(length))
        });
    }
    cases.add("many namespaces", "more than 32 namespaces", |file| {
        for number in 0..=MAX_NAMESPACES {
            let modinfo = file.section(".modinfo");
            let mut strings = file.contents(modinfo).to_vec();
            strings.extend(format!("import_ns=N{number}\0").bytes());
            file.set_contents(modinfo, &strings);
        }
        LoadError::ModInfo(ModInfoProblem::Namespaces)
    });
    cases.into_vec()
}

#[test]
fn a_module_without_a_usable_name_is_rejected() {
    expect_rejections(cases);
}

#[test]
fn names_of_one_byte_and_of_the_most_bytes_are_accepted() {
    for architecture in Architecture::ALL {
        for length in [1, longest(architecture)] {
            with_arch!(architecture, A => accepts::<A>(architecture, length));
        }
    }
}

fn accepts<A: Arch>(on: Architecture, length: usize) {
    let mut file = on.module();
    let name = "n".repeat(length);
    file.set_modinfo("name", &name);
    let loader = HostKernel::<A>::new().export_all_for(file.bytes(), &[]).boot();
    loader.load(file.bytes()).expect("it loads");
    assert!(loader.platform().snapshot().module(&name).is_some());
}
