//! Counts the instructions of what any context may ask of the loader.

use anyhow::{Result, anyhow, ensure};
use clap::Parser;
use modlink::arch::X86_64;
use modlink::module::MAX_NAMESPACES;
use modlink::{Handle, LoadError, Loader, Reference};
use modlink_bench::arena::Arena;
use modlink_bench::callgrind::{self, Copying};
use modlink_bench::kernel::Kernel;
use modlink_bench::lookup::ksymtab;
use modlink_bench::modules;
use modlink_bench::symvers;
use modlink_bench::table::{Table, thousands};
use modlink_host::{ModuleFile, Seen, colliding_names};
use object::SectionKind;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

/// Looks modules, symbols and addresses up, and takes and puts references, with few and many
/// modules and exports loaded.
#[derive(Parser)]
struct Arguments {
    /// Module.symvers of the kernel instead of that in $CACHE/corpus/amd64
    #[arg(long, default_value_os_t = modules::folder().join("Module.symvers"))]
    symvers: PathBuf,
    /// Measure what twice as much of each dimension of a module costs, and nothing else
    #[arg(long)]
    doublings: bool,
    /// What callgrind runs: load modules, one of them with exports; how many of each
    #[arg(long, hide = true, num_args = 2)]
    watched: Option<Vec<usize>>,
    /// What callgrind runs: load a hostile module; of which dimension, and how much of it
    #[arg(long, hide = true, num_args = 2)]
    doubled: Option<Vec<usize>>,
}

/// What of a module, or of the modules before it, grows with a number that somebody can choose.
struct Dimension {
    name: &'static str,
    /// Whether such a module is rejected, whatever the number is.
    rejected: bool,
    /// Loads what has to be there and gives the module, with that number of it.
    module: fn(&Loader<Kernel>, usize) -> Result<File>,
}

type File = ModuleFile<X86_64>;

/// `count` names.
fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("f{number:06}"))
}

/// A module to which `add` has added `count` times.
fn grown(count: usize, add: impl Fn(File, &str) -> File) -> Result<File> {
    Ok(names(count).fold(ModuleFile::new("last"), |file, name| add(file, &name)))
}

/// Loads a module that exports `count` symbols.
fn exporter(loader: &Loader<Kernel>, count: usize, namespace: &str) -> Result<()> {
    let file = ModuleFile::new("exporter");
    load(loader, names(count).fold(file, |file, name| file.exports_in(namespace, &name)))
}

const fn loads(
    name: &'static str,
    module: fn(&Loader<Kernel>, usize) -> Result<File>,
) -> Dimension {
    Dimension { name, rejected: false, module }
}

const fn rejected(
    name: &'static str,
    module: fn(&Loader<Kernel>, usize) -> Result<File>,
) -> Dimension {
    Dimension { name, rejected: true, module }
}

const DIMENSIONS: &[Dimension] = &[
    loads("exports", |_, count| grown(count, |file, name| file.exports(name))),
    // They take long to find.
    rejected("exports of one hash, 10 and 20", |_, count| {
        let file = ModuleFile::new("last");
        Ok(colliding_names(count / 200, 63).iter().fold(file, |file, name| file.exports(name)))
    }),
    loads("imports of one module", |loader, count| {
        exporter(loader, count, "")?;
        grown(count, |file, name| file.imports(name))
    }),
    loads("imports from a namespace, of the most that can be imported", |loader, count| {
        exporter(loader, count, "last")?;
        let file = grown(count, |file, name| file.imports(name))?;
        let namespaces = names(MAX_NAMESPACES - 1).chain(["last".to_owned()]);
        Ok(namespaces.fold(file, |file, name| file.says("import_ns", &name)))
    }),
    loads("modules used, a symbol of each", |loader, count| {
        for name in names(count) {
            load(loader, ModuleFile::new(&format!("m{name}")).exports(&name))?;
        }
        grown(count, |file, name| file.imports(name))
    }),
    loads("modules loaded before it", |loader, count| {
        for name in names(count) {
            load(loader, ModuleFile::new(&name))?;
        }
        grown(0, |file, _| file)
    }),
    rejected("imports that nobody exports", |_, count| {
        grown(count, |file, name| file.imports(name))
    }),
    loads("weak imports that nobody exports", |_, count| {
        grown(count, |file, name| file.imports_weakly(name))
    }),
    loads("relocations with one symbol", |_, count| {
        grown(count, |file, _| file.imports_weakly("nobodys"))
    }),
    loads("symbols", |_, count| {
        grown(count, |file, name| file.datum(".data.more", name, Seen::Locally))
    }),
    loads("global symbols", |_, count| {
        grown(count, |file, name| file.datum(".data.more", name, Seen::Globally))
    }),
    loads("sections", |_, count| {
        grown(count, |file, name| file.section(&format!(".data.{name}"), DATA, b"1", 1))
    }),
    loads("sections of one name", |_, count| {
        grown(count, |file, _| file.section(".data.more", DATA, b"1", 1))
    }),
    loads("sections of init memory", |_, count| {
        grown(count, |file, name| file.section(&format!(".init.data.{name}"), DATA, b"1", 1))
    }),
    loads("sections that are ignored", |_, count| {
        grown(count, |file, name| file.section(&format!(".note.{name}"), DATA, b"1", 1))
    }),
    loads("lines of modinfo", |_, count| grown(count, |file, name| file.says(name, "value"))),
    loads("imports of one namespace", |_, count| {
        grown(count, |file, _| file.says("import_ns", "namespace"))
    }),
    // n log n: the more there are, the less the logarithm adds.
    #[cfg(feature = "exceptions")]
    loads("eight times as many entries of an exception table, in the wrong order", |_, count| {
        let count = 8 * count;
        let file = File::new("last").section(".text.more", SectionKind::Text, &vec![0; count], 1);
        let entry =
            |file: File, at: usize| file.exception((".text.more", at as u64), (".text", 0), 1);
        Ok((0..count).rev().fold(file, entry))
    }),
];

