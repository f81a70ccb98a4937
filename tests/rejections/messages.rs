//! Messages stay short, whatever the file says.

use crate::edit::*;
use crate::link::undefine;
use crate::real::{Architecture, LIMIT};
use modlink::Name;

/// Longer than any line may be.
const LONG: usize = 4 << 20;

/// The most that an error with one or two names comes to, each byte escaped.
const LINE: usize = 2 * 4 * Name::MAX + 200;

#[test]
fn names_of_any_length_make_a_line_of_bounded_length() {
    for architecture in Architecture::ALL {
        let name = "\u{1}".repeat(LONG);
        let mut undefined = architecture.module();
        let symbol = undefined.symbol("crc_itu_t");
        undefine(&mut undefined, symbol);
        undefined.rename_symbol(symbol, &name);
        expect_short(architecture, &undefined, "unknown symbol");

        let mut section = architecture.module();
        let index = section.section(".text");
        section.rename_section(index, &name);
        section.set(Section(index, "sh_addralign"), 3);
        expect_short(architecture, &section, "section");

        let mut relocation = architecture.module();
        let index = relocation.section(".text");
        relocation.rename_section(index, &name);
        let table = relocation.relocations_of(index);
        relocation.set(Relocation(table, 0, "r_type"), 99);
        expect_short(architecture, &relocation, "relocation of");
    }
}

fn expect_short(on: Architecture, file: &Edit, says: &str) {
    let error = on.link(file.bytes()).expect_err("something is wrong with it");
    for line in [error.to_string(), format!("{error:?}")] {
        assert!(line.len() <= LINE, "{on:?}: {} bytes", line.len());
        assert!(line.contains("\\x01…"), "{line}");
    }
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn a_name_is_cut_behind_its_first_bytes_and_a_shorter_one_is_whole() {
    for length in [0, 1, 55, 59, Name::MAX - 1, Name::MAX] {
        let name = Name::from("n".repeat(length).as_bytes());
        assert_eq!(name.as_bytes(), "n".repeat(length).as_bytes());
        assert_eq!(name.to_string(), "n".repeat(length));
        assert_eq!(name.clone(), name);
    }
    for length in [Name::MAX + 1, Name::MAX + 3, 1000] {
        let name = Name::from("é".repeat(length).as_bytes());
        assert_eq!(name.to_string(), format!("{}…", "\\xc3\\xa9".repeat(Name::MAX / 2)));
        assert_eq!(name.as_bytes().len(), Name::MAX + "…".len());
        assert_eq!(name.clone(), name);
    }
    // One that looks as if it had been cut has not been.
    let ellipsis = Name::from(format!("{}…", "n".repeat(Name::MAX - 3)).as_bytes());
    assert!(ellipsis.to_string().ends_with("\\xe2\\x80\\xa6"));
}

#[test]
fn a_symbol_with_a_name_of_the_most_bytes_is_told_from_a_longer_one() {
    for architecture in Architecture::ALL {
        for length in [Name::MAX, Name::MAX + 1] {
            let mut file = architecture.module();
            let index = file.symbol("crc_itu_t");
            undefine(&mut file, index);
            file.rename_symbol(index, &"n".repeat(length));
            assert_eq!(architecture.check(file.bytes(), LIMIT), Ok(()));
            let error = architecture.link(file.bytes()).expect_err("nobody has it");
            let shown = "n".repeat(Name::MAX) + if length > Name::MAX { "…" } else { "" };
            assert!(error.to_string().contains(&format!("({shown})")), "{error}");
        }
    }
}
