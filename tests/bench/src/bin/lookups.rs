//! Finds the symbols of a real kernel in different tables: instructions and cache misses.

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use modlink_bench::callgrind::{self, Copying};
use modlink_bench::lookup::*;
use modlink_bench::table::{Table, thousands};
use modlink_bench::{modules, symvers};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;
use std::path::PathBuf;

/// Finds the symbols that a kernel exports, and as many that it does not, in different tables.
#[derive(Parser)]
struct Arguments {
    /// Module.symvers of the kernel instead of that in $CACHE/corpus/amd64
    #[arg(long, default_value_os_t = modules::folder().join("Module.symvers"))]
    symvers: PathBuf,
    /// What callgrind runs: build this table and search it
    #[arg(long, hide = true)]
    watched: Option<Kind>,
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
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

    /// What it keeps beside the records and the names.
    fn bytes(&self) -> usize;
}

impl<F: Find> Search for F {
    fn search(&self, names: &[&str]) -> usize {
        names.iter().filter(|name| black_box(self.find(name.as_bytes())).is_some()).count()
    }

    fn bytes(&self) -> usize {
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

    let count = symvers.kernel.len();
    println!("{} exported symbols, {} others\n", thousands(count as u64), misses.len());
    let mut table = Table::new([
        "table",
        "hit",
        "D1 misses",
        "miss",
        "D1 misses",
        "× Ksymtab, hits",
        "bytes an export",
        "to build, an export",
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
        let hit_each = each(hit.instructions, hits.len());
        let base = *base.get_or_insert(hit_each);
        let bytes = kind.build(symvers.kernel).bytes();
        table.row([
            kind.title().to_owned(),
            format!("{hit_each:.0}"),
            format!("{:.1}", each(hit.cache_misses, hits.len())),
            format!("{:.0}", each(miss.instructions, misses.len())),
            format!("{:.1}", each(miss.cache_misses, misses.len())),
            format!("{:.2}", hit_each / base),
            format!("{:.1}", bytes as f64 / count as f64),
            format!("{:.0}", each(build.instructions, count)),
        ]);
    }
    println!("{table}");
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
