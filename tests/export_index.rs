//! Whatever has been loaded, rejected and unloaded: exactly the exports of the modules that are
//! there are found.

use modlink::arch::Arch;
use modlink::symbols::ExportProblem;
use modlink::{Errno, LoadError, LoadOptions};
use modlink_host::{
    HostKernel, HostLoader, ModuleFile, Operation, colliding_names, on_every_architecture,
};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

fn load<A: Arch>(loader: &HostLoader<A>, file: &[u8]) -> Result<(), LoadError> {
    loader.load(file).map(drop)
}

/// A load that gets no memory for an index, and how often it asked. What it needs before, which is
/// made of 32-bit numbers too where the architecture's words are, it gets: its arguments are asked
/// for after that.
fn load_without_room_for_an_index<A: Arch>(
    loader: &HostLoader<A>,
    file: &[u8],
) -> (Result<(), LoadError>, usize) {
    heap::until_failing(|fail| {
        loader
            .load_reading(file, LoadOptions::default(), || {
                fail();
                Ok(Vec::new())
            })
            .map(drop)
    })
}

/// A module that exports these symbols, every third to GPL-compatible modules only.
fn exporter<A: Arch>(name: &str, symbols: &[String]) -> Vec<u8> {
    let file = ModuleFile::<A>::new(name).init().exit();
    let export = |file: ModuleFile<A>, (number, symbol): (usize, &String)| match number % 3 {
        0 => file.exports_gpl(symbol),
        _ => file.exports(symbol),
    };
    symbols.iter().enumerate().fold(file, export).build()
}

fn symbols(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}_{number}")).collect()
}

/// The module whose symbol of that name is found; `None` if it is not found. The kernel has none.
fn owner<A: Arch>(loader: &HostLoader<A>, symbol: &str) -> Option<String> {
    let found = loader.symbol(symbol.as_bytes())?;
    let owner = found.owner.expect("a module's");
    let export = owner.export(symbol.as_bytes()).expect("it exports the symbol");
    assert_eq!((export.name, export.address), (symbol.as_bytes(), found.address));
    Some(owner.name().to_string())
}

/// The modules that are loaded in a test, and what they export.
#[derive(Default)]
struct Expected(BTreeMap<String, Vec<String>>);

impl Expected {
    fn owner(&self, symbol: &String) -> Option<String> {
        let (name, _) = self.0.iter().find(|(_, symbols)| symbols.contains(symbol))?;
        Some(name.clone())
    }

    #[track_caller]
    fn check<A: Arch>(&self, loader: &HostLoader<A>, all: &[String]) {
        for symbol in all {
            assert_eq!(owner(loader, symbol), self.owner(symbol), "{symbol}");
        }
    }
}

/// What is to go wrong in a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    Init,
    Fails(Operation),
    NoIndex,
}

/// Loads a module and says whether that succeeded, which what is loaded and the trouble decide.
fn load_in_trouble<A: Arch>(
    loader: &Arc<HostLoader<A>>,
    expected: &Expected,
    file: &[u8],
    (name, symbols): (&str, &[String]),
    trouble: Trouble,
) -> bool {
    let kernel = loader.platform();
    let before = kernel.snapshot();
    kernel.on_init(name, move |_| if trouble == Trouble::Init { -5 } else { 0 });
    let result = match trouble {
        Trouble::Fails(operation) => {
            kernel.fail(operation, 1);
            let result = load(loader, file);
            kernel.fail_nothing();
            result
        }
        Trouble::NoIndex => load_without_room_for_an_index(loader, file).0,
        Trouble::None | Trouble::Init => load(loader, file),
    };
    let taken = symbols.iter().find(|symbol| expected.owner(symbol).is_some());
    match &result {
        Ok(()) => assert_eq!((taken, trouble == Trouble::Init), (None, false)),
        Err(LoadError::Duplicate { .. }) => assert!(taken.is_some()),
        Err(LoadError::Init(-5)) => assert_eq!(trouble, Trouble::Init),
        Err(LoadError::OutOfMemory) => assert_eq!(trouble, Trouble::NoIndex),
        Err(LoadError::Memory(_) | LoadError::Protect) => {
            assert!(matches!(trouble, Trouble::Fails(_)));
        }
        Err(error) => panic!("{error}"),
    }
    if result.is_err() {
        assert_eq!(kernel.snapshot(), before, "{trouble:?}");
    }
    result.is_ok()
}

