//! What becomes of a module whose init or exit function faults, in a kernel that survives that.

use modlink::platform::Event;
use modlink::{Errno, ImportProblem, LoadError, State, Taints, UnloadError};
use modlink_host::{HostKernel, ModuleFile, Step, on_every_architecture};
use object::SectionKind;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(600);
/// How long a load waits for an init function.
const LIMIT: Duration = Duration::from_secs(30);

fn faulty<A: modlink::arch::Arch>() -> ModuleFile<A> {
    ModuleFile::new("faulty").init().exit().exports("f").imports("used_f")
}

fn used<A: modlink::arch::Arch>() -> Vec<u8> {
    ModuleFile::<A>::new("used").init().exit().exports("used_f").build()
}

on_every_architecture! {
    fn a_module_whose_init_function_faults_stays_as_it_is<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        drop(loader.load(&used::<A>()).unwrap());
        kernel.take_trace();
        kernel.fault_in(Step::Init("faulty".into()));
        let file = faulty::<A>().section(".init.data", SectionKind::Data, b"x", 1).build();

        let error = loader.load(&file).unwrap_err();
        assert_eq!((&error, error.errno()), (&LoadError::Faulted, Errno::ENOTRECOVERABLE));
        assert_eq!(loader.taints() & Taints::DIE, Taints::DIE);

        let told: Vec<_> = kernel.take_trace();
        assert!(!told.iter().any(|step| matches!(step, Step::Freed(_))), "{told:?}");
        assert!(!told.contains(&Step::Told(Event::Going, "faulty".into())));
        let now = kernel.snapshot();
        assert_eq!(now.blocks.len(), 3, "its init part is there too");
        let row = now.module("faulty").unwrap();
        assert_eq!((row.state, row.references, &row.uses[..]), (State::Faulted, 1, &["used".into()][..]));
        kernel.look("faulty", |module| {
            assert!(module.init().is_some());
            assert_eq!(module.exports().count(), 1);
            let (name, _) = loader.locate(module.core().start).expect("for who tells of the fault");
            assert_eq!(name.as_bytes(), b"faulty");
        });
        #[cfg(feature = "proc")]
        {
            use modlink::text::{self, Addresses, sys::Path};
            let (mut lines, mut state) = (String::new(), String::new());
            text::modules(&loader, Addresses::Shown, &mut lines).unwrap();
            let line = lines.lines().find(|line| line.starts_with("faulty ")).unwrap();
            assert_eq!(line.split(' ').skip(2).take(3).collect::<Vec<_>>(), ["1", "-", "Loading"]);
            let path = Path::parse(b"faulty/initstate").unwrap();
            path.write(&loader, Addresses::Shown, &mut state).unwrap();
            assert_eq!(state, "coming\n");
        }
        // For good, whatever is tried.
        for _ in 0..2 {
            loader.reap();
            assert!(loader.find(b"faulty").is_none());
            assert!(loader.symbol(b"f").is_none());
            assert_eq!(loader.symbol_get(b"f"), None);
            for force in [false, true] {
                let error = loader.unload(b"faulty", force).unwrap_err();
                assert_eq!((&error, error.errno()), (&UnloadError::Busy, Errno::EBUSY));
                let error = loader.unload(b"used", force).unwrap_err();
                assert_eq!(error, UnloadError::UsedBy(b"faulty"[..].into()));
                let waited = loader.unload_within(b"faulty", force, LONG);
                assert_eq!(waited, Err(UnloadError::Busy));
            }
            let error = loader.load(&file).unwrap_err();
            assert_eq!(error, LoadError::Busy(b"faulty"[..].into()));
            assert_eq!(error.errno(), Errno::EBUSY);
            let other = ModuleFile::<A>::new("other").exports("f").build();
            assert!(matches!(loader.load(&other), Err(LoadError::Duplicate { .. })));
        }
        assert_eq!(kernel.snapshot(), now);
        assert!(!kernel.take_trace().contains(&Step::Init("faulty".into())), "it is not run again");
    }

    fn who_waits_for_a_module_whose_init_function_faults_is_woken<A>() {
        let loader = HostKernel::<A>::new().with_waiting(LONG).boot();
        let kernel = loader.platform();
        drop(loader.load(&used::<A>()).unwrap());
        kernel.fault_in(Step::Init("faulty".into()));
        let (file, user) = (faulty::<A>().build(), ModuleFile::<A>::new("user").imports("f").build());
        kernel.on_init("faulty", |loader| {
            while loader.platform().waiting() != 2 {
                thread::yield_now();
            }
            0
        });
        thread::scope(|scope| {
            let first = scope.spawn(|| loader.load(&file).map(drop));
            while loader.find(b"faulty").is_none() && kernel.names().len() < 2 {
                thread::yield_now();
            }
            let second = scope.spawn(|| loader.load(&file).map(drop));
            let user = scope.spawn(|| loader.load(&user).map(drop));
            assert_eq!(first.join().unwrap(), Err(LoadError::Faulted));
            let begun = Instant::now();
            assert_eq!(second.join().unwrap(), Err(LoadError::Busy(b"faulty"[..].into())));
            let error = user.join().unwrap().unwrap_err();
            assert_eq!(error.errno(), Errno::EBUSY);
            let LoadError::Import { problem, .. } = error else { panic!("{error}") };
            assert_eq!(problem, ImportProblem::Faulted(b"faulty"[..].into()));
            assert!(begun.elapsed() < LIMIT / 2, "it had to wait for its limit");
        });
    }

    fn who_has_found_a_module_before_it_faulted_keeps_its_reference<A>() {
        let loader = HostKernel::<A>::new().export("used_f").boot();
        let kernel = loader.platform();
        let found = std::sync::Arc::new(std::sync::Mutex::new(None));
        let kept = found.clone();
        kernel.on_init("faulty", move |loader| {
            *kept.lock().unwrap() = loader.find(b"faulty");
            0
        });
        kernel.fault_in(Step::Init("faulty".into()));
        assert_eq!(loader.load(&faulty::<A>().build()).unwrap_err(), LoadError::Faulted);
        let reference = found.lock().unwrap().take().unwrap();
        assert_eq!((reference.state(), reference.references()), (State::Faulted, 2));
        assert!(reference.handle().try_get().is_none());
        drop(reference);
        loader.reap();
        assert_eq!(kernel.references("faulty"), 1);
    }

    fn a_module_whose_exit_function_faults_is_going_for_ever<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        drop(loader.load(&used::<A>()).unwrap());
        drop(loader.load(&faulty::<A>().build()).unwrap());
        kernel.fault_in(Step::Exit("faulty".into()));
        kernel.take_trace();
        let before = kernel.snapshot();

        let error = loader.unload(b"faulty", false).unwrap_err();
        assert_eq!((&error, error.errno()), (&UnloadError::Faulted, Errno::ENOTRECOVERABLE));
        assert_eq!(loader.taints() & Taints::DIE, Taints::DIE);
        assert_eq!(kernel.take_trace(), [Step::Exit("faulty".into())]);
        for _ in 0..2 {
            loader.reap();
            let now = kernel.snapshot();
            assert_eq!(now.blocks, before.blocks);
            let row = now.module("faulty").unwrap();
            assert_eq!((row.state, &row.uses[..]), (State::Going, &["used".into()][..]));
            assert!(loader.find(b"faulty").is_none());
            for force in [false, true] {
                assert_eq!(loader.unload(b"faulty", force), Err(UnloadError::Busy));
                let error = loader.unload(b"used", force).unwrap_err();
                assert_eq!(error, UnloadError::UsedBy(b"faulty"[..].into()));
            }
            let error = loader.load(&faulty::<A>().build()).unwrap_err();
            assert_eq!(error, LoadError::Busy(b"faulty"[..].into()));
        }
        assert_eq!(kernel.take_trace(), [], "it is not run again");
    }
}
