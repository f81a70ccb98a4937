//! Several threads load, use and unload at once.

use modlink::arch::{Arch, X86_64};
use modlink::{Errno, State};
use modlink_host::{HostKernel, HostLoader, ModuleFile};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// How often something is tried: less often under Miri, which is slow and looks at each try closer.
const fn tries(usual: usize) -> usize {
    if cfg!(miri) { usual / 100 } else { usual }
}

/// Runs a test in a thread of its own and fails if it hangs.
fn within_limit(test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let running = thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match is_done.recv_timeout(LIMIT) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => running.join().unwrap_or_else(|panic| panic::resume_unwind(panic)),
    }
}

fn load<A: Arch>(loader: &HostLoader<A>, file: &[u8]) -> Result<(), Errno> {
    loader.load(file).map(drop).map_err(|error| error.errno())
}

#[test]
fn of_two_loads_of_one_name_exactly_one_wins() {
    within_limit(|| {
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
            let refused = results.iter().find_map(|result| result.err());
            assert!(matches!(refused, Some(Errno::EEXIST | Errno::EBUSY)), "{refused:?}");
            assert_eq!(starts.load(Ordering::SeqCst), 1);
            loader.unload(b"m", false).unwrap();
            assert_eq!(loader.platform().snapshot().blocks, []);
        }
    });
}

#[test]
fn of_two_modules_that_export_one_name_exactly_one_wins() {
    within_limit(|| {
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
    });
}

#[test]
fn a_module_is_stopped_by_one_of_two_unloads() {
    within_limit(|| {
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
            let refused = results.iter().find_map(|result| result.err());
            assert!(matches!(refused, Some(Errno::ENOENT | Errno::EBUSY)), "{refused:?}");
            assert_eq!(stops.load(Ordering::SeqCst), 1);
            assert_eq!(loader.platform().snapshot().blocks, []);
        }
    });
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
    within_limit(|| {
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
                        let holder = exported.holder.expect("a module exports it");
                        assert!(holder.core().contains(&exported.address));
                        // It does not wait, so that other threads can keep it from looking.
                        if let Some((name, _)) = loader.locate(exported.address) {
                            assert_eq!(name.as_bytes(), b"provider");
                        }
                    }
                }
            });
        });

        for name in ["one", "two", "provider"] {
            let _ = loader.unload(name.as_bytes(), false);
        }
        assert_eq!(kernel.snapshot(), before);
    });
}

#[test]
fn what_an_unloaded_module_held_is_free_when_the_unload_returns() {
    within_limit(|| {
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
                    }
                    assert_eq!(kernel.snapshot(), before);
                }
            }));
            finished.store(true, Ordering::SeqCst);
            checks.unwrap_or_else(|panic| panic::resume_unwind(panic));
        });
    });
}

#[test]
fn a_module_that_is_unloaded_as_soon_as_it_can_be_is_free_when_the_unload_returns() {
    within_limit(|| {
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
                assert_eq!(kernel.snapshot(), before);
                assert_eq!(loading.join().unwrap(), Ok(()));
            });
        }
    });
}
