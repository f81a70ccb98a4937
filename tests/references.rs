//! References that keep a module, and what unloads it all the same: force, or patience.

use modlink::arch::Arch;
use modlink::image::Image;
use modlink::platform::{AllocateError, Event, Faulted, Level, MemoryRequest, Refusal, WaitError};
use modlink::symbols::{KsymtabError, Symbol};
use modlink::{
    Errno, LoadError, LoadOptions, Loader, Module, Platform, State, Taints, UnloadError,
};
use modlink_host::{HostKernel, HostLoader, HostMemory, ModuleFile, Step, on_every_architecture};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(120);

fn library<A: Arch>() -> Vec<u8> {
    ModuleFile::<A>::new("library").init().exit().exports("f").build()
}

fn driver<A: Arch>() -> Vec<u8> {
    ModuleFile::<A>::new("driver").init().exit().exports("g").imports("f").build()
}

/// How many lines of the log say that.
fn said<A: Arch>(loader: &HostLoader<A>, what: &str) -> usize {
    let log = loader.platform().take_log();
    log.iter().filter(|(level, line)| *level == Level::Warning && line.contains(what)).count()
}

/// The kernel that unloads nothing by force: the same in all else that a module without imports needs.
struct Strict<A: Arch>(Arc<HostLoader<A>>);

// SAFETY: as for the kernel that it is; no code runs.
unsafe impl<A: Arch> Platform for Strict<A> {
    type Arch = A;
    type Memory = HostMemory;
    const FORCE_UNLOAD: bool = false;

    fn kernel(&self) -> RangeInclusive<u64> {
        self.0.platform().kernel()
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<HostMemory, AllocateError> {
        self.0.platform().allocate(request)
    }

    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        self.0.platform().symbol(name)
    }

    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn permit(&self, _: &Image<'_, A>) -> Result<(), Refusal> {
        Ok(())
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        self.0.platform().log(level, line);
    }

    unsafe fn call_init(&self, _: u64) -> Result<i32, Faulted> {
        Ok(0)
    }

    unsafe fn call_exit(&self, _: u64) -> Result<(), Faulted> {
        Ok(())
    }

    fn wait(
        &self,
        is_done: &(dyn Fn() -> bool + Sync),
        limit: Option<Duration>,
    ) -> Result<(), WaitError> {
        self.0.platform().wait(is_done, limit)
    }

    fn notify(&self, _: Event, _: &Module<Self>) {}
}

