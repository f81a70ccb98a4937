//! Wall times of single modules' loads: one small, one of middling size, the largest.

use divan::Bencher;
use divan::counter::ItemsCount;
use modlink_bench::loaders::{Context, Loader, Ready, measured_load};
use modlink_bench::measure;
use modlink_bench::modules::{self, Module};
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

#[divan::bench(args = NAMES, sample_size = 1)]
fn floor(bencher: Bencher<'_, '_>, name: &str) {
    load(bencher, Loader::Floor, name);
}

#[divan::bench(args = NAMES, sample_size = 1)]
fn modlink(bencher: Bencher<'_, '_>, name: &str) {
    load(bencher, Loader::Modlink, name);
}

#[divan::bench(args = NAMES, sample_size = 1)]
fn kmod_loader(bencher: Bencher<'_, '_>, name: &str) {
    load(bencher, Loader::KmodLoader, name);
}

#[divan::bench(args = NAMES, sample_size = 1)]
fn elf_loader(bencher: Bencher<'_, '_>, name: &str) {
    load(bencher, Loader::ElfLoader, name);
}

fn load(bencher: Bencher<'_, '_>, loader: Loader, name: &str) {
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
