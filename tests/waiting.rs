//! A load waits for another that has its name, or whose module it needs, where the kernel can.

use modlink::arch::Arch;
use modlink::{ImportProblem, LoadError, LoadOptions, State, UnloadError};
use modlink_host::{Gate, HostKernel, HostLoader, ModuleFile, on_every_architecture};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(20);
const LIMIT: Option<Duration> = Some(Duration::from_secs(30));

fn load<A: Arch>(loader: &HostLoader<A>, file: &[u8]) -> Result<(), LoadError> {
    loader.load(file).map(drop)
}

fn library<A: Arch>() -> Vec<u8> {
    ModuleFile::<A>::new("library").init().exit().exports("f").build()
}

fn driver<A: Arch>(name: &str) -> Vec<u8> {
    ModuleFile::<A>::new(name).init().exit().imports("f").build()
}

/// Waits until `count` loads wait for another.
fn waiting<A: Arch>(loader: &HostLoader<A>, count: usize) {
    while loader.platform().waiting() != count {
        thread::yield_now();
    }
}

/// What becomes of a load of `second` that waits while the init function of `first`, whose file this
/// is, runs, when `then` is done.
fn second_load<A: Arch>(
    loader: &Arc<HostLoader<A>>,
    first: (&str, &[u8]),
    second: &[u8],
    then: impl FnOnce(&Gate),
) -> Result<(), LoadError> {
    let gate = Gate::of(loader, first.0);
    thread::scope(|scope| {
        let loads = scope.spawn(|| load(loader, first.1));
        gate.reached();
        let waits = scope.spawn(|| load(loader, second));
        waiting(loader, 1);
        then(&gate);
        let result = waits.join().unwrap();
        gate.open(0);
        let _ = loads.join().unwrap();
        result
    })
}

fn why(result: Result<(), LoadError>) -> ImportProblem {
    match result {
        Err(LoadError::Import { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

on_every_architecture! {
    fn two_drivers_that_are_loaded_while_their_library_is_coming_both_load<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let gate = Gate::of(&loader, "library");
        thread::scope(|scope| {
            let library = scope.spawn(|| load(&loader, &library::<A>()));
            gate.reached();
            let drivers = ["one", "two"].map(|name| {
                let loader = &loader;
                scope.spawn(move || load(loader, &driver::<A>(name)))
            });
            waiting(&loader, 2);
            gate.open(0);
            assert_eq!(library.join().unwrap(), Ok(()));
            assert_eq!(drivers.map(|driver| driver.join().unwrap()), [Ok(()), Ok(())]);
        });
        assert_eq!(loader.platform().references("library"), 2);
        assert_eq!(loader.platform().limits(), [LIMIT, LIMIT]);
    }

    fn a_driver_is_not_loaded_if_the_init_function_of_its_library_fails<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let before = loader.platform().snapshot();
        let first = library::<A>();
        let fails = |gate: &Gate| gate.open(-19);
        let result = second_load(&loader, ("library", &first), &driver::<A>("one"), fails);
        // Linux looks the symbol up again: it is going then, or is nobody's.
        assert_eq!(result.unwrap_err().errno(), modlink::Errno::ENOENT);
        loader.reap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_driver_gives_its_library_up_when_the_limit_has_passed<A>() {
        let loader = HostKernel::<A>::new().with_waiting(SHORT).boot();
        let first = library::<A>();
        let gate = Gate::of(&loader, "library");
        thread::scope(|scope| {
            let loads = scope.spawn(|| load(&loader, &first));
            gate.reached();
            let reason = why(load(&loader, &driver::<A>("one")));
            assert_eq!(reason, ImportProblem::Coming("library".as_bytes().into()));
            assert_eq!(reason.errno(), modlink::Errno::EBUSY);
            gate.open(0);
            assert_eq!(loads.join().unwrap(), Ok(()));
        });
        assert_eq!(loader.platform().limits(), [LIMIT]);
        assert_eq!(loader.platform().names(), ["library"]);
    }

    fn a_driver_that_waits_for_its_library_can_be_interrupted<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let interrupt = |_: &Gate| loader.platform().interrupt_waiting();
        let first = library::<A>();
        let result = second_load(&loader, ("library", &first), &driver::<A>("one"), interrupt);
        let reason = why(result);
        assert_eq!(reason, ImportProblem::Interrupted("library".as_bytes().into()));
        assert_eq!(reason.errno(), modlink::Errno::EINTR);
        assert_eq!(loader.platform().names(), ["library"]);
    }

    fn a_second_load_of_a_name_waits_and_says_that_it_exists_if_the_first_went_live<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let file = library::<A>();
        let result = second_load(&loader, ("library", &file), &file, |gate| gate.open(0));
        assert_eq!(result, Err(LoadError::Exists("library".as_bytes().into())));
        assert_eq!(loader.platform().limits(), [None], "Linux waits for as long as it takes");
    }

    fn a_second_load_of_a_name_waits_and_says_that_it_is_busy_if_the_first_failed<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let file = library::<A>();
        let result = second_load(&loader, ("library", &file), &file, |gate| gate.open(-12));
        assert_eq!(result, Err(LoadError::Busy("library".as_bytes().into())));
    }

    fn a_second_load_of_a_name_can_be_interrupted<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let file = library::<A>();
        let interrupt = |_: &Gate| loader.platform().interrupt_waiting();
        let result = second_load(&loader, ("library", &file), &file, interrupt);
        let want = LoadError::Interrupted("library".as_bytes().into());
        assert_eq!(want.errno(), modlink::Errno::EINTR);
        assert_eq!(result, Err(want));
    }

    fn a_second_load_waits_for_the_first_while_that_is_being_linked<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let (file, gate) = (library::<A>(), Gate::default());
        let arguments = gate.clone();
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                // They cannot be read, once it has a name and memory.
                let unreadable = || {
                    arguments.pass();
                    Err(modlink::Errno::EFAULT)
                };
                loader.load_reading(&file, LoadOptions::default(), unreadable).map(drop)
            });
            gate.reached();
            let second = scope.spawn(|| load(&loader, &file));
            waiting(&loader, 1);
            gate.open(0);
            assert_eq!(first.join().unwrap(), Err(LoadError::Arguments(modlink::Errno::EFAULT)));
            let busy = LoadError::Busy("library".as_bytes().into());
            assert_eq!(second.join().unwrap(), Err(busy));
        });
    }

    fn nobody_waits_for_a_module_that_is_going<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        load(&loader, &library::<A>()).unwrap();
        loader.platform().on_exit("library", |loader| {
            let again = load(loader, &library::<A>());
            assert_eq!(again, Err(LoadError::Busy("library".as_bytes().into())));
            let reason = why(load(loader, &driver::<A>("one")));
            assert_eq!(reason, ImportProblem::Going("library".as_bytes().into()));
        });
        loader.unload(b"library", false).unwrap();
        assert_eq!(loader.platform().limits(), []);
    }

    fn a_module_whose_init_function_has_not_returned_is_not_unloaded<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let gate = Gate::of(&loader, "library");
        thread::scope(|scope| {
            let loads = scope.spawn(|| load(&loader, &library::<A>()));
            gate.reached();
            assert_eq!(loader.unload(b"library", false), Err(UnloadError::Busy));
            gate.open(0);
            assert_eq!(loads.join().unwrap(), Ok(()));
        });
        let state = loader.platform().look("library", |module| module.state());
        assert_eq!(state, State::Live);
        loader.unload(b"library", false).unwrap();
    }
}
