//! Wall times of single modules' loads: one small, one of middling size, the largest.

use divan::Bencher;
use divan::counter::ItemsCount;
use modlink_bench::loaders::{Context, Loader, Ready, measured_load};
use modlink_bench::measure;
use modlink_bench::modules::{self, Module};
use std::fmt;
use std::sync::LazyLock;

const NAMES: [&str; 3] = ["lz4_compress", "xfs", "amdgpu"];

static MODULES: LazyLock<Vec<Module>> = LazyLock::new(|| {
    let mut paths = modules::find(&modules::folder()).expect("modules");
    paths
        .retain(|path| NAMES.iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name)));
    modules::read(&paths).expect("module files")
});

static CONTEXT: LazyLock<&'static Context> =
    LazyLock::new(|| measure::context(&MODULES).expect("memory"));

fn main() {
    divan::main();
}

/// A loader and the module that it loads.
#[derive(Clone, Copy)]
struct Case(Loader, &'static str);

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.1, self.0.title())
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let loaders = [Loader::Floor, Loader::Modlink, Loader::KmodLoader, Loader::ElfLoader];
    NAMES.into_iter().flat_map(move |name| loaders.map(|loader| Case(loader, name)))
}

#[divan::bench(args = cases(), sample_size = 1)]
fn load(bencher: Bencher<'_, '_>, Case(loader, name): Case) {
    let module = MODULES.iter().find(|module| module.name == name).expect("a module of that name");
    let context = *CONTEXT;
    let ready = || {
        // SAFETY: a sample is one load, and what the last one left is gone.
        unsafe { context.arena.reset() };
        Ready::new(loader, module, context)
    };
    let bencher = bencher.counter(ItemsCount::new(module.relocations)).with_inputs(ready);
    bencher.bench_local_values(|ready| measured_load(&ready, context));
}
