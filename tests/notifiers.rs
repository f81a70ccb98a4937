//! Listeners that come and go are told what becomes of modules, and may reject one.
#![cfg(feature = "notifiers")]

#[path = "rejections/heap.rs"]
mod heap;

use modlink::arch::Arch;
use modlink::notifiers::{Notifier, Registration};
use modlink::platform::{Event, Level, WaitError};
use modlink::{Errno, LoadError, Module, OutOfMemory, State};
use modlink_host::{Gate, HostKernel, HostLoader, ModuleFile, Step, on_every_architecture};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(600);

type Kernel<A> = HostKernel<A>;

fn file<A: Arch>(name: &str) -> Vec<u8> {
    ModuleFile::<A>::new(name).init().exit().build()
}

/// One kernel for as long as the test program runs, as a kernel has it.
fn forever<A: Arch>(kernel: HostKernel<A>) -> &'static Arc<HostLoader<A>> {
    Box::leak(Box::new(kernel.boot()))
}

/// Registers what is called with each event.
#[track_caller]
fn listen<A: Arch>(
    loader: &HostLoader<A>,
    priority: i32,
    listener: impl Fn(Event, &Module<Kernel<A>>) -> Result<(), Errno> + Send + Sync + 'static,
) -> Registration<'_, Kernel<A>> {
    loader.register_notifier(Box::new(listener), priority).expect("there is heap")
}

/// What has been told, as `who: event module`.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, who: &str, event: Event, name: &[u8]) {
        let line = format!("{who}: {event:?} {}", String::from_utf8_lossy(name));
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Registers one who notes what it is told, and fails so at `event`.
    #[track_caller]
    fn by<'l, A: Arch>(
        &self,
        loader: &'l HostLoader<A>,
        who: &'static str,
        priority: i32,
        fails: Option<(Event, Errno)>,
    ) -> Registration<'l, Kernel<A>> {
        let told = self.clone();
        listen(loader, priority, move |event, module| {
            told.note(who, event, module.name().as_bytes());
            match fails {
                Some((at, errno)) if at == event => Err(errno),
                _ => Ok(()),
            }
        })
    }

    /// Lets the kernel itself note what it is told.
    fn by_kernel<A: Arch>(&self, loader: &HostLoader<A>) {
        let told = self.clone();
        loader.platform().on_event(move |_, event, module| {
            told.note("kernel", event, module.name().as_bytes());
        });
    }
}

fn waiting<A: Arch>(loader: &HostLoader<A>, count: usize) {
    while loader.platform().waiting() != count {
        thread::yield_now();
    }
}

/// A listener that waits at a gate when a module is live; the gate, and what says whether it has been freed.
fn slow<A: Arch>(
    loader: &HostLoader<A>,
) -> (Registration<'_, Kernel<A>>, Gate, std::sync::Weak<()>, Arc<AtomicU32>) {
    let (gate, calls, here) = (Gate::default(), Arc::new(AtomicU32::new(0)), Arc::new(()));
    let freed = Arc::downgrade(&here);
    let (at, counted) = (gate.clone(), calls.clone());
    let registration = listen(loader, 0, move |event, _| {
        let _here = &here;
        counted.fetch_add(1, Ordering::SeqCst);
        if event == Event::Live {
            at.pass();
        }
        Ok(())
    });
    (registration, gate, freed, calls)
}

