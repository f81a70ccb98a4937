//! The loaders do what is measured: each loads real modules, and the floor, which checks nothing,
//! gives the same bytes as modlink.

use clap::ValueEnum;
use modlink_bench::arena::Arena;
use modlink_bench::loaders::{Context, Loader, Ready, measured_load};
use modlink_bench::modules::{self, Module};
use modlink_bench::resolver::Resolver;

const STEP: usize = 101;
const ROOM: usize = 64 << 20;

fn context(modules: &[Module]) -> &'static Context {
    let resolver = Resolver::for_all(modules);
    Box::leak(Box::new(Context { arena: Arena::map(ROOM).unwrap(), resolver }))
}

/// What a load leaves in memory, which held something else before: the arena's first filling, or
/// that with which this function replaces what it has read.
fn bytes_after(loader: Loader, module: &Module, context: &'static Context) -> Vec<u8> {
    let ready = Ready::new(loader, module, context);
    let loaded = measured_load(&ready, context);
    assert!(loaded.is_some(), "{loader:?} rejects {}", module.name);
    drop(loaded);
    // SAFETY: what was loaded is gone.
    let contents = unsafe { context.arena.contents() };
    let bytes = contents.to_vec();
    contents.fill(0xa5);
    // SAFETY: as above.
    unsafe { context.arena.reset() };
    bytes
}

#[test]
fn the_floor_gives_the_same_bytes_as_modlink() {
    let paths = modules::find(&modules::folder()).unwrap();
    let some: Vec<_> = paths.into_iter().step_by(STEP).collect();
    let modules = modules::read(&some).unwrap();
    let context = context(&modules);
    for module in &modules {
        let by_modlink = bytes_after(Loader::Modlink, module, context);
        let by_floor = bytes_after(Loader::Floor, module, context);
        assert!(by_modlink.iter().any(|byte| *byte != 0xa5), "{} has no bytes", module.name);
        assert!(by_modlink == by_floor, "{} differs", module.name);
    }
}

#[test]
fn every_loader_loads_a_module_with_64_bit_distances() {
    let paths = modules::find(&modules::folder()).unwrap();
    let path = paths.into_iter().find(|path| path.ends_with("kernel/fs/ext4/ext4.ko")).unwrap();
    let modules = modules::read(&[path]).unwrap();
    let context = context(&modules);
    for loader in Loader::value_variants() {
        bytes_after(*loader, &modules[0], context);
    }
}
