//! Whether every variant of every error is shown by a test.
//!
//! A new variant does not compile until it has a [label](labels), and a label that no test produces
//! fails the test.

use crate::kernel::{Rejection, outcomes};
use crate::real::Architecture;
use crate::{exports, header, identity, link as linked, modinfo, relocations, sections};
use crate::{out_of_memory, symbols};
use modlink::link::{Error as LinkError, Part};
use std::collections::BTreeSet;

/// With a wildcard, which another crate needs where there may be more variants.
macro_rules! match_variants {
    ($error:ident { $($arms:tt)* }) => {
        match $error { $($arms)* _ => "a variant that has no label" }
    };
}

#[path = "../../src/error/labels.rs"]
mod labels;

use labels::*;

/// The labels of what the tests on one architecture produce.
fn produced(on: Architecture) -> BTreeSet<&'static str> {
    let subjects = [
        header::cases,
        sections::cases,
        symbols::cases,
        relocations::cases,
        modinfo::cases,
        linked::cases,
        exports::cases,
        identity::cases,
    ];
    let cases = subjects.into_iter().flat_map(|cases| cases(on));
    #[cfg(feature = "versions")]
    let cases = cases.chain(crate::versions::cases(on));
    let mut produced: BTreeSet<_> = cases.map(|case| load_label(&case.error)).collect();
    produced.extend(outcomes(on).iter().map(|outcome| match &outcome.want {
        Rejection::Load(error) => load_label(error),
        Rejection::Unload(error) => unload_label(error),
    }));
    #[cfg(feature = "exceptions")]
    produced.extend(crate::exceptions::errors(on).iter().map(load_label));
    #[cfg(feature = "kallsyms")]
    produced.extend(crate::kallsyms::errors(on).iter().map(load_label));
    produced.extend(out_of_memory::errors(on).iter().map(load_label));
    #[cfg(feature = "parameters")]
    produced.extend(crate::parameters::errors(on).iter().map(load_label));
    produced.extend([Part::Core, Part::Init].map(|part| link_label(&LinkError::Block(part))));
    produced
}

/// What cannot happen on an architecture.
fn impossible(on: Architecture) -> &'static [&'static str] {
    match on {
        Architecture::X86_64 => &[],
        // Its words reach the whole address space; addends stand at the places.
        Architecture::I386 => &["link: TargetNotZero", "load: no memory within reach"],
        // Both kinds of relocation section are taken.
        Architecture::M68k => {
            &["link: TargetNotZero", "load: no memory within reach", "section: AddendKind"]
        }
    }
}

#[test]
fn every_variant_of_every_error_is_produced_on_every_architecture_where_it_can_be() {
    let lists = [HEADER, SECTION, SYMBOL, LINK, IMPORT, UNLOAD, LOAD];
    for architecture in Architecture::ALL {
        let all: BTreeSet<&str> = lists.concat().into_iter().collect();
        let impossible = impossible(architecture).iter().copied().collect();
        let expected: BTreeSet<&str> = all.difference(&impossible).copied().collect();
        assert_eq!(produced(architecture), expected, "{architecture:?}");
    }
}
