//! Counting instructions with callgrind.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::path::Path;
use std::process::{Command, Stdio};

/// How the C library copies and clears memory.
///
/// A `rep movsb` is one instruction that copies any number of bytes, and callgrind counts one
/// for each byte. It says more of the loaders to let the C library use vectors instead, as it
/// does on other processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Copying {
    /// With vector instructions, whatever the size.
    Vectors,
    /// As the C library chooses: for more than 2 KiB, with string instructions.
    Strings,
}

/// What callgrind has counted in one call of the function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instructions.
    pub instructions: u64,
    /// Accesses to data that were not in the first-level cache; 0 unless asked for.
    pub cache_misses: u64,
}

/// Runs this program again, with other arguments, under callgrind, and counts what each call of
/// `function` does.
///
/// # Errors
/// If it does not succeed, or callgrind is not installed.
pub fn count(
    function: &str,
    arguments: &[String],
    copying: Copying,
    cache: bool,
) -> Result<Vec<Counts>> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("callgrind.out");
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no", "--combine-dumps=yes"])
        .arg(format!("--toggle-collect={function}"))
        .arg(format!("--dump-after={function}"))
        .arg(format!("--callgrind-out-file={}", output.display()))
        .stdout(Stdio::null());
    if cache {
        command.args(["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64"]);
        command.arg("--LL=8388608,16,64");
    }
    command.arg(std::env::current_exe()?).args(arguments);
    if copying == Copying::Vectors {
        command.env(
            "GLIBC_TUNABLES",
            "glibc.cpu.x86_rep_movsb_threshold=1073741824:\
             glibc.cpu.x86_rep_stosb_threshold=1073741824",
        );
    }
    let status = command.status().context("valgrind: run `make setup`")?;
    if !status.success() {
        bail!("{function} under callgrind with {arguments:?}: {status}");
    }
    read(&output)
}

/// The totals of each part of a dump; the last part is what happened after the last call.
fn read(output: &Path) -> Result<Vec<Counts>> {
    let text = std::fs::read_to_string(output)?;
    let events = text.lines().find_map(|line| line.strip_prefix("events: "));
    let events: Vec<&str> = events.context("no events in the dump")?.split(' ').collect();
    let mut parts: Vec<Counts> = text
        .lines()
        .filter_map(|line| line.strip_prefix("totals: "))
        .map(|totals| {
            let totals = totals.split(' ').map(|total| total.parse().unwrap_or(0));
            let mut counts = Counts::default();
            for (event, total) in events.iter().zip(totals) {
                match *event {
                    "Ir" => counts.instructions += total,
                    "D1mr" | "D1mw" => counts.cache_misses += total,
                    _ => {}
                }
            }
            counts
        })
        .collect();
    if parts.last() == Some(&Counts::default()) {
        parts.pop();
    }
    Ok(parts)
}
