//! Links every module under some folders with modlink and with GNU ld and compares the results.

use anyhow::{Result, bail};
use clap::Parser;
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use modlink::arch::{I386, M68k, X86_64};
use oracle::input;
use oracle::target::Target;
use oracle::verdict::{self, Tally, Verdict};
use rayon::prelude::*;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Links every .ko, .ko.xz and .o file under the folders with modlink and with GNU ld, at the same
/// seeded random addresses, and compares all allocated sections byte by byte. Ends with the line
/// "equal E of N"; succeeds only if E = N and N > 0.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The architecture of the files
    #[arg(long)]
    arch: Target,
    /// What the addresses are derived from, together with each file's name
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take only COUNT files, spread evenly over the list sorted by path; the seed says with
    /// which it starts
    #[arg(long, value_name = "COUNT")]
    sample: Option<usize>,
    /// List the names of the files that are left out
    #[arg(long)]
    names: bool,
    /// Folders to search
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let found = input::find(&arguments.folders)?;
    let total = found.len();
    if total == 0 {
        bail!("no .ko, .ko.xz or .o file in these folders");
    }
    let files = match arguments.sample {
        Some(count) => input::sample(found, count, arguments.seed),
        None => found,
    };
    println!("{:?}, seed {}, {} of {total} files", arguments.arch, arguments.seed, files.len());

    let scratch = tempfile::tempdir()?;
    let verdicts: Vec<_> = files
        .par_iter()
        .progress_with(progress(files.len()))
        .enumerate()
        .map(|(number, path)| one(path, number, &arguments, scratch.path()))
        .collect();
    let mut tally = Tally::default();
    for (path, verdict) in files.iter().zip(verdicts) {
        tally.add(&path.display().to_string(), verdict);
    }
    println!("{}", tally.report(arguments.arch, arguments.names));
    Ok(if tally.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn one(path: &Path, number: usize, arguments: &Arguments, scratch: &Path) -> Verdict {
    let folder = scratch.join(number.to_string());
    let verdict = std::fs::create_dir(&folder).map_err(Into::into).and_then(|()| {
        let file = input::read(path)?;
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let seed = arguments.seed;
        Ok(match arguments.arch {
            Target::X86_64 => verdict::of::<X86_64>(&file, name, seed, Target::X86_64, &folder),
            Target::I386 => verdict::of::<I386>(&file, name, seed, Target::I386, &folder),
            Target::M68k => verdict::of::<M68k>(&file, name, seed, Target::M68k, &folder),
        })
    });
    // Only to save room: all of it goes with the scratch folder.
    let _ = std::fs::remove_dir_all(&folder);
    verdict.unwrap_or_else(|error: anyhow::Error| Verdict::Different(format!("{error:#}")))
}

/// A bar on a terminal, else nothing.
fn progress(length: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}");
    let bar = ProgressBar::new(length as u64);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
