//! Loads all modules with every loader: instructions, times, how they grow with relocations.

use anyhow::Result;
use clap::{Parser, ValueEnum};
use modlink_bench::loaders::Loader;
use modlink_bench::measure::{self, Measured};
use modlink_bench::{modules, plot, report};
use std::path::PathBuf;

/// Loads all modules with every loader and compares what that costs.
#[derive(Parser)]
struct Arguments {
    /// Folder of modules instead of $CACHE/corpus/amd64
    #[arg(long, default_value_os_t = modules::folder())]
    modules: PathBuf,
    /// Count instructions of every so manyeth module, and of the largest
    #[arg(long, default_value_t = 20)]
    step: usize,
    /// Only count instructions, with these loaders
    #[arg(long, value_delimiter = ',')]
    only: Vec<Loader>,
    /// Where loads.csv and loads.svg go
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
    /// What callgrind runs: load the modules in --list with this loader, once each
    #[arg(long, hide = true, requires = "list")]
    watched: Option<Loader>,
    #[arg(long, hide = true)]
    list: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let (Some(loader), Some(list)) = (arguments.watched, &arguments.list) {
        return measure::load_watched(loader, list);
    }
    let all = modules::find(&arguments.modules)?;
    let all = modules::read(&all)?;
    let quick = !arguments.only.is_empty();
    let loaders = if quick { &arguments.only } else { Loader::value_variants() };

    let mut measured = Measured::new(&all, loaders, arguments.step);
    measured.count()?;
    println!("{}", report::instructions(&measured));
    println!("{}", report::worst(&measured));
    if quick {
        return Ok(());
    }
    measured.time()?;
    println!("{}", report::times(&measured));
    println!("{}", report::growth(&measured));
    std::fs::create_dir_all(&arguments.output)?;
    report::write_csv(&measured, &arguments.output.join("loads.csv"))?;
    plot::write(&arguments.output.join("loads.svg"), &report::series(&measured))?;
    println!("{}: loads.csv, loads.svg", arguments.output.display());
    Ok(())
}
