//! The kernel's table comes out of the linker as it went in, however it is linked.

use std::process::Command;

const COMMON: &str = "\
zebra gpl=false namespace=\"\"
jiffies gpl=true namespace=\"\"
";
const REST: &str = "\
a zebra, so called gpl=false namespace=\"ANIMALS\"
yield gpl=false namespace=\"\"
";

/// What the program prints.
fn run(program: &str) -> String {
    let output = Command::new(program).output().expect("a program that has been built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn exports_of_several_crates_are_found_without_a_linker_script() {
    let own = "2 of this program gpl=true namespace=\"ANIMALS\"\n";
    assert_eq!(run(env!("CARGO_BIN_EXE_plain")), format!("{COMMON}{own}{REST}5 symbols\n"));
}

#[test]
fn the_table_is_aligned_whatever_lies_before_it() {
    assert_eq!(run(env!("CARGO_BIN_EXE_odd_neighbour")), format!("{COMMON}{REST}4 symbols\n"));
}

#[test]
fn the_script_that_comes_with_the_crate_keeps_the_table() {
    assert_eq!(run(env!("CARGO_BIN_EXE_shipped_script")), format!("{COMMON}{REST}4 symbols\n"));
}

#[test]
fn a_kernel_that_exports_nothing_links() {
    assert_eq!(run(env!("CARGO_BIN_EXE_nothing")), "0 symbols\n");
}

#[test]
fn a_symbol_that_two_crates_export_is_named() {
    assert_eq!(run(env!("CARGO_BIN_EXE_twice")), "the kernel exports zebra twice\n");
}

#[test]
fn what_is_no_entry_is_noticed() {
    let says = run(env!("CARGO_BIN_EXE_stranger"));
    assert!(says.ends_with("bytes, which are not whole entries\n"), "{says}");
}
