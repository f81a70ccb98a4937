//! The loaders, as one function calls each: the drivers of `tests/peers`, and the floor.

mod elf_loader;
mod floor;

use crate::arena::Arena;
use crate::modules::Module;
use crate::resolver::Resolver;
use clap::ValueEnum;
use modlink_peers::{Kernel, kmod_loader, modlink};
use std::hint::black_box;
use std::sync::OnceLock;

/// What every loader works with.
#[derive(Debug)]
pub struct Context {
    /// Memory for modules.
    pub arena: Arena,
    /// Symbols.
    pub resolver: Resolver,
}

/// What `kmod-loader` works with: the context of the first load by it.
static CURRENT: OnceLock<&'static Context> = OnceLock::new();

// SAFETY: the arena gives memory to nobody else before it is reset, and never unmaps it.
unsafe impl Kernel for Context {
    #[inline]
    fn current() -> &'static Self {
        CURRENT.get().expect("set before the first load")
    }

    #[inline]
    fn take(&self, size: usize, align: usize) -> *mut u8 {
        self.arena.take(size, align)
    }

    #[inline]
    fn symbol(&self, name: &[u8]) -> Option<u64> {
        self.resolver.find(name)
    }
}

/// A loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Loader {
    /// The least that a load can cost, all symbols being known.
    Floor,
    /// What finding the symbols costs alone.
    Resolve,
    /// This project's linker.
    Modlink,
    /// `kmod-loader` from crates.io.
    KmodLoader,
    /// `elf_loader` from crates.io.
    ElfLoader,
}

impl Loader {
    /// What it is called in tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Resolve => "names alone",
            Self::Modlink => "modlink",
            Self::KmodLoader => "kmod-loader",
            Self::ElfLoader => "elf_loader",
        }
    }
}

/// What a load leaves behind; dropped outside of what is measured.
pub enum Loaded {
    /// Nothing but the memory.
    Memory,
    /// A handle of `kmod-loader`.
    KmodLoader(Box<kmod_loader::Loaded<Context>>),
    /// A handle of `elf_loader`.
    ElfLoader(Box<elf_loader::Loaded>),
}

/// A module that is about to be loaded.
pub struct Ready<'f> {
    loader: Loader,
    file: &'f [u8],
    name: &'f str,
    floor: Option<floor::Floor<'f>>,
}

impl<'f> Ready<'f> {
    /// Prepares what is not part of the load.
    pub fn new(loader: Loader, module: &'f Module, context: &Context) -> Self {
        let floor = matches!(loader, Loader::Floor | Loader::Resolve)
            .then(|| floor::Floor::prepare(&module.file, context));
        Self { loader, file: &module.file, name: &module.name, floor }
    }
}

/// The load itself and nothing else: callgrind counts what happens in this function.
///
/// # Panics
/// Never, but says `None` if the module was rejected.
#[inline(never)]
#[unsafe(no_mangle)]
pub fn measured_load(ready: &Ready<'_>, context: &'static Context) -> Option<Loaded> {
    match ready.loader {
        Loader::Floor => ready.floor.as_ref()?.load(),
        Loader::Resolve => ready.floor.as_ref()?.resolve(context),
        Loader::Modlink => modlink::load(ready.file, context)?,
        Loader::KmodLoader => {
            CURRENT.get_or_init(|| context);
            let loaded = kmod_loader::load(ready.file)?;
            return Some(Loaded::KmodLoader(Box::new(loaded)));
        }
        Loader::ElfLoader => {
            let loaded = elf_loader::load(ready.name, ready.file, context)?;
            return Some(Loaded::ElfLoader(Box::new(loaded)));
        }
    }
    black_box(Some(Loaded::Memory))
}