const DATA: SectionKind = SectionKind::Data;

/// How much of a dimension there is first; then twice that.
const SIZE: usize = 2000;

/// How much more twice as much may cost.
const FACTOR: f64 = 2.2;

/// No more of them may it cost to take a reference that nobody else takes; beside the return from
/// the function that is measured, and the `nop` with which the compiler aligns the loop in it.
const TAKING: u64 = 8;
const AROUND: u64 = 2;

const MODULES: [usize; 3] = [0, 100, 4000];
const EXPORTS: [usize; 3] = [0, 1000, 100_000];

/// No more of them may anything cost that is asked from an interrupt.
const LIMIT: u64 = 2000;

const ROOM: usize = 512 << 20;

/// What is measured, in order.
const MEASURED: &[&str] = &[
    "find, there",
    "find, not there",
    "symbol, kernel's",
    "symbol, module's",
    "symbol, hostile, there",
    "symbol, hostile, not there",
    "symbol, too long",
    "locate, there",
    "locate, not there",
    #[cfg(feature = "kallsyms")]
    "symbolize, there",
    #[cfg(feature = "kallsyms")]
    "symbolize, longest names, weak, of one section",
    #[cfg(feature = "kallsyms")]
    "symbolize, longest names, a section each",
    #[cfg(feature = "kallsyms")]
    "symbolize, not there",
    "try_get and put",
    "clone and drop of an Arc",
    #[cfg(feature = "exceptions")]
    "exception, there",
    #[cfg(feature = "exceptions")]
    "exception, not there",
];

/// How many of the longest names a module has.
#[cfg(feature = "kallsyms")]
const NAMES: usize = 1024;

/// How many entries the exception table of a module has, as some of Debian's do.
#[cfg(feature = "exceptions")]
const ENTRIES: u64 = 1000;

/// What callgrind counts.
#[inline(never)]
#[unsafe(no_mangle)]
fn measured_question(question: &mut dyn FnMut() -> bool) -> bool {
    question()
}

/// What callgrind counts: the instructions from the call to the return, both included.
#[inline(never)]
#[unsafe(no_mangle)]
fn measured_try_get(handle: &Handle<Kernel>) -> Option<Reference<Kernel>> {
    handle.try_get()
}

/// As above.
#[inline(never)]
#[unsafe(no_mangle)]
fn measured_clone(arc: &Arc<u64>) -> Arc<u64> {
    arc.clone()
}

/// As above.
#[inline(never)]
#[unsafe(no_mangle)]
fn measured_doubling(loader: &Loader<Kernel>, file: &[u8]) -> Result<(), LoadError> {
    loader.load(file).map(drop)
}

fn count(function: &str, arguments: &Arguments, words: &[&str]) -> Result<Vec<u64>> {
    let symvers = arguments.symvers.display().to_string();
    let words = ["--symvers", &symvers].into_iter().chain(words.iter().copied());
    let words: Vec<String> = words.map(str::to_owned).collect();
    let counts = callgrind::count(function, &words, Copying::Vectors, false)?;
    Ok(counts.iter().map(|count| count.instructions).collect())
}