on_every_architecture! {
    fn exactly_the_exports_of_loaded_modules_are_found_through_loads_rejections_and_unloads<A>() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let loader = HostKernel::<A>::new().boot();
        let all = symbols("symbol", 300);
        let mut expected = Expected::default();
        let (mut loaded, mut rejected) = (0, 0);
        for _ in 0..600 {
            let name = format!("m{}", random.random_range(0..8));
            if expected.0.remove(&name).is_some() {
                loader.unload(name.as_bytes(), false).unwrap();
            } else {
                let count = *[0, 1, 2, 5, 20, 60].choose(&mut random).unwrap();
                let mut own = all.clone();
                own.shuffle(&mut random);
                own.truncate(count);
                let trouble = *[
                    Trouble::None,
                    Trouble::None,
                    Trouble::Init,
                    Trouble::NoIndex,
                    Trouble::Fails(Operation::Allocate),
                    Trouble::Fails(Operation::Protect),
                ]
                .choose(&mut random)
                .unwrap();
                let file = exporter::<A>(&name, &own);
                if load_in_trouble(&loader, &expected, &file, (&name, &own), trouble) {
                    expected.0.insert(name, own);
                    loaded += 1;
                } else {
                    rejected += 1;
                }
            }
            expected.check(&loader, &all);
        }
        assert!(loaded > 100 && rejected > 100, "{loaded} loaded, {rejected} rejected");
        for name in expected.0.keys() {
            loader.unload(name.as_bytes(), false).unwrap();
        }
        assert_eq!(heap::bytes_of_indices(), 0);
    }

    fn thousands_of_exports_are_found_while_their_modules_are_there<A>() {
        let loader = HostKernel::<A>::new().boot();
        let all = ["a", "b", "c"].map(|prefix| (prefix, symbols(prefix, 2000)));
        for (name, symbols) in &all {
            load(&loader, &exporter::<A>(name, symbols)).unwrap();
        }
        let bytes = heap::bytes_of_indices();
        assert!((6 * 6003..=8 * 6003 + 32).contains(&bytes), "{bytes} bytes for 6000 exports");
        let check = |gone: &[&str]| {
            for (name, symbols) in &all {
                let expected = (!gone.contains(name)).then(|| (*name).to_owned());
                for symbol in symbols {
                    assert_eq!(owner(&loader, symbol), expected, "{symbol} without {gone:?}");
                    assert_eq!(owner(&loader, &format!("{symbol}_")), None);
                    assert_eq!(owner(&loader, &symbol[1..]), None);
                }
            }
        };
        check(&[]);
        loader.unload(b"a", false).unwrap();
        check(&["a"]);
        loader.unload(b"b", false).unwrap();
        check(&["a", "b"]);
        load(&loader, &exporter::<A>("b", &all[1].1)).unwrap();
        check(&["a"]);
        loader.unload(b"c", false).unwrap();
        loader.unload(b"b", false).unwrap();
        check(&["a", "b", "c"]);
        assert_eq!(heap::bytes_of_indices(), 0);
    }

    fn a_symbol_that_a_module_exports_twice_is_rejected<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        let file = || ModuleFile::<A>::new("m").exports("f").exports("g");
        for (twice, symbol) in
            [(file().exports_gpl("f"), "f"), (file().exports("f"), "f"), (file().exports("g"), "g")]
        {
            let error = load(&loader, &twice.build()).unwrap_err();
            let (symbol, module) = (symbol.as_bytes().into(), b"m"[..].into());
            assert_eq!(error, LoadError::Duplicate { symbol, owner: Some(module) });
            assert_eq!(loader.platform().snapshot(), before);
            for symbol in ["f", "g"] {
                assert_eq!(owner(&loader, symbol), None);
            }
        }
        let once = ModuleFile::<A>::new("m").exports("f").exports_gpl("g");
        load(&loader, &once.build()).unwrap();
        for symbol in ["f", "g"] {
            assert_eq!(owner(&loader, symbol).as_deref(), Some("m"));
        }
    }

    fn names_that_collide_on_purpose_are_rejected_before_they_cost_anything<A>() {
        let loader = HostKernel::<A>::new().boot();
        let hostile = colliding_names(4, 511);
        let before = loader.platform().snapshot();
        let file = ModuleFile::<A>::new("m");
        let file = hostile[..3].iter().fold(file, |file, name| file.exports(name));
        let error = load(&loader, &file.build()).unwrap_err();
        let LoadError::Export(ExportProblem::Collision(name)) = &error else { panic!("{error}") };
        assert_eq!(*name, hostile[0].as_bytes().into(), "its first bytes");
        assert_eq!(error.errno(), Errno::ENOEXEC);
        assert_eq!(loader.platform().snapshot(), before);

        load(&loader, &exporter::<A>("two", &hostile[..2])).unwrap();
        hostile[..2].iter().for_each(|name| {
            assert_eq!(owner(&loader, name).as_deref(), Some("two"));
        });
        assert_eq!(owner(&loader, &hostile[2]), None);
        let error = load(&loader, &exporter::<A>("third", &hostile[2..3])).unwrap_err();
        assert!(matches!(error, LoadError::Export(ExportProblem::Collision(_))), "{error}");
        loader.unload(b"two", false).unwrap();
        load(&loader, &exporter::<A>("third", &hostile[2..])).unwrap();
        loader.unload(b"third", false).unwrap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_name_that_nobody_can_import_is_not_exported<A>() {
        let loader = HostKernel::<A>::new().boot();
        let (longest, longer) = ("x".repeat(511), "x".repeat(512));
        let file = ModuleFile::<A>::new("m").exports("f").exports(&longer);
        let error = load(&loader, &file.build()).unwrap_err();
        let entry = ExportProblem::String { table: "__ksymtab", index: 1 };
        assert_eq!(error, LoadError::Export(entry));

        load(&loader, &ModuleFile::<A>::new("m").exports(&longest).build()).unwrap();
        assert_eq!(owner(&loader, &longest).as_deref(), Some("m"));
    }

    fn without_memory_for_a_larger_index_the_load_is_rejected_and_nothing_is_lost<A>() {
        let loader = HostKernel::<A>::new().boot();
        let (ours, more) = (symbols("ours", 100), symbols("more", 200));
        load(&loader, &exporter::<A>("m", &ours)).unwrap();
        let before = (loader.platform().snapshot(), heap::bytes_of_indices());

        let file = exporter::<A>("n", &more);
        let (result, rejections) = load_without_room_for_an_index(&loader, &file);
        let error = result.unwrap_err();
        assert_eq!(rejections, 1);
        assert_eq!((&error, error.errno()), (&LoadError::OutOfMemory, Errno::ENOMEM));
        assert_eq!((loader.platform().snapshot(), heap::bytes_of_indices()), before);
        ours.iter().for_each(|symbol| assert_eq!(owner(&loader, symbol).as_deref(), Some("m")));
        more.iter().for_each(|symbol| assert_eq!(owner(&loader, symbol), None));

        load(&loader, &file).unwrap();
        more.iter().for_each(|symbol| assert_eq!(owner(&loader, symbol).as_deref(), Some("n")));
    }

    fn an_unload_needs_no_index_and_the_next_module_that_exports_makes_a_smaller_one<A>() {
        let loader = HostKernel::<A>::new().boot();
        let (few, many) = (symbols("few", 10), symbols("many", 500));
        let check = |loaded: bool| {
            for (name, symbols, loaded) in [("few", &few, true), ("many", &many, loaded)] {
                for symbol in symbols {
                    let expected = loaded.then_some(name);
                    assert_eq!(owner(&loader, symbol).as_deref(), expected, "{symbol}");
                }
            }
        };
        load(&loader, &exporter::<A>("many", &many)).unwrap();
        load(&loader, &exporter::<A>("few", &few)).unwrap();
        let unload = || loader.unload(b"many", false);
        let (result, rejections) = heap::without_room_for_an_index(unload);
        assert_eq!((result, rejections), (Ok(()), 0));
        check(false);

        load(&loader, &exporter::<A>("many", &many)).unwrap();
        check(true);
        loader.unload(b"many", false).unwrap();
        load(&loader, &ModuleFile::<A>::new("one").exports("one").build()).unwrap();
        let bytes = heap::bytes_of_indices();
        assert!(bytes < 500, "{bytes} bytes for 11 exports");
        check(false);
        assert_eq!(owner(&loader, "one").as_deref(), Some("one"));
    }
}

