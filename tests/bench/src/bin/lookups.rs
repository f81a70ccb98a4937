//! Finds the symbols of a real kernel in different tables: instructions and cache misses.

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Parser, ValueEnum};
use modlink_bench::arena::Arena;
use modlink_bench::callgrind::{self, Copying};
use modlink_bench::kernel::{Kernel, in_order};
use modlink_bench::lookup::*;
use modlink_bench::modules::{self, Module};
use modlink_bench::symvers::{self, Symvers};
use modlink_bench::table::{Table, thousands};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Finds the symbols that a kernel exports, and as many that it does not, in different tables.
#[derive(Parser)]
struct Arguments {
    /// Module.symvers of the kernel instead of that in $CACHE/corpus/amd64
    #[arg(long, default_value_os_t = modules::folder().join("Module.symvers"))]
    symvers: PathBuf,
    /// What callgrind runs: build this table and search it
    #[arg(long, hide = true)]
    watched: Option<Kind>,
    /// What callgrind runs: load the modules in this list and search their exports
    #[arg(long, hide = true)]
    list: Option<PathBuf>,
}

/// How many modules are loaded.
const LOADED: usize = 200;

/// How many of the names that they export, and that others export, are looked for.
const SOUGHT: usize = 500;

const ROOM: usize = 160 << 20;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Binary,
    Modlink,
    Eytzinger,
    OpenFnv,
    OpenWords,
    TaggedFnv,
    TaggedWords,
    PerfectWords,
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Binary => "binary search",
            Self::Modlink => "modlink's Ksymtab",
            Self::Eytzinger => "Eytzinger",
            Self::OpenFnv => "hash index, 2-byte slots, FNV-1a",
            Self::OpenWords => "hash index, 2-byte slots, word hash",
            Self::TaggedFnv => "hash index, 4-byte slots, FNV-1a",
            Self::TaggedWords => "hash index, 4-byte slots, word hash",
            Self::PerfectWords => "minimal perfect hash, word hash",
        }
    }

    fn build(self, exports: &'static [Export]) -> Box<dyn Search> {
        match self {
            Self::Binary => Box::new(Binary(exports)),
            Self::Modlink => Box::new(ksymtab(exports)),
            Self::Eytzinger => Box::new(Eytzinger::new(exports)),
            Self::OpenFnv => Box::new(Open::<Indices, Fnv>::new(exports)),
            Self::OpenWords => Box::new(Open::<Indices, Words>::new(exports)),
            Self::TaggedFnv => Box::new(Open::<Tagged, Fnv>::new(exports)),
            Self::TaggedWords => Box::new(Open::<Tagged, Words>::new(exports)),
            Self::PerfectWords => Box::new(Perfect::<Words>::new(exports)),
        }
    }
}

/// A table that finds many names in one call.
trait Search {
    /// How many of the names it has.
    fn search(&self, names: &[&str]) -> usize;

    /// What it keeps beside the records and the names, if it says.
    fn bytes(&self) -> Option<usize>;
}

impl<F: Find> Search for F {
    fn search(&self, names: &[&str]) -> usize {
        names.iter().filter(|name| black_box(self.find(name.as_bytes())).is_some()).count()
    }

    fn bytes(&self) -> Option<usize> {
        Find::bytes(self)
    }
}

/// What callgrind counts.
#[inline(never)]
#[unsafe(no_mangle)]
fn measured_lookups(work: &mut dyn FnMut()) {
    work();
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let symvers = symvers::read(&arguments.symvers)?;
    let mut hits: Vec<&str> = symvers.kernel.iter().map(|export| export.name).collect();
    let mut misses: Vec<&str> = symvers.modules.iter().map(|(name, _)| name.as_str()).collect();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    hits.shuffle(&mut random);
    misses.shuffle(&mut random);
    if let Some(kind) = arguments.watched {
        return watched(kind, symvers.kernel, &hits, &misses);
    }

    if let Some(list) = &arguments.list {
        return watched_with_modules(list, &symvers, &hits);
    }
    kernel_alone(&symvers, hits.len(), misses.len())?;
    with_modules(&arguments, &symvers)
}

/// Looks for the kernel's symbols, and for others, in each table.
fn kernel_alone(symvers: &Symvers, hits: usize, misses: usize) -> Result<()> {
    let count = symvers.kernel.len();
    println!("{} exported symbols, {} others\n", thousands(count as u64), thousands(misses as u64));
    let mut table = Table::new([
        "table",
        "hit",
        "D1 misses",
        "miss",
        "D1 misses",
        "hit × binary",
        "bytes an export",
        "build, an export",
    ]);
    let mut base = None;
    for kind in Kind::value_variants() {
        let name = kind.to_possible_value().context("a table's name")?;
        let arguments = ["--watched", name.get_name()].map(str::to_owned);
        let counts = callgrind::count("measured_lookups", &arguments, Copying::Vectors, true)?;
        let [build, _warm, hit, miss] = &counts[..] else {
            anyhow::bail!("{} counts", counts.len());
        };
        let each = |total: u64, names: usize| total as f64 / names as f64;
        let hit_each = each(hit.instructions, hits);
        let base = *base.get_or_insert(hit_each);
        let bytes = kind.build(symvers.kernel).bytes();
        table.row([
            kind.title().to_owned(),
            format!("{hit_each:.0}"),
            format!("{:.1}", each(hit.cache_misses, hits)),
            format!("{:.0}", each(miss.instructions, misses)),
            format!("{:.1}", each(miss.cache_misses, misses)),
            format!("{:.2}", hit_each / base),
            bytes.map_or("–".into(), |bytes| format!("{:.1}", bytes as f64 / count as f64)),
            format!("{:.0}", each(build.instructions, count)),
        ]);
    }
    println!("{table}");
    Ok(())
}