/// What twice as much of each dimension costs.
fn doublings(arguments: &Arguments) -> Result<()> {
    let mut table = Table::new(["dimension", "instructions of 2000", "of 4000", "factor"]);
    let mut worst = 0.0_f64;
    for (number, dimension) in DIMENSIONS.iter().enumerate() {
        let number = number.to_string();
        let [once, twice] = [SIZE, 2 * SIZE].map(|size| {
            let counts =
                count("measured_doubling", arguments, &["--doubled", &number, &size.to_string()]);
            counts?.last().copied().ok_or_else(|| anyhow!("nothing counted"))
        });
        let (once, twice) = (once?, twice?);
        let factor = twice as f64 / once as f64;
        worst = worst.max(factor);
        table.row([
            dimension.name.to_owned(),
            thousands(once),
            thousands(twice),
            format!("{factor:.2}"),
        ]);
    }
    println!("{table}");
    ensure!(worst < FACTOR, "twice as much costs {worst:.2} times as much");
    Ok(())
}

/// Loads a module of that size in that dimension, last of all.
fn doubled(arguments: &Arguments, dimension: usize, size: usize) -> Result<()> {
    let symvers = symvers::read(&arguments.symvers)?;
    let loader = Kernel::boot(Arena::map(ROOM)?, ksymtab(symvers.kernel));
    let Dimension { rejected, module, .. } = &DIMENSIONS[dimension];
    let file = module(&loader, size)?.build();
    let loaded = measured_doubling(&loader, &file);
    ensure!(loaded.is_err() == *rejected, "{loaded:?}");
    Ok(())
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some([dimension, size]) = arguments.doubled.as_deref() {
        return doubled(&arguments, *dimension, *size);
    }
    if let Some([modules, exports]) = arguments.watched.as_deref() {
        return watched(&arguments, *modules, *exports);
    }
    if arguments.doublings {
        return doublings(&arguments);
    }
    let mut columns = Vec::new();
    for modules in MODULES {
        for exports in EXPORTS {
            let numbers = [modules, exports].map(|number| number.to_string());
            let words = ["--watched", &numbers[0], &numbers[1]];
            let counts = count("measured_question", &arguments, &words)?;
            ensure!(counts.len() == MEASURED.len(), "{} counts", counts.len());
            columns.push(counts);
        }
    }
    let mut table = Table::new([
        "modules, exports",
        "0, 0",
        "0, 1000",
        "0, 100000",
        "100, 0",
        "100, 1000",
        "100, 100000",
        "4000, 0",
        "4000, 1000",
        "4000, 100000",
    ]);
    let mut most = 0;
    for (row, title) in MEASURED.iter().enumerate() {
        let counts = columns.iter().map(|column| column[row]);
        most = counts.clone().max().unwrap_or(0).max(most);
        table.row(std::iter::once((*title).to_owned()).chain(counts.map(thousands)));
    }
    println!("Instructions, those of the kernel's own ksymtab included\n\n{table}");
    ensure!(most <= LIMIT, "{most} instructions, and no more than {LIMIT} may be needed");
    let [taking, cloning] = ["measured_try_get", "measured_clone"].map(|function| {
        let counts = count(function, &arguments, &["--watched", "1", "0"])?;
        counts.last().copied().ok_or_else(|| anyhow!("{function} is not called"))
    });
    let (taking, cloning) = (taking?, cloning?);
    println!(
        "Returns included, try_get takes {taking} instructions and a clone of an Arc {cloning}\n"
    );
    ensure!(taking <= TAKING + AROUND, "{taking} instructions for a reference");
    Ok(())
}

fn load(loader: &Loader<Kernel>, file: ModuleFile<X86_64>) -> Result<()> {
    loader.load(&file.build()).map(drop).map_err(|error| anyhow!("{error}"))
}

