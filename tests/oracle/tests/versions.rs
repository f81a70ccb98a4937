//! What the command prints and returns, with real modules and what their build says of them.
#![allow(missing_docs, reason = "a test has no interface")]

use anyhow::{Context, Result};
use modlink_host::corpus;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Compares two real modules, one of which exports, with a Module.symvers.
fn compare(modules: &[&str], symvers: &str) -> Result<(Output, String)> {
    let folder = tempfile::tempdir()?;
    for module in modules {
        let file = corpus::module::<modlink::arch::X86_64>(module);
        fs::write(folder.path().join(module).with_extension("ko"), file)?;
    }
    let path = folder.path().join("Module.symvers");
    fs::write(&path, symvers)?;
    let output = Command::new(env!("CARGO_BIN_EXE_versions"))
        .args([Path::new("--arch"), Path::new("x86_64"), Path::new("--symvers"), &path])
        .arg(folder.path())
        .output()?;
    let text = String::from_utf8(output.stdout.clone())?;
    Ok((output, text))
}

fn symvers() -> Result<String> {
    Ok(fs::read_to_string(corpus::folder("amd64").join("Module.symvers"))?)
}

/// The same with the last digit of the version of a symbol changed.
fn with_other_digit(symvers: &str, symbol: &str) -> Result<String> {
    let line = symvers.lines().find(|line| line.split('\t').nth(1) == Some(symbol));
    let line = line.context("the symbol is exported")?;
    let crc = u32::from_str_radix(&line[2..10], 16)?;
    Ok(symvers.replace(line, &format!("{:#010x}{}", crc ^ 1, &line[10..])))
}

#[test]
fn versions_of_a_build_are_equal_and_one_changed_digit_is_found_wherever_it_is() -> Result<()> {
    let (modules, symvers) = (["crc-itu-t", "crc7"], symvers()?);
    let (output, text) = compare(&modules, &symvers)?;
    assert!(output.status.success(), "{text}");
    let last = text.lines().last().context("no output")?;
    let count: usize = last
        .strip_prefix("equal ")
        .and_then(|rest| rest.split(' ').next())
        .context("a count")?
        .parse()?;
    assert_eq!(last, format!("equal {count} of {count}"));
    assert!(count >= 8, "{text}");
    // Exported by one, imported by both.
    for (symbol, uses, kind) in [("crc_itu_t", 1, "exports"), ("module_layout", 2, "imports")] {
        let (output, text) = compare(&modules, &with_other_digit(&symvers, symbol)?)?;
        assert!(!output.status.success(), "{text}");
        let last = text.lines().last().context("no output")?;
        assert_eq!(last, format!("equal {} of {count}", count - uses), "{text}");
        assert!(text.contains(&format!(" {kind} {symbol}: 0x")), "{text}");
    }
    Ok(())
}

#[test]
fn nothing_compared_gives_failure() -> Result<()> {
    let (output, text) = compare(&[], &symvers()?)?;
    assert_eq!(text.lines().last(), Some("equal 0 of 0"));
    assert!(!output.status.success());
    let (output, _) = compare(&["crc7"], "no such line\n")?;
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr)?.contains("line 1"));
    Ok(())
}
