//! Several threads load, use and unload at once.

use modlink::arch::{Arch, X86_64};
use modlink::{Errno, State};
use modlink_host::{HostKernel, HostLoader, ModuleFile, Snapshot};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

/// How often something is tried: less often under Miri, which is slow and looks at each try closer.
const fn tries(usual: usize) -> usize {
    if cfg!(miri) { usual / 100 } else { usual }
}

fn load<A: Arch>(loader: &HostLoader<A>, file: &[u8]) -> Result<(), Errno> {
    loader.load(file).map(drop).map_err(|error| error.errno())
}

#[test]
fn of_two_loads_of_one_name_exactly_one_wins() {
    let file = ModuleFile::<X86_64>::new("m").init().exit().build();
    for _ in 0..tries(300) {
        let loader = HostKernel::<X86_64>::new().boot();
        let starts = Arc::new(AtomicUsize::new(0));
        let count = starts.clone();
        loader.platform().on_init("m", move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            0
        });
        let together = Barrier::new(2);
        let one = || {
            together.wait();
            load(&loader, &file)
        };
        let results = thread::scope(|scope| {
            let threads = [scope.spawn(one), scope.spawn(one)];
            threads.map(|thread| thread.join().unwrap())
        });

        let won = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(won, 1, "{results:?}");
        let rejected = results.iter().find_map(|result| result.err());
        assert!(matches!(rejected, Some(Errno::EEXIST | Errno::EBUSY)), "{rejected:?}");
        assert_eq!(starts.load(Ordering::SeqCst), 1);
        loader.unload(b"m", false).unwrap();
        assert_eq!(loader.platform().snapshot().blocks, []);
    }
}

#[test]
fn of_two_modules_that_export_one_name_exactly_one_wins() {
    let files = ["a", "b"].map(|name| ModuleFile::<X86_64>::new(name).exports("f").build());
    for _ in 0..tries(300) {
        let loader = HostKernel::<X86_64>::new().boot();
        let together = Barrier::new(2);
        let one = |file| {
            together.wait();
            load(&loader, file)
        };
        let results = thread::scope(|scope| {
            let threads = [&files[0], &files[1]].map(|file| scope.spawn(move || one(file)));
            threads.map(|thread| thread.join().unwrap())
        });

        let won = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(won, 1, "{results:?}");
        assert!(results.contains(&Err(Errno::ENOEXEC)), "{results:?}");
        assert_eq!(loader.platform().names().len(), 1);
    }
}

