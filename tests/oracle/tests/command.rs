//! What the command prints and returns, as scripts rely on it.
#![allow(missing_docs, reason = "a test has no interface")]

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn compile(code: &str, output: &Path) -> Result<()> {
    let source = output.with_extension("c");
    fs::write(&source, code)?;
    let status = Command::new("gcc")
        .args(["-c", "-mcmodel=kernel", "-fno-pic", "-fcf-protection=none", "-o"])
        .arg(output)
        .arg(&source)
        .status()?;
    ensure!(status.success(), "gcc failed");
    Ok(())
}

fn oracle(folder: &Path) -> Result<Output> {
    Ok(Command::new(env!("CARGO_BIN_EXE_oracle"))
        .args(["--arch", "x86_64", "--seed", "3"])
        .arg(folder)
        .output()?)
}

fn last_line(output: &Output) -> Result<String> {
    let text = String::from_utf8(output.stdout.clone())?;
    Ok(text.lines().last().context("no output")?.to_owned())
}

#[test]
fn equal_files_give_success() -> Result<()> {
    let folder = tempfile::tempdir()?;
    compile("int f(void); int g(void) { return f() + 1; }", &folder.path().join("a.o"))?;
    compile("int data = 5; int *where = &data;", &folder.path().join("b.ko"))?;
    let output = oracle(folder.path())?;
    assert_eq!(last_line(&output)?, "equal 2 of 2");
    assert!(output.status.success());
    Ok(())
}

#[test]
fn a_file_that_cannot_be_linked_gives_failure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    compile("int data = 5; int *where = &data;", &folder.path().join("a.o"))?;
    let mut damaged = fs::read(folder.path().join("a.o"))?;
    // e_ehsize
    damaged[0x34] = 0;
    fs::write(folder.path().join("b.o"), damaged)?;
    let output = oracle(folder.path())?;
    assert_eq!(last_line(&output)?, "equal 1 of 2");
    assert!(!output.status.success());
    Ok(())
}

#[test]
fn nothing_compared_gives_failure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    assert!(!oracle(folder.path())?.status.success());
    compile("__thread int own;", &folder.path().join("a.o"))?;
    let output = oracle(folder.path())?;
    assert_eq!(last_line(&output)?, "equal 0 of 0");
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stdout)?.contains("left out 1: thread-local storage"));
    Ok(())
}