fn watched(arguments: &Arguments, modules: usize, exports: usize) -> Result<()> {
    let symvers = symvers::read(&arguments.symvers)?;
    let kernels = symvers.kernel[symvers.kernel.len() / 2].name;
    let loader = Kernel::boot(Arena::map(ROOM)?, ksymtab(symvers.kernel));
    #[cfg(feature = "exceptions")]
    let fault = {
        let code = vec![0x90; ENTRIES as usize];
        let file = ModuleFile::new("faults").section(".text.faults", SectionKind::Text, &code, 16);
        let entry = |file: File, at| file.exception((".text.faults", at), (".text", 0), 1);
        let file = (0..ENTRIES).step_by(2).fold(file, entry);
        load(&loader, file.exports_at(".text.faults", 0, "faults"))?;
        loader.symbol(b"faults").map_or(0, |faults| faults.address)
    };
    // The names share all that they can, for whoever compares them.
    let name = |number: usize| format!("{}_{number:06}", "m".repeat(48));
    for number in 0..modules {
        load(&loader, ModuleFile::new(&name(number)))?;
    }
    let hostile = colliding_names(3, 511);
    if exports > 0 {
        let names = (0..exports).map(|number| format!("{}_{number:06}", "x".repeat(40)));
        let file = names.fold(ModuleFile::new("exporter"), |file, name| file.exports(&name));
        load(&loader, hostile[..2].iter().fold(file, |file, name| file.exports(name)))?;
    }
    let last = if exports > 0 { "exporter".to_owned() } else { name(modules.max(1) - 1) };
    let symbol = format!("{}_{:06}", "x".repeat(40), exports / 2);
    let too_long = "x".repeat(100_000);
    let (there, has_exports) = (modules > 0 || exports > 0, exports > 0);
    let address = loader.find(last.as_bytes()).map_or(0, |module| module.core().end - 1);
    let handle = loader.find(last.as_bytes()).map(|module| module.handle());
    let missing = format!("{}_{:06}", "m".repeat(48), modules);
    let arc = Arc::new(0_u64);
    drop(handle.as_ref().map(measured_try_get));
    drop(black_box(measured_clone(&arc)));

    let has_symbol = |name: &str| loader.symbol(name.as_bytes()).is_some();
    #[cfg(feature = "kallsyms")]
    let (named, longest, alone) = {
        let find = |module: &str, which: &dyn Fn(usize) -> bool| {
            loader.find(module.as_bytes()).map_or(0, |module| {
                let symbols = module.kallsyms().enumerate().filter(|(index, _)| which(*index));
                symbols.max_by_key(|(_, one)| one.name.len()).map_or(0, |(_, one)| one.address)
            })
        };
        // Of the longest names so many in one section, the last of which is the last of a block; and each
        // in a section of its own, so that so do the blocks' sections.
        let name = |number: usize| format!("{}{number:06}", "n".repeat(505));
        let names = (0..NAMES).map(name);
        let one = |file: File, name: String| file.function(".text.names", &name, Seen::Weakly);
        load(&loader, names.clone().fold(ModuleFile::new("names_of_one"), one))?;
        let own = |file: File, name: String| {
            file.function(&format!(".text.{}", &name[270..]), &name, Seen::Weakly)
        };
        load(&loader, names.fold(ModuleFile::new("names_of_many"), own))?;
        (
            find(&last, &|index| index % 16 == 15),
            find("names_of_one", &|index| index == NAMES - 1),
            find("names_of_many", &|index| index == NAMES / 2),
        )
    };
    let questions: &[(&dyn Fn() -> bool, bool)] = &[
        (&|| loader.find(last.as_bytes()).is_some(), there),
        (&|| loader.find(missing.as_bytes()).is_some(), false),
        (&|| has_symbol(kernels), true),
        (&|| has_symbol(&symbol), has_exports),
        (&|| has_symbol(&hostile[0]), has_exports),
        (&|| has_symbol(&hostile[2]), false),
        (&|| has_symbol(&too_long), false),
        (&|| loader.locate(address).is_some(), there),
        (&|| loader.locate(address + (1 << 40)).is_some(), false),
        #[cfg(feature = "kallsyms")]
        (&|| loader.symbolize(named, |one| one.offset() == 0).is_some(), named != 0),
        #[cfg(feature = "kallsyms")]
        (&|| loader.symbolize(longest, |one| one.name.len() == 511).is_some(), true),
        #[cfg(feature = "kallsyms")]
        (&|| loader.symbolize(alone, |one| one.name.len() == 511).is_some(), true),
        #[cfg(feature = "kallsyms")]
        (&|| loader.symbolize(address, |_| ()).is_some(), false),
        (&|| handle.as_ref().and_then(Handle::try_get).is_some(), there),
        (&|| Arc::strong_count(&black_box(arc.clone())) == 2, true),
        #[cfg(feature = "exceptions")]
        (&|| loader.exception(fault + ENTRIES - 2).is_some(), true),
        #[cfg(feature = "exceptions")]
        (&|| loader.exception(fault + 1).is_some(), false),
    ];
    ensure!(questions.len() == MEASURED.len(), "each has a name");
    for (number, (question, expected)) in questions.iter().copied().enumerate() {
        // Once before, for what the dynamic linker does at the first call.
        question();
        let mut question = || question();
        ensure!(measured_question(&mut question) == expected, "{}", MEASURED[number]);
    }
    Ok(())
}