#[test]
fn a_module_exits_by_one_of_two_unloads() {
    let file = ModuleFile::<X86_64>::new("m").init().exit().build();
    for _ in 0..tries(300) {
        let loader = HostKernel::<X86_64>::new().boot();
        let stops = Arc::new(AtomicUsize::new(0));
        let count = stops.clone();
        loader.platform().on_exit("m", move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        load(&loader, &file).unwrap();
        let together = Barrier::new(2);
        let one = || {
            together.wait();
            loader.unload(b"m", false).map_err(|error| error.errno())
        };
        let results = thread::scope(|scope| {
            let threads = [scope.spawn(one), scope.spawn(one)];
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        let rejected = results.iter().find_map(|result| result.err());
        assert!(matches!(rejected, Some(Errno::ENOENT | Errno::EBUSY)), "{rejected:?}");
        assert_eq!(stops.load(Ordering::SeqCst), 1);
        // The one that was rejected may have been reading when the other was done.
        loader.reap();
        assert_eq!(loader.platform().snapshot().blocks, []);
    }
}

/// Loads and unloads a module again and again; every answer is one that the others can cause.
fn come_and_go(loader: &HostLoader<X86_64>, name: &str, file: &[u8]) {
    for _ in 0..tries(200) {
        match load(loader, file) {
            Ok(()) | Err(Errno::EEXIST | Errno::EBUSY | Errno::ENOENT) => {}
            Err(other) => panic!("{name} is not loaded: {other}"),
        }
        match loader.unload(name.as_bytes(), false).map_err(|error| error.errno()) {
            Ok(()) | Err(Errno::ENOENT | Errno::EBUSY | Errno::EWOULDBLOCK) => {}
            Err(other) => panic!("{name} is not unloaded: {other}"),
        }
    }
}

#[test]
fn providers_outlive_their_users_whoever_loads_and_unloads() {
    let loader = HostKernel::<X86_64>::new().boot();
    let kernel = loader.platform();
    let before = kernel.snapshot();
    let files = [
        ("provider", ModuleFile::<X86_64>::new("provider").init().exit().exports("f")),
        ("one", ModuleFile::new("one").init().exit().imports("f")),
        ("two", ModuleFile::new("two").init().exit().imports("f")),
    ];
    for user in ["one", "two"] {
        let provider_is_live = |loader: &Arc<HostLoader<X86_64>>| {
            let state = loader.platform().look("provider", |module| module.state());
            assert_eq!(state, State::Live, "a user runs");
        };
        kernel.on_init(user, move |loader| {
            provider_is_live(loader);
            0
        });
        kernel.on_exit(user, provider_is_live);
    }
    kernel.on_exit("provider", |loader| {
        assert_eq!(loader.platform().references("provider"), 0);
        loader.for_each(|module| {
            let uses_it = module.uses().any(|used| used.name().as_bytes() == b"provider");
            assert!(!uses_it, "{module:?} is left alone");
        });
    });

    thread::scope(|scope| {
        for (name, file) in files.each_ref() {
            let file = file.build();
            for _ in 0..2 {
                let (loader, file) = (&loader, file.clone());
                scope.spawn(move || come_and_go(loader, name, &file));
            }
        }
        scope.spawn(|| {
            for _ in 0..tries(2000) {
                if let Some(exported) = loader.symbol(b"f") {
                    let owner = exported.owner.expect("a module exports it");
                    assert!(owner.core().contains(&exported.address));
                    let (name, _) = loader.locate(exported.address).expect("it is held");
                    assert_eq!(name.as_bytes(), b"provider");
                }
            }
        });
    });

    for name in ["one", "two", "provider"] {
        let _ = loader.unload(name.as_bytes(), false);
    }
    loader.reap();
    assert_eq!(kernel.snapshot(), before);
}

/// Frees what is left until that is all. What another thread is reading meanwhile is kept.
fn reap_until(loader: &HostLoader<X86_64>, before: &Snapshot) {
    while loader.platform().snapshot() != *before {
        thread::yield_now();
        loader.reap();
    }
}

#[test]
fn what_an_unloaded_module_held_is_free_as_soon_as_nobody_reads() {
    let loader = HostKernel::<X86_64>::new().boot();
    let kernel = loader.platform();
    load(&loader, &ModuleFile::<X86_64>::new("provider").exports("f").build()).unwrap();
    let before = kernel.snapshot();
    let user = ModuleFile::<X86_64>::new("user").imports("f").build();
    let finished = AtomicBool::new(false);

    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !finished.load(Ordering::SeqCst) {
                    drop(loader.find(b"user"));
                }
            });
        }
        let checks = panic::catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..tries(1000) {
                load(&loader, &user).unwrap();
                while let Err(error) = loader.unload(b"user", false) {
                    assert_eq!(error.errno(), Errno::EWOULDBLOCK);
                    thread::yield_now();
                }
                reap_until(&loader, &before);
            }
        }));
        finished.store(true, Ordering::SeqCst);
        checks.unwrap_or_else(|panic| panic::resume_unwind(panic));
    });
}

