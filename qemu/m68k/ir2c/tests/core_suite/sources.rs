//! core's tests, rewritten so that they make a program for a bare machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const RUNNER: &str = include_str!("runner.rs");

/// Goes in front of the root of the tests, among its inner attributes.
const HEADER: &str = "\
#![no_main]
#![feature(restricted_std, custom_test_frameworks, asm_experimental_arch)]
#![test_runner(crate::runner)]
#![reexport_test_harness_main = \"test_main\"]
#![allow(warnings)]
";

/// What cannot be compiled: a file, what is in it, and what takes its place.
const PATCHES: &[(&str, &str, &str)] = &[
    // A test case cannot name itself.
    ("ptr.rs", "metadata(&ptr_metadata)", "metadata(&Unit)"),
    // Assumes at compile time that integers are aligned to their size.
    ("ptr.rs", "const { ptr_swap_nonoverlapping_is_untyped_inner() };", ""),
];

/// Where rustc's source package has core's tests.
fn installed() -> PathBuf {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().expect("rustc");
    assert!(output.status.success(), "rustc --print sysroot: {}", output.status);
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    sysroot.join("lib/rustlib/src/rust/library/coretests/tests")
}

/// Writes the rewritten tests into a folder.
pub fn write(to: &Path) {
    let from = installed();
    assert!(from.join("lib.rs").exists(), "no tests of core in {}", from.display());
    copy(&from, to);
    for (file, old, new) in PATCHES {
        let path = to.join(file);
        let text = fs::read_to_string(&path).expect("a file to patch");
        assert!(text.contains(old), "{file} no longer has {old:?}");
        fs::write(&path, text.replace(old, new)).expect("the file can be patched");
    }
    let root = fs::read_to_string(to.join("lib.rs")).expect("the root of core's tests");
    fs::remove_file(to.join("lib.rs")).expect("the root can be moved");
    // Lints with other names in other compilers, and vectors, which have no translation.
    let kept: Vec<&str> =
        root.lines().filter(|line| !line.starts_with("#![deny(") && *line != "mod simd;").collect();
    let program = format!("{HEADER}{}\n{RUNNER}", kept.join("\n"));
    fs::write(to.join("main.rs"), program).expect("the root can be written");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for the tests");
    for entry in fs::read_dir(from).expect("the folder of core's tests") {
        let entry = entry.expect("an entry of the folder");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            fs::write(&target, rewritten(&text)).expect("the file can be written");
        } else {
            fs::copy(&path, &target).expect("the file can be copied");
        }
    }
}

/// Makes test cases of tests, and plain functions of those that are ignored, return a result or
/// should panic: there is no unwinding to catch a panic.
fn rewritten(text: &str) -> String {
    let mut output = String::new();
    let mut attributes: Vec<&str> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let is_attribute = open || trimmed.starts_with("#[") || trimmed.starts_with("//");
        if is_attribute {
            // An attribute may go on over several lines, up to its bracket.
            open = if trimmed.starts_with("//") && !open {
                false
            } else {
                !trimmed.ends_with(']') && !trimmed.contains(")]")
            };
            attributes.push(line);
            continue;
        }
        let returns = trimmed.starts_with("fn ") && line.contains("-> Result");
        flush(&mut attributes, returns, &mut output);
        output += &line.replace("#[test]", "#[test_case]");
        output.push('\n');
    }
    flush(&mut attributes, false, &mut output);
    output
}

/// Writes the attributes of one item.
fn flush(attributes: &mut Vec<&str>, returns: bool, output: &mut String) {
    let text = attributes.join("\n");
    let dropped = returns || text.contains("#[should_panic") || text.contains("#[ignore");
    let test = if dropped { "#[allow(dead_code)]" } else { "#[test_case]" };
    let mut in_dropped = false;
    for line in attributes.drain(..) {
        let trimmed = line.trim_start();
        if trimmed.starts_with("#[should_panic") || trimmed.starts_with("#[ignore") {
            in_dropped = !trimmed.contains(")]") && !trimmed.ends_with(']');
            continue;
        }
        if in_dropped {
            in_dropped = !trimmed.ends_with(']');
            continue;
        }
        *output += &line.replace("#[test]", test);
        output.push('\n');
    }
}

#[test]
fn tests_become_test_cases() {
    assert_eq!(rewritten("#[test]\nfn f() {}\n"), "#[test_case]\nfn f() {}\n");
}

#[test]
fn tests_that_should_panic_are_dropped() {
    let text = "#[test]\n#[should_panic(\n  expected = \"x\"\n)]\nfn f() {}\n#[test]\nfn g() {}\n";
    assert_eq!(rewritten(text), "#[allow(dead_code)]\nfn f() {}\n#[test_case]\nfn g() {}\n");
}
