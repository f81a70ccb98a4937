//! Loads all modules at once and counts what modlink's loader takes from the heap, or its instructions.

use anyhow::Result;
use clap::Parser;
use modlink::symbols::KernelSymbol;
#[cfg(feature = "versions")]
use modlink::symbols::Ksymtab;
use modlink::{Loader, Module};
use modlink_bench::arena::Arena;
use modlink_bench::callgrind::{self, Copying};
use modlink_bench::kernel::{Kernel, in_order};
use modlink_bench::lookup::ksymtab;
use modlink_bench::table::{Table, thousands};
use modlink_bench::{modules, symvers};
use peak_alloc::PeakAlloc;
use std::hint::black_box;
#[cfg(feature = "versions")]
use std::path::Path;
use std::path::PathBuf;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Files smaller than this are not compared with the heap that they take, of which the loader
/// needs some for every module.
const LARGE: usize = 100_000;

/// Memory for all modules of a kernel at once.
const ROOM: usize = 512 << 20;

/// Loads all modules of a kernel into one and counts what modlink's loader takes from the heap.
#[derive(Parser)]
struct Arguments {
    /// Folder of modules instead of $CACHE/corpus/amd64
    #[arg(long, default_value_os_t = modules::folder())]
    modules: PathBuf,
    /// Count the instructions of these loads instead, with the features that this is built with
    #[arg(long)]
    instructions: bool,
    /// What callgrind runs: load all modules
    #[arg(long, hide = true)]
    watched: bool,
}

/// Bytes of a module's record.
const RECORD: usize = size_of::<Module<Kernel>>();

/// What one load took from the heap.
struct Taken<'m> {
    name: &'m str,
    file: usize,
    /// Bytes that it still had when it was done.
    kept: usize,
    /// The most bytes that it had at once.
    peak: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.instructions {
        return instructions(&arguments);
    }
    let modules = modules::read(&modules::find(&arguments.modules)?)?;
    let symvers = symvers::read(&arguments.modules.join("Module.symvers"))?;
    let order = in_order(&modules, &symvers);
    let records = size_of::<KernelSymbol>() * symvers.kernel.len();
    let before = HEAP.current_usage();
    let ksymtab = ksymtab(symvers.kernel);
    #[cfg(feature = "versions")]
    let ksymtab = with_versions(ksymtab, &arguments.modules)?;
    let index = HEAP.current_usage() - before - records;
    let loader = Kernel::boot(Arena::map(ROOM)?, ksymtab);
    if arguments.watched {
        order.iter().for_each(|module| measured_whole_load(&loader, &module.file));
        return Ok(());
    }
    println!(
        "Ksymtab of {} exports: {:.1} bytes an export beside record and name\n",
        thousands(symvers.kernel.len() as u64),
        index as f64 / symvers.kernel.len() as f64
    );

    let mut loads = Vec::with_capacity(order.len());
    let mut rejected = Vec::new();
    for module in order {
        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        let loaded = loader.load(&module.file);
        let (kept, peak) = (HEAP.current_usage() - before, HEAP.peak_usage() - before);
        match loaded {
            Ok(_) => loads.push(Taken { name: &module.name, file: module.file.len(), kept, peak }),
            Err(error) => rejected.push(format!("{}: {error}", module.name)),
        }
    }
    println!("{} modules loaded at once, {} rejected", loads.len(), rejected.len());
    rejected.iter().for_each(|rejection| println!("  {rejection}"));
    print!("\n{}\n{}", kept(&loads), peaks(&mut loads));
    Ok(())
}

/// What callgrind counts the instructions of.
#[inline(never)]
#[unsafe(no_mangle)]
extern "Rust" fn measured_whole_load(loader: &Loader<Kernel>, file: &[u8]) {
    black_box(loader.load(file)).expect("it loads");
}

/// Tells what the loads take, on one line.
fn instructions(arguments: &Arguments) -> Result<()> {
    let folder = arguments.modules.to_string_lossy().into_owned();
    let run = ["--watched".into(), "--modules".into(), folder];
    let loads = callgrind::count("measured_whole_load", &run, Copying::Vectors, false)?;
    let all: u64 = loads.iter().map(|load| load.instructions).sum();
    let features = [
        ("versions", cfg!(feature = "versions")),
        ("proc", cfg!(feature = "proc")),
        ("notifiers", cfg!(feature = "notifiers")),
        ("parameters", cfg!(feature = "parameters")),
        ("exceptions", cfg!(feature = "exceptions")),
        ("kallsyms", cfg!(feature = "kallsyms")),
    ];
    let on: Vec<_> = features.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    println!(
        "{} loads with {}: {} instructions",
        thousands(loads.len() as u64),
        if on.is_empty() { "no feature".into() } else { on.join(" and ") },
        thousands(all)
    );
    Ok(())
}

/// The table with the versions that the kernel's build says.
#[cfg(feature = "versions")]
fn with_versions(ksymtab: Ksymtab, modules: &Path) -> Result<Ksymtab> {
    let text = std::fs::read_to_string(modules.join("Module.symvers"))?;
    let lines = modlink::symbols::symvers::lines(&text).collect::<Result<Vec<_>, _>>()?;
    let versions: Vec<_> = lines.iter().map(|line| (line.name, line.crc)).collect();
    ksymtab.with_versions(&versions).map_err(|error| anyhow::anyhow!("{error}"))
}

/// What stays for a module beside its sections.
fn kept(loads: &[Taken<'_>]) -> String {
    let mut kept: Vec<usize> = loads.iter().map(|load| load.kept).collect();
    kept.sort_unstable();
    let at = |share: f64| kept.get(((kept.len() - 1) as f64 * share) as usize).copied();
    let mean = kept.iter().sum::<usize>() as f64 / kept.len() as f64;
    let show = |bytes: Option<usize>| bytes.map_or(String::new(), |bytes| thousands(bytes as u64));
    let mut table = Table::new(["bytes kept for a module beside its sections", ""]);
    table.row(["mean, the registry's growth included".to_owned(), format!("{mean:.0}")]);
    table.row(["of that, the record of the module itself".to_owned(), show(Some(RECORD))]);
    table.row(["half of them keep up to".to_owned(), show(at(0.5))]);
    table.row(["99 % keep up to".to_owned(), show(at(0.99))]);
    table.row(["most, when the registry grows".to_owned(), show(at(1.0))]);
    table.to_string()
}

/// The highest peaks, in absolute terms and relative to large files.
fn peaks(loads: &mut [Taken<'_>]) -> String {
    let mut table =
        Table::new(["highest use of the heap", "file", "heap at its peak", "share of the file"]);
    let mut row = |load: &Taken<'_>| {
        table.row([
            load.name.to_owned(),
            thousands(load.file as u64),
            thousands(load.peak as u64),
            format!("{:.2} %", load.peak as f64 / load.file as f64 * 100.0),
        ]);
    };
    loads.sort_by_key(|load| std::cmp::Reverse(load.peak));
    loads.iter().take(3).for_each(&mut row);
    let share = |load: &Taken<'_>| load.peak as f64 / load.file as f64;
    loads.sort_by(|a, b| share(b).total_cmp(&share(a)));
    loads.iter().filter(|load| load.file >= LARGE).take(3).for_each(&mut row);
    table.to_string()
}