/// A heap that can run out for an index of exports, which is known by its alignment: it is
/// made of 32-bit numbers.
mod heap {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    struct Heap;

    #[global_allocator]
    static HEAP: Heap = Heap;

    thread_local! {
        static FAILS: Cell<bool> = const { Cell::new(false) };
        static FAILURES: Cell<usize> = const { Cell::new(0) };
        static BYTES: Cell<usize> = const { Cell::new(0) };
    }

    /// Runs `work` while this thread gets no memory for an index. Returns what it does, and how
    /// often it asked.
    pub fn without_room_for_an_index<T>(work: impl FnOnce() -> T) -> (T, usize) {
        until_failing(|fail| {
            fail();
            work()
        })
    }

    /// Runs `work`, which gets memory for an index until it calls what it is given. Returns what it
    /// does, and how often it asked after that.
    pub fn until_failing<T>(work: impl FnOnce(fn()) -> T) -> (T, usize) {
        FAILURES.set(0);
        let result = work(|| FAILS.set(true));
        FAILS.set(false);
        (result, FAILURES.get())
    }

    /// How many bytes of indices this thread has.
    pub fn bytes_of_indices() -> usize {
        BYTES.get()
    }

    fn is_for_index(layout: Layout) -> bool {
        // An index is made of whole buckets, and what describes a module's exports has no such size.
        const BUCKET: usize = size_of::<[u32; 8]>();
        layout.align() == align_of::<u32>()
            && layout.size() != 0
            && layout.size().is_multiple_of(BUCKET)
    }

    // SAFETY: everything is the system's, which keeps the promises; failing is always allowed.
    unsafe impl GlobalAlloc for Heap {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if is_for_index(layout) {
                if FAILS.get() {
                    FAILURES.set(FAILURES.get() + 1);
                    return std::ptr::null_mut();
                }
                BYTES.set(BYTES.get() + layout.size());
            }
            // SAFETY: the caller's promise is the one asked for.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            if is_for_index(layout) {
                BYTES.set(BYTES.get() - layout.size());
            }
            // SAFETY: the caller's promise is the one asked for.
            unsafe { System.dealloc(pointer, layout) }
        }
    }
}