on_every_architecture! {
    fn listeners_are_told_by_priority_after_the_kernel_and_of_going_before_it<A>() {
        let loader = HostKernel::<A>::new().boot();
        let told = Told::default();
        told.by_kernel(&loader);
        let _first = told.by(&loader, "first", 0, None);
        let _high = told.by(&loader, "high", i32::MAX, None);
        let _second = told.by(&loader, "second", 0, None);
        let _low = told.by(&loader, "low", i32::MIN, None);
        let all = |event: &str, order: [&str; 5]| order.map(|who| format!("{who}: {event} m"));
        let order = ["kernel", "high", "first", "second", "low"];
        loader.load(&file::<A>("m")).unwrap();
        let want = ["Coming", "Live", "InitFreed"].map(|event| all(event, order)).concat();
        assert_eq!(told.take(), want);
        loader.unload(b"m", false).unwrap();
        assert_eq!(told.take(), all("Going", ["high", "first", "second", "low", "kernel"]));
    }

    fn who_rejects_a_coming_module_undoes_what_those_before_were_told<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        let told = Told::default();
        told.by_kernel(&loader);
        let _first = told.by(&loader, "first", 2, None);
        let _second = told.by(&loader, "second", 1, None);
        let rejects = told.by(&loader, "rejects", 0, Some((Event::Coming, Errno::ENODEV)));
        let _after = told.by(&loader, "after", -1, None);
        let _state = listen(&loader, 3, |event, module| {
            let coming = event == Event::Coming;
            assert_eq!(module.state(), if coming { State::Coming } else { State::Going });
            Ok(())
        });
        let error = loader.load(&file::<A>("m")).unwrap_err();
        assert_eq!((&error, error.errno()), (&LoadError::Notifier(Errno::ENODEV), Errno::ENODEV));
        assert_eq!(error.to_string(), "a notifier has rejected it: ENODEV");
        assert_eq!(
            told.take(),
            [
                "kernel: Coming m", "first: Coming m", "second: Coming m", "rejects: Coming m",
                "first: Going m", "second: Going m", "kernel: Going m",
            ]
        );
        assert_eq!(loader.platform().take_called(), [], "init is not called");
        assert_eq!(loader.platform().snapshot(), before);
        drop((rejects, _state));
        loader.load(&file::<A>("m")).unwrap();
    }

    fn who_is_registered_while_a_module_is_rejected_is_told_neither_that_it_comes_nor_that_it_goes<A>() {
        let loader = forever(HostKernel::<A>::new());
        let told = Told::default();
        let late = Arc::new(Mutex::new(Vec::new()));
        let _early = told.by(loader, "early", 9, None);
        let _rejects = listen(loader, 0, {
            let (told, late) = (told.clone(), late.clone());
            move |event, _| {
                if event == Event::Coming {
                    late.lock().unwrap().push(told.by(loader, "late", 5, None));
                }
                Err(Errno::EPERM)
            }
        });
        assert_eq!(loader.load(&file::<A>("m")).map(drop), Err(LoadError::Notifier(Errno::EPERM)));
        assert_eq!(told.take(), ["early: Coming m", "early: Going m"]);
        late.lock().unwrap().clear();
    }

    fn who_is_registered_at_an_event_is_told_of_the_next_one<A>() {
        let loader = forever(HostKernel::<A>::new());
        let told = Told::default();
        let late = Arc::new(Mutex::new(Vec::new()));
        let _early = listen(loader, 9, {
            let (told, late) = (told.clone(), late.clone());
            move |event, _| {
                late.lock().unwrap().clear();
                if event != Event::Coming {
                    late.lock().unwrap().push(told.by(loader, "late", 5, None));
                }
                Ok(())
            }
        });
        let _last = told.by(loader, "last", 0, None);
        loader.load(&file::<A>("m")).unwrap();
        loader.unload(b"m", false).unwrap();
        let lines = ["last: Coming m", "last: Live m", "last: InitFreed m", "last: Going m"];
        assert_eq!(told.take(), lines);
        late.lock().unwrap().clear();
    }

    fn who_holds_a_module_that_was_rejected_sees_that_its_init_part_is_gone<A>() {
        let loader = forever(HostKernel::<A>::new());
        let held = Arc::new(Mutex::new(None));
        let _holds = listen(loader, 9, {
            let held = held.clone();
            move |event, module| {
                if event == Event::Coming {
                    assert!(module.init().is_some());
                    *held.lock().unwrap() = loader.find(b"m");
                }
                Ok(())
            }
        });
        let _rejects = listen(loader, 0, |_, _| Err(Errno::EPERM));
        let file = ModuleFile::<A>::new("m").init().exit();
        let file = file.section(".init.data", object::SectionKind::Data, b"x", 1).build();
        loader.load(&file).unwrap_err();
        let held = held.lock().unwrap().take().expect("it was coming");
        assert_eq!(held.init(), None);
    }

    fn a_failure_at_another_event_is_logged_and_changes_nothing<A>() {
        let loader = HostKernel::<A>::new().boot();
        let told = Told::default();
        for event in [Event::Live, Event::InitFreed, Event::Going] {
            let _fails = told.by(&loader, "fails", 1, Some((event, Errno::EIO)));
            let _after = told.by(&loader, "after", 0, None);
            loader.load(&file::<A>("m")).unwrap();
            loader.unload(b"m", false).unwrap();
            assert_eq!(told.take().iter().filter(|line| line.starts_with("after")).count(), 4);
            let line = format!(
                "module m: a notifier has failed with EIO at {event:?}, which changes nothing"
            );
            assert_eq!(loader.platform().take_log(), [(Level::Warning, line)]);
        }
    }

    fn all_are_told_that_a_module_is_going_whose_init_function_has_failed<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().on_init("m", |_| -12);
        let told = Told::default();
        let _one = told.by(&loader, "one", 1, None);
        let _two = told.by(&loader, "two", 0, None);
        loader.load(&file::<A>("m")).unwrap_err();
        assert_eq!(
            told.take(),
            ["one: Coming m", "two: Coming m", "one: Going m", "two: Going m"]
        );
    }

    fn dropping_a_registration_neither_waits_nor_frees_what_is_being_called<A>() {
        let loader = HostKernel::<A>::new().boot();
        let (registration, gate, freed, calls) = slow(&loader);
        thread::scope(|scope| {
            let loads = scope.spawn(|| loader.load(&file::<A>("m")).map(drop));
            gate.reached();
            drop(registration);
            assert!(freed.upgrade().is_some(), "a call is under way");
            // It is not told of others.
            loader.load(&file::<A>("other")).unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), 2);
            gate.open(0);
            assert_eq!(loads.join().unwrap(), Ok(()));
        });
        assert!(freed.upgrade().is_none(), "by the thread that called it");
        assert_eq!(calls.load(Ordering::SeqCst), 2, "it is not told that init is freed");
        assert_eq!(loader.platform().limits(), []);
    }

    fn dropping_a_registration_frees_a_listener_that_is_not_called_at_once<A>() {
        let loader = HostKernel::<A>::new().boot();
        let (registration, _, freed, _) = slow(&loader);
        drop(registration);
        assert!(freed.upgrade().is_none());
        let (registration, _, freed, _) = slow(&loader);
        registration.unregister().unwrap();
        assert!(freed.upgrade().is_none());
        assert_eq!(loader.platform().limits(), []);
    }

    fn unregister_waits_until_no_call_is_under_way<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let (registration, gate, freed, calls) = slow(&loader);
        thread::scope(|scope| {
            let loads = scope.spawn(|| loader.load(&file::<A>("m")).map(drop));
            gate.reached();
            let waits = scope.spawn(|| {
                registration.unregister().unwrap();
                freed.upgrade().is_none()
            });
            waiting(&loader, 1);
            loader.load(&file::<A>("other")).unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), 2, "it is not called any more");
            gate.open(0);
            assert!(waits.join().unwrap(), "it has been freed when that returns");
            assert_eq!(loads.join().unwrap(), Ok(()));
        });
        assert_eq!(loader.platform().limits(), [None]);
    }

    fn who_cannot_wait_for_a_listener_gets_the_registration_back<A>() {
        for can_wait in [true, false] {
            let kernel = HostKernel::<A>::new();
            let loader = if can_wait { kernel.with_waiting(LONG) } else { kernel }.boot();
            let (registration, gate, freed, _) = slow(&loader);
            let want = if can_wait { WaitError::Interrupted } else { WaitError::Unsupported };
            thread::scope(|scope| {
                let loads = scope.spawn(|| loader.load(&file::<A>("m")).map(drop));
                gate.reached();
                loader.platform().interrupt_waiting();
                let still = registration.unregister().unwrap_err();
                assert_eq!(still.reason, want);
                assert_eq!(still.to_string(), "a call of the notifier may be under way");
                let again = still.registration.unregister().unwrap_err();
                assert!(freed.upgrade().is_some());
                gate.open(0);
                assert_eq!(loads.join().unwrap(), Ok(()));
                assert!(freed.upgrade().is_none());
                again.registration.unregister().unwrap();
            });
        }
    }

    fn a_listener_may_load_unload_register_and_take_off_itself_and_others<A>() {
        let loader = forever(HostKernel::<A>::new().with_waiting(LONG));
        let told = Told::default();
        let kept: Arc<Mutex<Vec<_>>> = Arc::default();
        kept.lock().unwrap().push(told.by(loader, "other", -1, None));
        let mine = kept.clone();
        let noted = told.clone();
        let meddles = listen(loader, 0, move |event, module| {
            if (event, module.name().as_bytes()) == (Event::Coming, b"m") {
                loader.load(&file::<A>("helper")).unwrap();
                loader.unload(b"helper", false).unwrap();
                let others = std::mem::take(&mut *mine.lock().unwrap());
                others.into_iter().for_each(|one| drop(one.unregister()));
                mine.lock().unwrap().push(noted.by(loader, "new", -2, None));
            }
            if (event, module.name().as_bytes()) == (Event::Live, b"m") {
                // Of these there are the new one and this.
                mine.lock().unwrap().clear();
            }
            Ok(())
        });
        kept.lock().unwrap().push(meddles);
        // It is among those that are unregistered, but not by its own call.
        let own = kept.lock().unwrap().pop();
        loader.load(&file::<A>("m")).unwrap();
        let helper = ["Coming", "Live", "InitFreed", "Going"];
        let helper = helper.map(|event| format!("other: {event} helper"));
        assert_eq!(told.take(), helper, "it is not told of m, nor is the new one of what was under way");
        drop(own);
        loader.unload(b"m", false).unwrap();
        assert_eq!(told.take(), [""; 0]);
    }

    fn a_listener_may_drop_its_own_registration<A>() {
        let loader = forever(HostKernel::<A>::new());
        let own: Arc<Mutex<Option<Registration<'_, Kernel<A>>>>> = Arc::default();
        let (calls, here) = (Arc::new(AtomicU32::new(0)), Arc::new(()));
        let (mine, counted, freed) = (own.clone(), calls.clone(), Arc::downgrade(&here));
        *own.lock().unwrap() = Some(listen(loader, 0, move |_, _| {
            drop(mine.lock().unwrap().take());
            assert_eq!(Arc::strong_count(&here), 1, "what it has is there");
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }));
        loader.load(&file::<A>("m")).unwrap();
        assert!(freed.upgrade().is_none());
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    fn the_exit_function_of_a_module_lets_its_own_listener_go<A>() {
        let loader = forever(HostKernel::<A>::new().with_waiting(LONG));
        let told = Told::default();
        let own = Arc::new(Mutex::new(None));
        let (from_init, noted) = (own.clone(), told.clone());
        loader.platform().on_init("m", move |_| {
            *from_init.lock().unwrap() = Some(noted.by(loader, "m's", 0, None));
            0
        });
        loader.platform().on_exit("m", move |_| {
            own.lock().unwrap().take().unwrap().unregister().unwrap();
        });
        loader.load(&file::<A>("m")).unwrap();
        assert_eq!(told.take(), ["m's: Live m", "m's: InitFreed m"]);
        loader.unload(b"m", false).unwrap();
        assert_eq!(told.take(), [""; 0], "its code may be gone");
    }

    fn what_the_heap_has_no_room_for_is_not_registered_and_what_is_leaves_without_heap<A>() {
        let loader = HostKernel::<A>::new().boot();
        let told = Told::default();
        let here = Arc::new(());
        let listener = || -> Box<dyn Notifier<Kernel<A>>> {
            let (told, here) = (told.clone(), here.clone());
            Box::new(move |event, module: &Module<_>| {
                let _here = &here;
                told.note("one", event, module.name().as_bytes());
                Ok(())
            })
        };
        // The member, the snapshot, its list.
        for nth in 0..3 {
            let notifier = listener();
            let register = || loader.register_notifier(notifier, 0).map(drop);
            assert_eq!(heap::with_failure(nth, register), (Err(OutOfMemory), true), "{nth}");
            assert_eq!(Arc::strong_count(&here), 1, "it has been freed");
        }
        let [one, two] = [(); 2].map(|()| loader.register_notifier(listener(), 0).unwrap());
        for (nth, registration) in [one, two].into_iter().enumerate() {
            let unregister = || registration.unregister().is_ok();
            assert_eq!(heap::with_failure(nth, unregister), (true, true));
        }
        assert_eq!(Arc::strong_count(&here), 1);
        loader.load(&file::<A>("m")).unwrap();
        assert_eq!(told.take(), [""; 0]);
        loader.reap();
    }

    fn none_is_called_once_it_has_been_unregistered_whatever_is_loaded_meanwhile<A>() {
        const ROUNDS: usize = 300;
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let done = AtomicBool::new(false);
        let calls = Arc::new(AtomicU32::new(0));
        thread::scope(|scope| {
            for name in ["one", "two"] {
                let (loader, done) = (&loader, &done);
                scope.spawn(move || {
                    let file = file::<A>(name);
                    while !done.load(Ordering::SeqCst) {
                        drop(loader.load(&file).unwrap());
                        loader.unload(name.as_bytes(), false).unwrap();
                    }
                });
            }
            let listeners = [0, 1].map(|priority| {
                let (loader, calls) = (&loader, &calls);
                scope.spawn(move || {
                    let mut round = 0;
                    while round < ROUNDS || calls.load(Ordering::SeqCst) < 100 {
                        let gone = Arc::new(AtomicBool::new(false));
                        let (watched, calls) = (gone.clone(), calls.clone());
                        let registration = listen(loader, priority, move |_, _| {
                            assert!(!watched.load(Ordering::SeqCst), "it has been unregistered");
                            thread::yield_now();
                            assert!(!watched.load(Ordering::SeqCst), "it has been unregistered");
                            calls.fetch_add(1, Ordering::SeqCst);
                            Ok(())
                        });
                        thread::yield_now();
                        registration.unregister().unwrap();
                        gone.store(true, Ordering::SeqCst);
                        assert_eq!(Arc::strong_count(&gone), 1, "it has been freed");
                        round += 1;
                    }
                })
            });
            for listener in listeners {
                listener.join().unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
    }

    fn a_kernel_in_which_nobody_listens_takes_the_same_steps<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.load(&file::<A>("m")).unwrap();
        loader.unload(b"m", false).unwrap();
        let told = loader.platform().take_trace().into_iter();
        let told: Vec<_> = told.filter(|step| matches!(step, Step::Told(..))).collect();
        let events = [Event::Coming, Event::Live, Event::InitFreed, Event::Going];
        assert_eq!(told, events.map(|event| Step::Told(event, "m".into())));
    }
}