/// Looks for symbols of the kernel, of loaded modules, and of modules that are not loaded.
fn with_modules(arguments: &Arguments, symvers: &Symvers) -> Result<()> {
    let folder = arguments.symvers.parent().context("a folder")?;
    let mut modules = modules::read(&modules::find(folder)?)?;
    modules.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    let mut list = tempfile::NamedTempFile::new()?;
    for module in in_order(&modules, symvers).into_iter().take(LOADED) {
        writeln!(list, "{}", module.path.display())?;
    }
    let loaded = modules::read_list(list.path())?;
    let (of_loaded, of_others) = exports_of(symvers, &loaded);
    println!(
        "{LOADED} modules loaded, which export {} symbols\n",
        thousands(of_loaded.len() as u64)
    );

    let list = list.path().display().to_string();
    let counts =
        callgrind::count("measured_lookups", &["--list".into(), list], Copying::Vectors, true)?;
    let sizes = [symvers.kernel.len(), some(&of_loaded).len(), some(&of_others).len()];
    let mut table = Table::new([
        "search",
        "kernel's",
        "D1 misses",
        "module's",
        "D1 misses",
        "nobody's",
        "D1 misses",
    ]);
    for (name, counts) in
        ["modlink's Loader::symbol", "a hash index for the kernel, one for all modules"]
            .into_iter()
            .zip(counts.chunks(sizes.len()))
    {
        let cells = counts.iter().zip(sizes).flat_map(|(counts, names)| {
            let each = |total: u64| total as f64 / names as f64;
            [
                format!("{:.0}", each(counts.instructions)),
                format!("{:.1}", each(counts.cache_misses)),
            ]
        });
        table.row(std::iter::once(name.to_owned()).chain(cells));
    }
    println!("{table}");
    Ok(())
}

/// The names that these modules export, and those that other modules export.
fn exports_of<'s>(symvers: &'s Symvers, modules: &[Module]) -> (Vec<&'s str>, Vec<&'s str>) {
    let owners: HashSet<String> = modules.iter().filter_map(Module::owner).collect();
    let (ours, others): (Vec<_>, Vec<_>) =
        symvers.modules.iter().partition(|(_, owner)| owners.contains(owner));
    let names = |pairs: Vec<&'s (String, String)>| {
        let mut names: Vec<&str> = pairs.into_iter().map(|(name, _)| name.as_str()).collect();
        names.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
        names
    };
    (names(ours), names(others))
}

/// The first few of some names.
fn some<'n, 's>(names: &'n [&'s str]) -> &'n [&'s str] {
    names.get(..SOUGHT).unwrap_or(names)
}

fn watched_with_modules(list: &Path, symvers: &Symvers, of_kernel: &[&str]) -> Result<()> {
    let modules = modules::read_list(list)?;
    let (of_loaded, of_others) = exports_of(symvers, &modules);
    let loader = Kernel::boot(Arena::map(ROOM)?, ksymtab(symvers.kernel));
    for module in &modules {
        loader.load(&module.file).map_err(|error| anyhow!("{error}"))?;
    }
    let export = |name: &&str| Export::new(1, (*name).to_owned().leak(), false);
    let exports: Vec<Export> = of_loaded.iter().map(export).collect();
    let (kernel, loaded) =
        (Open::<Tagged, Words>::new(symvers.kernel), Open::<Tagged, Words>::new(exports.leak()));

    let by_loader = |name: &str| loader.symbol(name.as_bytes()).is_some();
    let by_index = |name: &str| {
        let find = || kernel.find(name.as_bytes()).or_else(|| loaded.find(name.as_bytes()));
        find().is_some()
    };
    for search in [&by_loader as &dyn Fn(&str) -> bool, &by_index] {
        let names = [(of_kernel, true), (some(&of_loaded), true), (some(&of_others), false)];
        for (names, wanted) in names {
            let mut found = 0;
            let mut work = || found = names.iter().filter(|name| search(name)).count();
            measured_lookups(&mut work);
            ensure!(found == if wanted { names.len() } else { 0 }, "{found} symbols found");
        }
    }
    Ok(())
}

fn watched(kind: Kind, exports: &'static [Export], hits: &[&str], misses: &[&str]) -> Result<()> {
    let mut table = None;
    measured_lookups(&mut || table = Some(kind.build(exports)));
    let table = table.context("built")?;
    for (names, wanted) in [(hits, hits.len()), (hits, hits.len()), (misses, 0)] {
        let mut found = 0;
        measured_lookups(&mut || found = table.search(names));
        ensure!(found == wanted, "{kind:?} finds {found} of {wanted} symbols");
    }
    Ok(())
}
