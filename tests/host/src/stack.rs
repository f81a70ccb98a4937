//! How much stack the loader takes: of a thread whose stack is painted before, and looked at
//! afterwards.

use crate::corpus;
use crate::sparse::SparseKernel;
use modlink::arch::Arch;
use modlink::{LoadError, Loader};
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::ptr;

/// What is painted: more words than anything here takes.
const WORDS: usize = 16 << 10;
const WORD: usize = size_of::<usize>();

/// The stack above it that painting it, and whatever leads there, may have.
const ABOVE: usize = 16 << 10;

/// What no program is likely to write.
const PAINT: usize = 0x5aa5_c33c_9669_f00f_u64 as usize;

/// The most bytes of stack that functions of the loader have taken, and of which module.
#[derive(Clone, Debug, Default)]
pub struct Deepest {
    /// [`Loader::load`].
    pub load: (usize, String),
    /// The same of a module that is rejected: for a symbol that nobody exports, or because half of
    /// its file is missing.
    pub rejection: (usize, String),
    /// [`Loader::unload`].
    pub unload: (usize, String),
    /// [`Loader::find`].
    pub find: (usize, String),
    /// [`Loader::symbol`].
    pub symbol: (usize, String),
    /// [`Loader::locate`].
    pub locate: (usize, String),
    /// What all of these have been measured with besides: the methods of the kernel that they call.
    pub kernel: (usize, String),
    /// How many modules there were.
    pub modules: usize,
}

/// Runs something in a thread of its own. What it returned, and how many bytes lie between the
/// frame that called it and the lowest word of the stack that it changed.
///
/// # Panics
/// If that is more than is painted.
pub fn depth<T: Send>(run: impl FnOnce() -> T + Send) -> (T, usize) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(WORDS * WORD + 8 * ABOVE);
        let thread = thread.spawn_scoped(scope, || on_painted_stack(run)).expect("a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn on_painted_stack<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let here = 0_usize;
    let bottom = (&raw const *black_box(&here)).addr() - ABOVE - WORDS * WORD;
    let word = |index| ptr::with_exposed_provenance_mut::<usize>(bottom + index * WORD);
    for index in 0..WORDS {
        // SAFETY: it belongs to the stack of this thread, and nothing in use is so far down.
        unsafe { word(index).write_volatile(PAINT) };
    }
    let mut base = 0;
    let result = below(&mut base, run);
    let changed = (0..WORDS).find(|&index| {
        // SAFETY: as above.
        unsafe { word(index).read_volatile() != PAINT }
    });
    match changed {
        None | Some(0) => panic!("{WORDS} words of stack are not enough"),
        Some(index) => (result, base.saturating_sub(bottom + index * WORD)),
    }
}

/// Runs it with the stack pointer where the stack is painted.
#[inline(never)]
fn below<T>(base: &mut usize, run: impl FnOnce() -> T) -> T {
    let room = black_box([0_u8; 2 * ABOVE]);
    let result = at(base, run);
    black_box(&room);
    result
}

#[inline(never)]
fn at<T>(base: &mut usize, run: impl FnOnce() -> T) -> T {
    let mark = 0_usize;
    *base = (&raw const *black_box(&mark)).addr();
    run()
}

/// Measures at least `count` of the real modules for the architecture, or all, at even distances in
/// the order of their names, each with the modules that it uses.
///
/// # Panics
/// If there are none, or one of them cannot be loaded.
pub fn measure<A: Arch>(count: usize) -> Deepest {
    let names: BTreeSet<String> = corpus::files::<A>().into_keys().collect();
    let mut deepest = Deepest::default();
    for name in names.iter().step_by((names.len() / count).max(1)) {
        deepest.add::<A>(name);
    }
    deepest
}

impl Deepest {
    fn add<A: Arch>(&mut self, name: &str) {
        let mut files = BTreeMap::new();
        let mut order = Vec::new();
        visit::<A>(name, &mut files, &mut order);
        let exported: BTreeSet<_> =
            files.values().flat_map(|file| corpus::exported_symbols(file)).collect();
        let undefined: BTreeSet<_> =
            files.values().flat_map(|file| corpus::undefined_symbols(file)).collect();
        let loader = SparseKernel::<A>::boot(undefined.difference(&exported).cloned());
        for name in &order {
            self.load(&loader, name, &files[name]);
        }
        for name in order.iter().rev() {
            let (unloaded, taken) = depth(|| loader.unload(name.as_bytes(), true));
            assert_eq!(unloaded, Ok(()), "{name}");
            raise(&mut self.unload, taken, name);
        }
        self.reject::<A>(name, &files[name]);
    }

    fn load<A: Arch>(&mut self, loader: &Loader<SparseKernel<A>>, name: &str, file: &[u8]) {
        let (loaded, taken) = depth(|| loader.load(file));
        let module = loaded.unwrap_or_else(|error| panic!("{name}: {error}"));
        raise(&mut self.load, taken, name);
        self.modules += 1;

        let start = module.core().start;
        for (address, is_there) in [(start, true), (0, false)] {
            let (found, taken) = depth(|| loader.locate(address).is_some());
            assert_eq!(found, is_there, "{name}: {address:#x}");
            raise(&mut self.locate, taken, name);
        }
        for (wanted, is_there) in [(name, true), ("nobody", false)] {
            let (found, taken) = depth(|| loader.find(wanted.as_bytes()).is_some());
            assert_eq!(found, is_there, "{wanted}");
            raise(&mut self.find, taken, name);
        }
        let export = module.exports().next().map(|symbol| symbol.name.to_vec());
        let exported = export.iter().map(|symbol| (symbol.as_slice(), true));
        for (symbol, is_there) in exported.chain([(&b"nobody_exports_it"[..], false)]) {
            let (found, taken) = depth(|| loader.symbol(symbol).is_some());
            assert_eq!(found, is_there, "{name}");
            raise(&mut self.symbol, taken, name);
        }
        raise(&mut self.kernel, loader.platform().depth(), name);
    }

    fn reject<A: Arch>(&mut self, name: &str, file: &[u8]) {
        let loader = SparseKernel::<A>::boot([]);
        for file in [file, &file[..file.len() / 2]] {
            let (loaded, taken) = depth(|| loader.load(file).err());
            match loaded {
                // It needs nothing from anybody.
                None => loader.unload(name.as_bytes(), true).expect("nobody uses it"),
                Some(LoadError::UnknownSymbols(_) | LoadError::Image(_)) => {
                    raise(&mut self.rejection, taken, name);
                }
                Some(error) => panic!("{name}: {error}"),
            }
        }
    }
}

/// Puts the modules that one uses before it.
fn visit<A: Arch>(name: &str, files: &mut BTreeMap<String, Vec<u8>>, order: &mut Vec<String>) {
    if files.contains_key(name) {
        return;
    }
    let file = corpus::module::<A>(name);
    let needed = corpus::needed_modules(&file);
    files.insert(name.to_owned(), file);
    needed.iter().for_each(|needed| visit::<A>(&needed.replace('-', "_"), files, order));
    order.push(name.to_owned());
}

fn raise(most: &mut (usize, String), taken: usize, name: &str) {
    if taken > most.0 {
        *most = (taken, name.to_owned());
    }
}