#[test]
fn a_module_that_is_unloaded_as_soon_as_it_can_be_is_free_as_soon_as_nobody_reads() {
    let loader = HostKernel::<X86_64>::new().boot();
    let kernel = loader.platform();
    let before = kernel.snapshot();
    let file = ModuleFile::<X86_64>::new("m").init().exit().build();
    for _ in 0..tries(200) {
        thread::scope(|scope| {
            let loading = scope.spawn(|| load(&loader, &file));
            while let Err(error) = loader.unload(b"m", false) {
                let early = [Errno::ENOENT, Errno::EBUSY, Errno::EWOULDBLOCK];
                assert!(early.contains(&error.errno()), "{error}");
                thread::yield_now();
            }
            reap_until(&loader, &before);
            assert_eq!(loading.join().unwrap(), Ok(()));
        });
    }
}

/// Reads everything that can be read from any context, until told to stop, while modules with many
/// exports come and go; whatever is found is right.
#[test]
fn whatever_readers_find_while_modules_come_and_go_is_right() {
    let loader = HostKernel::<X86_64>::new().boot();
    let kernel = loader.platform();
    let before = kernel.snapshot();
    let file = |name: &str, symbols: usize| {
        let file = ModuleFile::<X86_64>::new(name).init().exit();
        let names = (0..symbols).map(|number| format!("{name}_{number}"));
        names.fold(file, |file, symbol| file.exports(&symbol)).build()
    };
    load(&loader, &file("stays", 30)).unwrap();
    let core = loader.find(b"stays").unwrap().core();
    let finished = AtomicBool::new(false);

    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !finished.load(Ordering::SeqCst) {
                    assert!(loader.find(b"stays").is_some());
                    let symbol = loader.symbol(b"stays_7").unwrap();
                    assert_eq!(symbol.owner.unwrap().name().as_bytes(), b"stays");
                    let (name, offset) = loader.locate(core.end - 1).unwrap();
                    assert_eq!(name.as_bytes(), b"stays");
                    assert_eq!(offset, core.end - 1 - core.start);
                    if let Some(symbol) = loader.symbol(b"comes_11") {
                        let owner = symbol.owner.unwrap();
                        assert_eq!(owner.name().as_bytes(), b"comes");
                        assert!(owner.core().contains(&symbol.address));
                    }
                    let mut seen = 0;
                    loader.for_each(|module| seen += module.exports().count());
                    assert!([30, 50].contains(&seen), "{seen}");
                }
            });
        }
        let comes = file("comes", 20);
        let checks = panic::catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..tries(500) {
                load(&loader, &comes).unwrap();
                while let Err(error) = loader.unload(b"comes", false) {
                    assert_eq!(error.errno(), Errno::EWOULDBLOCK);
                    thread::yield_now();
                }
            }
        }));
        finished.store(true, Ordering::SeqCst);
        checks.unwrap_or_else(|panic| panic::resume_unwind(panic));
    });
    loader.unload(b"stays", false).unwrap();
    assert_eq!(kernel.snapshot(), before);
}

/// Each load that fails changes the registry twice, and takes far less time than to index the
/// exports of a large module.
#[test]
#[cfg_attr(miri, ignore = "thousands of symbols")]
fn a_large_module_is_listed_though_small_loads_fail_meanwhile() {
    const EXPORTS: usize = 50_000;
    const ENOUGH: usize = 1_000_000;
    let loader = HostKernel::<X86_64>::new().boot();
    let large = ModuleFile::<X86_64>::new("large");
    let large = (0..EXPORTS).fold(large, |file, number| file.exports(&format!("f{number}")));
    let large = large.build();
    // It has taken its name when it is found that nobody exports the symbol.
    let small = ModuleFile::<X86_64>::new("small").imports("nobodys").build();
    let (listed, failed) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let is_enough = || failed.fetch_add(1, Ordering::SeqCst) >= ENOUGH;
                while !listed.load(Ordering::SeqCst) && !is_enough() {
                    load(&loader, &small).unwrap_err();
                }
            });
        }
        load(&loader, &large).unwrap();
        listed.store(true, Ordering::SeqCst);
    });
    let failed = failed.load(Ordering::SeqCst);
    println!("{failed} loads failed meanwhile");
    assert!(failed < ENOUGH, "{failed} loads failed before it was listed");
}