on_every_architecture! {
    fn a_module_that_is_unloaded_by_force_is_freed_with_its_last_reference<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        drop(loader.load(&library::<A>()).unwrap());
        let with_library = kernel.snapshot();
        drop(loader.load(&driver::<A>()).unwrap());
        let held = loader.find(b"driver").unwrap();
        let again = held.clone();
        let handle = held.handle();
        assert_eq!(loader.unload(b"driver", false), Err(UnloadError::Referenced(2)));
        kernel.take_trace();
        kernel.take_log();

        loader.unload(b"driver", true).unwrap();
        let told = Step::Told(Event::Going, "driver".into());
        assert_eq!(kernel.take_trace(), [Step::Exit("driver".into()), told]);
        assert_eq!(kernel.names(), ["library"]);
        assert!(loader.find(b"driver").is_none() && handle.try_get().is_none());
        assert!(loader.symbol(b"g").is_none());
        assert_eq!(said(&loader, "module driver: taints the kernel (R), unloaded by force"), 1);
        assert!(loader.taints().contains(Taints::FORCED_RMMOD));

        // All of it is there for who has it.
        assert_eq!((held.state(), held.references()), (State::Going, 2));
        assert!(!held.taints().contains(Taints::FORCED_RMMOD), "Linux taints the kernel alone");
        assert_eq!(held.uses().map(|used| used.name().to_string()).collect::<Vec<_>>(), ["library"]);
        assert_eq!(held.export(b"g").unwrap().name, b"g");
        let core = held.core();
        assert!(kernel.peek(core.start, (core.end - core.start) as usize).is_ok());
        loader.reap();
        assert!(kernel.peek(core.start, 1).is_ok());
        assert_eq!(kernel.references("library"), 1, "what it uses is used");
        assert_eq!(loader.unload(b"library", false), Err(UnloadError::Referenced(1)));

        drop(held);
        loader.reap();
        assert!(kernel.peek(core.start, 1).is_ok());
        drop(again);
        loader.reap();
        assert!(kernel.peek(core.start, 1).is_err());
        let mut now = kernel.snapshot();
        assert_eq!(now, with_library);
        drop(handle);
        loader.unload(b"library", false).unwrap();
        now = kernel.snapshot();
        assert_eq!(now.blocks, []);
        assert_eq!(said(&loader, "unloaded by force"), 0);
    }

    fn the_name_of_a_module_that_was_unloaded_by_force_is_free_and_the_log_says_so_once<A>() {
        let loader = HostKernel::<A>::new().boot();
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(loader.load(&library::<A>()).unwrap());
            loader.unload(b"library", true).unwrap();
        }
        assert_eq!(said(&loader, "unloaded by force"), 1);
        let starts: std::collections::BTreeSet<_> = held.iter().map(|one| one.core().start).collect();
        assert_eq!(starts.len(), 3);
        drop(held);
        loader.reap();
        assert_eq!(loader.platform().snapshot().blocks, []);
    }

    fn force_that_was_not_needed_taints_nothing<A>() {
        let loader = HostKernel::<A>::new().boot();
        drop(loader.load(&library::<A>()).unwrap());
        loader.unload(b"library", true).unwrap();
        assert!(!loader.taints().contains(Taints::FORCED_RMMOD));
        assert_eq!(said(&loader, "unloaded by force"), 0);
    }

    fn force_does_not_unload_what_another_module_uses<A>() {
        let loader = HostKernel::<A>::new().boot();
        drop(loader.load(&library::<A>()).unwrap());
        drop(loader.load(&driver::<A>()).unwrap());
        let before = loader.platform().snapshot();
        let error = loader.unload(b"library", true).unwrap_err();
        assert_eq!(error, UnloadError::UsedBy(b"driver"[..].into()));
        assert_eq!(loader.platform().snapshot(), before);
        assert!(!loader.taints().contains(Taints::FORCED_RMMOD));
    }

    /// What it will use is known once it is listed; until then it may be any that there are references to.
    fn force_does_not_unload_what_a_module_that_is_being_linked_may_use<A>() {
        let loader = HostKernel::<A>::new().boot();
        drop(loader.load(&library::<A>()).unwrap());
        let mut forced = None;
        let driver = loader.load_reading(&driver::<A>(), LoadOptions::default(), || {
            forced = Some(loader.unload(b"library", true));
            Ok(Vec::new())
        });
        assert_eq!(forced, Some(Err(UnloadError::Referenced(1))));
        let states: Vec<_> = driver.unwrap().uses().map(Module::state).collect();
        assert_eq!(states, [State::Live]);
        assert!(!loader.taints().contains(Taints::FORCED_RMMOD));
        // Once it has failed to be linked there is nothing in the way.
        loader.unload(b"driver", false).unwrap();
        let held = loader.find(b"library").unwrap();
        loader.load(&ModuleFile::<A>::new("m").imports("nobodys").build()).unwrap_err();
        loader.unload(b"library", true).unwrap();
        drop(held);
    }

    /// While the load has not ended, and the module is live already.
    fn a_module_can_be_unloaded_by_force_by_who_is_told_that_it_is_live<A>() {
        let loader = HostKernel::<A>::new().boot();
        let weak = Arc::downgrade(&loader);
        loader.platform().on_event(move |_, event, _| {
            if event == Event::Live {
                weak.upgrade().unwrap().unload(b"library", true).unwrap();
            }
        });
        let file = ModuleFile::<A>::new("library").init().exit();
        let file = file.section(".init.data", object::SectionKind::Data, b"x", 1).build();
        let module = loader.load(&file).unwrap();
        assert_eq!((module.state(), module.references()), (State::Going, 1));
        drop(module);
        loader.reap();
        assert_eq!(loader.platform().snapshot().blocks, []);
    }

    fn two_who_unload_one_module_call_its_exit_function_once<A>() {
        for force in [[true, true], [true, false]] {
            let loader = HostKernel::<A>::new().boot();
            let held = loader.load(&library::<A>()).unwrap();
            let results = thread::scope(|scope| {
                let unload = |force| loader.unload(b"library", force);
                let threads = force.map(|force| scope.spawn(move || unload(force)));
                threads.map(|thread| thread.join().unwrap())
            });
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
            let exits = loader.platform().take_trace();
            let exits = exits.iter().filter(|step| **step == Step::Exit("library".into()));
            assert_eq!(exits.count(), 1);
            drop(held);
        }
    }

    fn a_kernel_may_unload_nothing_by_force_and_says_that_it_does_not<A>() {
        let host = HostKernel::<A>::new().boot();
        let loader = Loader::new(Strict(host.clone()));
        drop(loader.load(&ModuleFile::<A>::new("permanent").init().build()).unwrap());
        let held = loader.load(&library::<A>()).unwrap();
        let asked = "nothing is unloaded by force here";
        assert_eq!(loader.unload(b"permanent", false), Err(UnloadError::Permanent));
        assert_eq!(said(&host, asked), 0);
        assert_eq!(loader.unload(b"permanent", true), Err(UnloadError::Permanent));
        assert_eq!(said(&host, asked), 1);
        assert_eq!(loader.unload(b"library", true), Err(UnloadError::Referenced(1)));
        assert_eq!(loader.unload_within(b"permanent", true, LONG), Err(UnloadError::Permanent));
        assert_eq!(said(&host, asked), 2);
        assert!(!loader.taints().contains(Taints::FORCED_RMMOD));
        drop(held);
        loader.unload(b"library", true).unwrap();
    }

    fn an_unload_waits_until_the_last_reference_has_been_put<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        drop(loader.load(&library::<A>()).unwrap());
        let held = [loader.find(b"library").unwrap(), loader.find(b"library").unwrap()];
        thread::scope(|scope| {
            let unload = scope.spawn(|| loader.unload_within(b"library", false, LONG));
            for reference in held {
                while loader.platform().waiting() != 1 {
                    thread::yield_now();
                }
                assert!(loader.find(b"library").is_some(), "it is in use as before");
                // Nobody is woken.
                drop(reference);
            }
            assert_eq!(unload.join().unwrap(), Ok(()));
        });
        assert_eq!(loader.platform().snapshot().blocks, []);
        let limits = loader.platform().limits();
        assert!(limits.iter().all(|limit| *limit == Some(Duration::from_millis(50))), "{limits:?}");
    }

    fn an_unload_waits_no_longer_than_its_limit<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let held = loader.load(&library::<A>()).unwrap();
        let begun = Instant::now();
        let error = loader.unload_within(b"library", false, SHORT).unwrap_err();
        assert_eq!((&error, error.errno()), (&UnloadError::Referenced(1), Errno::EWOULDBLOCK));
        assert!(begun.elapsed() >= SHORT);
        let limits: Duration = loader.platform().limits().into_iter().flatten().sum();
        assert_eq!(limits, SHORT, "so long in all");
        // Without a limit there is nothing to wait for.
        let error = loader.unload_within(b"library", false, Duration::ZERO).unwrap_err();
        assert_eq!(error, UnloadError::Referenced(1));
        assert_eq!(loader.platform().limits().len(), 3);
        // Then as `unload`: by force, if that is asked for.
        loader.unload_within(b"library", true, SHORT).unwrap();
        drop(held);
    }

    fn an_unload_waits_for_modules_that_use_it_to_be_unloaded<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        drop(loader.load(&library::<A>()).unwrap());
        drop(loader.load(&driver::<A>()).unwrap());
        thread::scope(|scope| {
            let unload = scope.spawn(|| loader.unload_within(b"library", false, LONG));
            while loader.platform().waiting() != 1 {
                thread::yield_now();
            }
            loader.unload(b"driver", false).unwrap();
            assert_eq!(unload.join().unwrap(), Ok(()));
        });
        drop(loader.load(&library::<A>()).unwrap());
        drop(loader.load(&driver::<A>()).unwrap());
        let error = loader.unload_within(b"library", true, SHORT).unwrap_err();
        assert_eq!(error, UnloadError::UsedBy(b"driver"[..].into()));
    }

    fn an_unload_does_not_wait_for_what_time_does_not_mend<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let within = |name: &[u8]| loader.unload_within(name, false, LONG);
        assert_eq!(within(b"library"), Err(UnloadError::NotFound));
        let permanent = loader.load(&ModuleFile::<A>::new("permanent").init().build()).unwrap();
        assert_eq!(within(b"permanent"), Err(UnloadError::Permanent));
        loader.platform().on_init("library", |loader| {
            let unloaded = loader.unload_within(b"library", false, LONG);
            assert_eq!(unloaded, Err(UnloadError::Busy));
            0
        });
        drop(loader.load(&library::<A>()).unwrap());
        let held = loader.find(b"library").unwrap();
        loader.disable();
        assert_eq!(within(b"library"), Err(UnloadError::Disabled));
        assert_eq!(loader.platform().limits(), []);
        drop((held, permanent));
    }

    fn an_unload_that_waits_can_be_interrupted<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let held = loader.load(&library::<A>()).unwrap();
        thread::scope(|scope| {
            let unload = scope.spawn(|| loader.unload_within(b"library", true, LONG));
            while loader.platform().waiting() != 1 {
                thread::yield_now();
            }
            loader.platform().interrupt_waiting();
            let error = unload.join().unwrap().unwrap_err();
            assert_eq!((&error, error.errno()), (&UnloadError::Interrupted, Errno::EINTR));
        });
        assert_eq!((held.state(), held.references()), (State::Live, 1));
    }

    fn a_kernel_that_cannot_wait_unloads_at_once_or_not<A>() {
        let loader = HostKernel::<A>::new().boot();
        let held = loader.load(&library::<A>()).unwrap();
        assert_eq!(loader.unload_within(b"library", false, LONG), Err(UnloadError::Referenced(1)));
        drop(held);
        assert_eq!(loader.unload_within(b"library", false, LONG), Ok(()));
    }

    fn a_symbol_that_somebody_has_got_keeps_its_module<A>() {
        let loader = HostKernel::<A>::new().export("kernels").export_gpl("for_the_gpl").boot();
        drop(loader.load(&library::<A>()).unwrap());
        let address = loader.find(b"library").unwrap().export(b"f").unwrap().address;
        assert_eq!(loader.symbol_get(b"f"), Some(address));
        assert_eq!(loader.symbol_get(b"f"), Some(address));
        assert_eq!(loader.unload(b"library", false), Err(UnloadError::Referenced(2)));
        // SAFETY: it has been got, and nobody uses it.
        assert!(unsafe { loader.symbol_put(b"f") });
        assert_eq!(loader.unload(b"library", false), Err(UnloadError::Referenced(1)));
        // SAFETY: as above.
        assert!(unsafe { loader.symbol_put_addr(address) });
        assert_eq!(loader.platform().references("library"), 0);
        // SAFETY: there is none to put, which is noticed.
        unsafe {
            assert!(!loader.symbol_put(b"f") && !loader.symbol_put_addr(address));
        }
        assert_eq!(loader.platform().references("library"), 0);
        loader.unload(b"library", false).unwrap();
        assert_eq!(loader.symbol_get(b"f"), None);

        // The kernel's are there for ever, whatever their licence, as for Linux 6.1.
        for name in ["kernels", "for_the_gpl"] {
            let address = loader.platform().address_of(name);
            assert_eq!(loader.symbol_get(name.as_bytes()), Some(address));
            // SAFETY: as above.
            unsafe {
                assert!(loader.symbol_put(name.as_bytes()) && loader.symbol_put_addr(address));
            }
        }
        assert_eq!(loader.symbol_get(b"nobodys"), None);
        // SAFETY: there is none to put.
        unsafe {
            assert!(!loader.symbol_put(b"nobodys") && !loader.symbol_put(&[b'x'; 600]));
            assert!(!loader.symbol_put_addr(0) && !loader.symbol_put_addr(address));
        }
    }

    fn there_is_no_symbol_of_a_module_that_is_coming_or_going_to_get<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().on_init("library", |loader| {
            assert_eq!(loader.symbol_get(b"f"), None);
            0
        });
        loader.platform().on_exit("library", |loader| assert_eq!(loader.symbol_get(b"f"), None));
        drop(loader.load(&library::<A>()).unwrap());
        loader.unload(b"library", false).unwrap();
    }

    fn what_was_got_of_a_module_that_is_unloaded_by_force_stays<A>() {
        let loader = HostKernel::<A>::new().boot();
        drop(loader.load(&library::<A>()).unwrap());
        let address = loader.symbol_get(b"f").unwrap();
        loader.unload(b"library", true).unwrap();
        // Another with the name and the symbol is none of it.
        drop(loader.load(&library::<A>()).unwrap());
        // SAFETY: it has been got, and nobody uses it.
        assert!(!unsafe { loader.symbol_put_addr(address) });
        assert_eq!(loader.platform().references("library"), 0);
        loader.unload(b"library", false).unwrap();
        loader.reap();
        assert!(loader.platform().peek(address, 1).is_ok(), "nothing dangles");
    }

    /// A load that fails since its library is unloaded by force leaves nothing.
    fn who_wants_the_symbols_of_a_module_that_was_unloaded_by_force_does_not_get_them<A>() {
        let loader = HostKernel::<A>::new().boot();
        let held = loader.load(&library::<A>()).unwrap();
        loader.unload(b"library", true).unwrap();
        let error = loader.load(&driver::<A>()).unwrap_err();
        assert!(matches!(error, LoadError::UnknownSymbols(_)), "{error}");
        drop(held);
        loader.reap();
        assert_eq!(loader.platform().snapshot().blocks, []);
    }
}
