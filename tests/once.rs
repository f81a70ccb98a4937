//! One file that is loaded by many at once is loaded once, and all get what comes of that.

#[path = "rejections/heap.rs"]
mod heap;

use modlink::Errno;
use modlink::arch::Arch;
use modlink::platform::Level;
use modlink::syscall::finit_module;
use modlink_host::{
    FileKind, Gate, HostKernel, HostLoader, ModuleFile, Operation, on_every_architecture,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(600);

const COMPRESSED: u32 = 4;

fn module<A: Arch>() -> FileKind {
    FileKind::regular(&ModuleFile::<A>::new("m").init().exit().build())
}

fn finit<A: Arch>(loader: &HostLoader<A>, file: FileKind) -> Result<(), Errno> {
    let kernel = loader.platform();
    finit_module(loader, kernel.put_file(file), kernel.user_string(""), 0)
}

fn waiting<A: Arch>(loader: &HostLoader<A>, count: usize) {
    while loader.platform().waiting() != count {
        thread::yield_now();
    }
}

/// What becomes of a load of a file, and of a `second` one that comes while the init function of the first
/// runs, when `then` is done.
fn two<A: Arch>(
    loader: &Arc<HostLoader<A>>,
    second: impl FnOnce() -> Result<(), Errno> + Send,
    then: impl FnOnce(&Gate),
) -> [Result<(), Errno>; 2] {
    let gate = Gate::of(loader, "m");
    thread::scope(|scope| {
        let first = scope.spawn(|| finit(loader, module::<A>().identified(7)));
        gate.reached();
        let second = scope.spawn(second);
        waiting(loader, 1);
        then(&gate);
        let second = second.join().unwrap();
        gate.open(0);
        [first.join().unwrap(), second]
    })
}

fn errors<A: Arch>(loader: &HostLoader<A>) -> Vec<String> {
    let log = loader.platform().take_log().into_iter();
    log.filter(|(level, _)| *level == Level::Error).map(|(_, line)| line).collect()
}

on_every_architecture! {
    fn a_file_that_two_load_at_once_is_linked_once_and_both_succeed<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let second = || finit(&loader, module::<A>().identified(7));
        assert_eq!(two(&loader, second, |gate| gate.open(0)), [Ok(()), Ok(())]);
        let kernel = loader.platform();
        assert_eq!(kernel.count(Operation::Read), 1, "the file is read once");
        assert_eq!(kernel.take_called().len(), 1, "init is called once");
        assert_eq!((kernel.names(), kernel.references("m")), (vec!["m".into()], 0));
        assert_eq!((kernel.limits(), kernel.snapshot().open_files), (vec![None], 0));
        assert_eq!(errors(&loader), [""; 0]);
    }

    fn both_fail_as_the_one_that_is_loaded_does_and_the_next_load_is_its_own<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let before = loader.platform().snapshot();
        let second = || finit(&loader, module::<A>().identified(7));
        let both = two(&loader, second, |gate| gate.open(-19));
        assert_eq!(both, [Err(Errno::ENODEV); 2]);
        assert_eq!(loader.platform().snapshot(), before);
        let mut lines = errors(&loader);
        lines.sort();
        assert_eq!(
            lines,
            [
                "module not loaded: another load of the same file came first: it has failed: ENODEV",
                "module not loaded: its init function failed with -19",
            ]
        );
        loader.platform().on_init("m", |_| 0);
        assert_eq!(finit(&loader, module::<A>().identified(7)), Ok(()));
        assert_eq!(loader.platform().take_called().len(), 2);
    }

    fn a_load_that_comes_when_the_first_is_done_finds_the_module_loaded<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        assert_eq!(finit(&loader, module::<A>().identified(7)), Ok(()));
        assert_eq!(finit(&loader, module::<A>().identified(7)), Err(Errno::EEXIST));
        assert_eq!(loader.platform().count(Operation::Read), 2);
        loader.unload(b"m", false).unwrap();
        assert_eq!(finit(&loader, module::<A>().identified(7)), Ok(()));
    }

    fn flags_and_arguments_of_who_waits_are_not_looked_at<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let kernel = loader.platform();
        let second = || {
            let file = kernel.put_file(module::<A>().identified(7));
            assert_eq!(finit_module(&loader, file, 0xdead_0000, 8), Err(Errno::EINVAL), "unknown");
            finit_module(&loader, file, 0xdead_0000, COMPRESSED)
        };
        assert_eq!(two(&loader, second, |gate| gate.open(0)), [Ok(()), Ok(())]);
        let file = kernel.put_file(module::<A>().identified(7));
        let alone = finit_module(&loader, file, 0xdead_0000, COMPRESSED);
        assert_eq!(alone, Err(Errno::EOPNOTSUPP));
    }

    fn other_files_and_those_of_which_nothing_is_known_are_loaded_each_on_its_own<A>() {
        for other in [module::<A>(), module::<A>().identified(8)] {
            let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
            // They have one name, which they wait for.
            let both = two(&loader, || finit(&loader, other), |gate| gate.open(0));
            assert_eq!(both, [Ok(()), Err(Errno::EEXIST)]);
            assert_eq!(loader.platform().count(Operation::Read), 2);
        }
    }

    fn who_waits_for_the_load_of_its_file_can_be_interrupted<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let second = || finit(&loader, module::<A>().identified(7));
        let interrupt = |_: &Gate| loader.platform().interrupt_waiting();
        assert_eq!(two(&loader, second, interrupt), [Ok(()), Err(Errno::EINTR)]);
        assert_eq!(loader.platform().snapshot().open_files, 0);
        let why = "interrupted while it waited: EINTR";
        let line = format!("module not loaded: another load of the same file came first: {why}");
        assert_eq!(errors(&loader), [line]);
    }

    fn a_second_load_of_a_file_is_busy_where_the_kernel_cannot_wait<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().on_init("m", |loader| {
            let second = finit(loader, module::<A>().identified(7));
            assert_eq!(second, Err(Errno::EBUSY));
            0
        });
        assert_eq!(finit(&loader, module::<A>().identified(7)), Ok(()));
        assert_eq!(loader.platform().count(Operation::Read), 1);
    }

    fn a_file_that_cannot_be_noted_for_want_of_heap_is_not_loaded_and_the_next_load_is<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let before = kernel.snapshot();
        let (file, arguments) =
            (kernel.put_file(module::<A>().identified(7)), kernel.user_string(""));
        // The member, the snapshot, its list, and then the room for the file.
        for nth in 0..4 {
            let load = || finit_module(&loader, file, arguments, 0);
            assert_eq!(heap::with_failure(nth, load), (Err(Errno::ENOMEM), true), "{nth}");
            assert_eq!(kernel.count(Operation::Read), 0);
            assert_eq!(kernel.snapshot(), before);
        }
        assert_eq!(finit_module(&loader, file, arguments, 0), Ok(()));
    }

    fn many_load_one_file_at_once_again_and_again<A>() {
        const THREADS: usize = 4;
        const ROUNDS: u32 = 50;
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let before = loader.platform().snapshot();
        let inits = Arc::new(AtomicU32::new(0));
        let counted = inits.clone();
        loader.platform().on_init("m", move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            thread::yield_now();
            0
        });
        let barrier = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for round in 0..ROUNDS {
                        let leads = barrier.wait().is_leader();
                        let loaded = finit(&loader, module::<A>().identified(7));
                        assert!(matches!(loaded, Ok(()) | Err(Errno::EEXIST)), "{loaded:?}");
                        barrier.wait();
                        assert_eq!(inits.load(Ordering::SeqCst), round + 1);
                        if leads {
                            loader.unload(b"m", false).unwrap();
                        }
                    }
                });
            }
        });
        loader.reap();
        assert_eq!(loader.platform().snapshot(), before);
    }
}

#[cfg(feature = "proc")]
mod counted {
    use super::*;

    on_every_architecture! {
        fn the_time_that_waits_for_the_same_file_take_is_counted<A>() {
            let step = Duration::from_micros(1500);
            let loader = HostKernel::<A>::new().with_waiting(LONG).with_clock(step).boot();
            let second = || finit(&loader, module::<A>().identified(7));
            assert_eq!(two(&loader, second, |gate| gate.open(0)), [Ok(()), Ok(())]);
            let now = loader.counters();
            assert_eq!((now.loads, now.failed_loads, now.duplicate_loads), (1, 0, 0));
            assert_eq!((now.shared_loads, now.shared_time), (1, step));
            let mut text = String::new();
            modlink::text::counters(&loader, &mut text).unwrap();
            assert!(text.contains("\nshared_loads 1\nshared_microseconds 1500\n"), "{text}");
        }
    }
}
