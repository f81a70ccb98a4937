//! A module comes, is initialised, lives and goes.

use modlink::platform::{Event, Level, Protection, Purpose};
use modlink::{Errno, LoadError, LoadOptions, State, Taints, UnloadError};
use modlink_host::{
    HostKernel, HostLoader, ModuleFile, Step, address_in, corpus, on_every_architecture,
};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

fn with_init_and_exit<A: modlink::arch::Arch>(name: &str) -> ModuleFile<A> {
    ModuleFile::new(name).init().exit()
}

on_every_architecture! {
    fn a_load_and_an_unload_take_their_steps_in_order<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let file = with_init_and_exit::<A>("m").section(".init.data", SectionKind::Data, b"x", 1);

        loader.load(&file.build()).unwrap();
        let told = |event| Step::Told(event, "m".into());
        assert_eq!(
            kernel.take_trace(),
            [
                Step::Allocated(Purpose::Core),
                Step::Allocated(Purpose::Init),
                Step::Protected(Purpose::Core, Protection::Execute),
                Step::Protected(Purpose::Init, Protection::Execute),
                told(Event::Coming),
                Step::Init("m".into()),
                told(Event::Live),
                Step::Freed(Purpose::Init),
                told(Event::InitFreed),
            ]
        );

        loader.unload(b"m", false).unwrap();
        assert_eq!(
            kernel.take_trace(),
            [Step::Exit("m".into()), told(Event::Going), Step::Freed(Purpose::Core),]
        );
    }

    fn nothing_is_loaded_or_unloaded_once_modules_are_disabled<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.load(&with_init_and_exit::<A>("before").build()).unwrap();
        assert!(!loader.is_disabled());
        loader.disable();
        let before = loader.platform().snapshot();
        loader.platform().take_trace();
        for _ in 0..2 {
            let file = with_init_and_exit::<A>("after").build();
            let error = loader.load(&file).unwrap_err();
            assert_eq!(error, LoadError::Disabled);
            assert_eq!(error.errno(), Errno::EPERM);
            for force in [false, true] {
                let error = loader.unload(b"before", force).unwrap_err();
                assert_eq!(error, UnloadError::Disabled);
                assert_eq!(error.errno(), Errno::EPERM);
            }
        }
        assert!(loader.is_disabled());
        assert_eq!(loader.platform().snapshot(), before);
        assert_eq!(loader.platform().take_trace(), []);
        assert_eq!(loader.find(b"before").unwrap().state(), State::Live);
    }

    fn what_is_on_the_deny_list_is_not_loaded<A>() {
        let loader = HostKernel::<A>::new().deny("first,second_one,,last").boot();
        let before = loader.platform().snapshot();
        for name in ["first", "second_one", "last"] {
            let file = with_init_and_exit::<A>(name).imports("nobody_has_it").build();
            let error = loader.load(&file).unwrap_err();
            assert_eq!(error, LoadError::Denied(name.as_bytes().into()));
            assert_eq!(error.errno(), Errno::EPERM);
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(loader.platform().snapshot(), before);
        }
        for name in ["firs", "first2", "second-one", "one", "last ", ","] {
            loader.load(&ModuleFile::<A>::new(name).build()).unwrap();
        }
        let free = HostKernel::<A>::new().boot();
        free.load(&with_init_and_exit::<A>("first").build()).unwrap();
    }

    fn the_state_is_right_at_each_event<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = seen.clone();
        kernel.on_event(move |_, event, module| {
            let there = module.init().is_some();
            record.lock().unwrap().push((event, module.state(), there));
        });

        loader.load(&with_init_and_exit::<A>("m").build()).unwrap();
        loader.unload(b"m", false).unwrap();

        assert_eq!(
            *seen.lock().unwrap(),
            [
                (Event::Coming, State::Coming, true),
                (Event::Live, State::Live, true),
                (Event::InitFreed, State::Live, false),
                (Event::Going, State::Going, false),
            ]
        );
    }

    fn everything_is_freed<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();

        loader.load(&with_init_and_exit::<A>("m").build()).unwrap();
        let loaded = loader.platform().snapshot();
        assert_eq!(loaded.blocks.len(), 1);
        assert_eq!(loaded.blocks[0].purpose, Purpose::Core);
        assert_eq!(loaded.module("m").unwrap().state, State::Live);

        loader.unload(b"m", false).unwrap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_module_without_init_part_gets_one_block<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.load(&ModuleFile::<A>::new("m").build()).unwrap();
        let module = loader.find(b"m").unwrap();

        assert_eq!(module.statistics().init, 0);
        assert_eq!(module.init(), None);
        let purposes: Vec<_> = loader.platform().requests().iter().map(|r| r.purpose).collect();
        assert_eq!(purposes, [Purpose::Core]);
    }

    fn a_module_without_functions_is_loaded_and_unloaded<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        loader.load(&ModuleFile::<A>::new("m").build()).unwrap();
        loader.unload(b"m", false).unwrap();

        assert_eq!(loader.platform().snapshot(), before);
        let calls = |step: &Step| matches!(step, Step::Init(_) | Step::Exit(_));
        assert!(!loader.platform().take_trace().iter().any(calls));
    }

    fn a_failed_init_is_undone_and_its_status_returned<A>() {
        for status in [-19, -1, -12, -4095, -5000, i32::MIN] {
            let loader = HostKernel::<A>::new().boot();
            let kernel = loader.platform();
            let before = kernel.snapshot();
            kernel.on_init("m", move |_| status);

            let file = with_init_and_exit::<A>("m").build();
            let error = loader.load(&file).unwrap_err();

            assert_eq!(error, LoadError::Init(status));
            assert_eq!(error.errno().number(), status.saturating_neg());
            assert_eq!(kernel.snapshot(), before);
            let mut trace = kernel.take_trace();
            let calls_exit = trace.contains(&Step::Exit("m".into()));
            assert!(!calls_exit, "a module whose init function has not succeeded does not exit");
            trace.retain(|step| matches!(step, Step::Told(..)));
            let told = |event| Step::Told(event, "m".into());
            assert_eq!(trace, [told(Event::Coming), told(Event::Going)]);
        }
    }

    fn a_failed_init_leaves_room_for_another_try<A>() {
        let loader = HostKernel::<A>::new().boot();
        let tries = AtomicU32::new(0);
        loader.platform().on_init("m", move |_| match tries.fetch_add(1, Ordering::SeqCst) {
            0 => -19,
            _ => 0,
        });
        let file = with_init_and_exit::<A>("m").build();

        assert_eq!(loader.load(&file).unwrap_err().errno(), Errno::ENODEV);
        loader.load(&file).unwrap();
    }

    fn a_positive_status_is_a_success_with_a_warning<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().on_init("m", |_| 7);
        loader.load(&with_init_and_exit::<A>("m").build()).unwrap();
        let module = loader.find(b"m").unwrap();

        assert_eq!(module.state(), State::Live);
        let log = loader.platform().take_log();
        let warns = |(level, line): &(Level, String)| {
            *level == Level::Warning && line.contains("module m") && line.contains('7')
        };
        assert!(log.iter().any(warns), "{log:?}");
    }

    fn a_module_that_is_live_exists<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = with_init_and_exit::<A>("m").build();
        loader.load(&file).unwrap();
        let before = loader.platform().snapshot();

        let error = loader.load(&file).unwrap_err();

        assert_eq!(error, LoadError::Exists(b"m"[..].into()));
        assert_eq!(error.errno(), Errno::EEXIST);
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_module_that_is_coming_is_busy<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = with_init_and_exit::<A>("m").build();
        let again = file.clone();
        loader.platform().on_init("m", move |loader| {
            let error = loader.load(&again).unwrap_err();
            assert_eq!(error, LoadError::Busy(b"m"[..].into()));
            assert_eq!(error.errno(), Errno::EBUSY);

            let error = loader.unload(b"m", false).unwrap_err();
            assert_eq!(error, UnloadError::Busy);
            assert_eq!(error.errno(), Errno::EBUSY);

            assert_eq!(loader.platform().look("m", |m| m.state()), State::Coming);
            0
        });
        loader.load(&file).unwrap();
        assert_eq!(loader.platform().look("m", |m| m.state()), State::Live);
    }

    fn a_module_that_is_going_is_busy<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = with_init_and_exit::<A>("m").build();
        let again = file.clone();
        loader.load(&file).unwrap();
        loader.platform().on_exit("m", move |loader| {
            let error = loader.load(&again).unwrap_err();
            assert_eq!(error, LoadError::Busy(b"m"[..].into()));
            assert_eq!(loader.unload(b"m", false), Err(UnloadError::Busy));
            assert!(loader.find(b"m").is_none(), "nobody gets a reference any more");
            assert_eq!(loader.platform().look("m", |m| m.state()), State::Going);
        });
        loader.unload(b"m", false).unwrap();
        assert_eq!(loader.platform().names(), [""; 0]);
        loader.load(&file).unwrap();
    }

    fn a_module_whose_init_is_not_freed_is_in_use<A>() {
        let loader = HostKernel::<A>::new().boot();
        let unloader = Arc::downgrade(&loader);
        loader.platform().on_event(move |_, event, _| {
            if event == Event::Live {
                let rejected = unloader.upgrade().unwrap().unload(b"m", false);
                assert_eq!(rejected.unwrap_err().errno(), Errno::EWOULDBLOCK);
            }
        });
        loader.load(&with_init_and_exit::<A>("m").build()).unwrap();
        assert_eq!(loader.platform().references("m"), 0);
        loader.unload(b"m", false).unwrap();
    }

    /// What Linux lets them do of its own, and what it rejects.
    fn init_and_exit_may_ask_for_their_own_module<A>() {
        let loader = HostKernel::<A>::new().export("kernels").boot();
        let file = with_init_and_exit::<A>("m").exports("f").build();
        let seen = |loader: &HostLoader<A>| {
            let mut states = Vec::new();
            loader.for_each(|module| states.push((module.name().to_string(), module.state())));
            states
        };
        loader.platform().on_init("m", move |loader| {
            let own = loader.find(b"m").expect("a reference, as of try_module_get");
            assert_eq!((own.state(), own.references()), (State::Coming, 2));
            assert_eq!(seen(loader), [("m".to_string(), State::Coming)]);
            assert!(loader.symbol(b"f").is_none(), "its exports are for who finds it live");
            assert!(loader.symbol(b"kernels").is_some());
            let at = own.core().start;
            assert!(loader.locate(at).is_some_and(|(name, offset)| {
                (name.as_bytes(), offset) == (b"m", 0)
            }));
            for force in [false, true] {
                let error = loader.unload(b"m", force).unwrap_err();
                assert_eq!((&error, error.errno()), (&UnloadError::Busy, Errno::EBUSY));
            }
            0
        });
        loader.platform().on_exit("m", move |loader| {
            assert!(loader.find(b"m").is_none());
            assert_eq!(seen(loader), [("m".to_string(), State::Going)]);
            assert!(loader.symbol(b"f").is_none());
            for force in [false, true] {
                let error = loader.unload(b"m", force).unwrap_err();
                assert_eq!((&error, error.errno()), (&UnloadError::Busy, Errno::EBUSY));
            }
        });
        let before = loader.platform().snapshot();
        drop(loader.load(&file).unwrap());
        loader.unload(b"m", false).unwrap();
        assert_eq!(loader.platform().snapshot(), before);
        assert!(loader.taints().is_empty() || !loader.taints().contains(Taints::FORCED_RMMOD));
    }

    fn init_and_exit_may_load_and_unload_others<A>() {
        let loader = HostKernel::<A>::new().boot();
        let (inner, old) = (with_init_and_exit::<A>("inner"), with_init_and_exit::<A>("old"));
        let (inner, old) = (inner.exports("f").build(), old.build());
        loader.load(&old).unwrap();
        let users = ModuleFile::<A>::new("user").imports("f").build();
        loader.platform().on_init("m", move |loader| {
            loader.unload(b"old", false).unwrap();
            drop(loader.load(&inner).unwrap());
            drop(loader.load(&users).unwrap());
            0
        });
        loader.platform().on_exit("m", move |loader| {
            loader.unload(b"user", false).unwrap();
            loader.unload(b"inner", false).unwrap();
            drop(loader.load(&old).unwrap());
        });
        drop(loader.load(&with_init_and_exit::<A>("m").build()).unwrap());
        assert_eq!(loader.platform().names(), ["user", "inner", "m"]);
        loader.unload(b"m", false).unwrap();
        assert_eq!(loader.platform().names(), ["old"]);
        loader.unload(b"old", false).unwrap();
        assert_eq!(loader.platform().snapshot().blocks, []);
    }

    /// Linux: `MODULE_STATE_UNFORMED`.
    fn nobody_sees_a_module_that_is_being_linked_but_its_name_is_taken<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = with_init_and_exit::<A>("m").exports("f").build();
        let options = LoadOptions::default;
        let arguments = || {
            assert!(loader.find(b"m").is_none());
            assert!(loader.symbol(b"f").is_none());
            assert_eq!(loader.platform().names(), [""; 0]);
            let blocks = loader.platform().snapshot().blocks;
            assert!(!blocks.is_empty());
            assert!(blocks.iter().all(|block| loader.locate(block.address).is_none()));
            #[cfg(feature = "proc")]
            {
                let (mut text, shown) = (String::new(), modlink::text::Addresses::Shown);
                modlink::text::modules(&loader, shown, &mut text).unwrap();
                assert_eq!(text, "");
            }
            assert_eq!(loader.unload(b"m", true), Err(UnloadError::NotFound));
            assert_eq!(loader.load(&file).unwrap_err(), LoadError::Busy(b"m"[..].into()));
            Ok(Vec::new())
        };
        drop(loader.load_reading(&file, options(), arguments).unwrap());
        assert_eq!(loader.platform().names(), ["m"]);
    }

    fn an_init_function_may_load_another_module<A>() {
        let loader = HostKernel::<A>::new().boot();
        let inner = with_init_and_exit::<A>("inner").build();
        loader.platform().on_init("outer", move |loader| {
            loader.load(&inner).unwrap();
            0
        });
        loader.load(&with_init_and_exit::<A>("outer").build()).unwrap();

        let names = loader.platform().names();
        assert_eq!(names.len(), 2);
        for name in &names {
            assert_eq!(loader.platform().look(name, |module| module.state()), State::Live);
        }
    }

    fn modules_are_listed_with_the_last_one_first<A>() {
        let loader = HostKernel::<A>::new().boot();
        for name in ["a", "b", "c"] {
            loader.load(&with_init_and_exit::<A>(name).build()).unwrap();
        }
        loader.unload(b"b", false).unwrap();
        let names = loader.platform().names();
        assert_eq!(names, ["c", "a"]);
    }

    fn a_module_that_is_not_loaded_cannot_be_unloaded<A>() {
        let loader = HostKernel::<A>::new().boot();
        assert_eq!(loader.unload(b"m", false), Err(UnloadError::NotFound));
        assert_eq!(UnloadError::NotFound.errno(), Errno::ENOENT);
    }

    fn a_module_with_an_init_and_no_exit_function_stays_unless_forced<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        loader.load(&ModuleFile::<A>::new("m").init().build()).unwrap();

        assert_eq!(loader.unload(b"m", false), Err(UnloadError::Permanent));
        assert_eq!(UnloadError::Permanent.errno(), Errno::EBUSY);
        assert_eq!(loader.platform().look("m", |m| m.state()), State::Live);

        assert!(!loader.taints().contains(modlink::Taints::FORCED_RMMOD));
        loader.unload(b"m", true).unwrap();
        assert!(loader.taints().contains(modlink::Taints::FORCED_RMMOD));
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn the_arguments_are_kept<A>() {
        let loader = HostKernel::<A>::new().boot();
        let arguments = || Ok(b"debug=1 name=x".to_vec());
        let file = ModuleFile::<A>::new("m").build();
        loader.load_reading(&file, LoadOptions::default(), arguments).unwrap();
        assert_eq!(loader.find(b"m").unwrap().arguments(), b"debug=1 name=x");
    }

    fn arguments_that_cannot_be_read_reject_a_module_that_could_be_linked<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        let unreadable = || Err(Errno::EFAULT);

        let fine = ModuleFile::<A>::new("m").build();
        let error = loader.load_reading(&fine, LoadOptions::default(), unreadable).unwrap_err();
        assert_eq!(error, LoadError::Arguments(Errno::EFAULT));
        assert_eq!(error.errno(), Errno::EFAULT);

        let unlinkable = ModuleFile::<A>::new("m").imports("nobody_has_it").build();
        let error = loader.load_reading(&unlinkable, LoadOptions::default(), unreadable).unwrap_err();
        assert_eq!(error.errno(), Errno::ENOENT);
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn memory_is_cleared_where_the_file_has_no_bytes<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = ModuleFile::<A>::new("m")
            .section(".data.odd", SectionKind::Data, b"odd", 1)
            .section(".bss", SectionKind::UninitializedData, &[0; 5000], 64)
            .build();
        loader.load(&file).unwrap();
        let module = loader.find(b"m").unwrap();
        let core = module.core();

        let bytes = loader.platform().peek(core.start, (core.end - core.start) as usize).unwrap();
        let from_file: &[(&str, &[u8])] = &[(".text", &[0x90; 16]), (".data.odd", b"odd")];
        let mut expected = vec![0; bytes.len()];
        for (section, contents) in from_file {
            let at = (address_in(&module, &file, section) - core.start) as usize;
            expected[at..at + contents.len()].copy_from_slice(contents);
        }
        assert!(bytes == expected, "something is left of what was in memory before");
    }

    fn an_address_is_traced_to_its_module<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().on_init("m", |loader| {
            let init = loader.find(b"m").unwrap().init().unwrap();
            let (name, offset) = loader.locate(init.start + 5).unwrap();
            assert_eq!((name.as_bytes(), offset), (&b"m"[..], 5));
            0
        });
        loader.load(&with_init_and_exit::<A>("m").build()).unwrap();
        let module = loader.find(b"m").unwrap();
        let core = module.core();

        let (name, offset) = loader.locate(core.end - 1).unwrap();
        assert_eq!((name.as_bytes(), offset), (&b"m"[..], core.end - 1 - core.start));
        assert!(loader.locate(core.start - 1).is_none());
        assert!(loader.locate(core.end).is_none());
    }

    fn real_modules_come_and_go<A>() {
        for name in ["crc7", "crc-itu-t", "crc8", "cordic", "libarc4", "libdes", "lz4_compress"] {
            let file = corpus::module::<A>(name);
            let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
            let before = loader.platform().snapshot();

            loader.load(&file).unwrap();
            let listed = name.replace('-', "_");
            let module = loader.find(listed.as_bytes()).expect("listed by its own name");
            assert_statistics_are_right(&module, &file);
            assert_eq!(module.statistics().from_modules, 0);
            drop(module);

            loader.unload(name.replace('-', "_").as_bytes(), false).unwrap();
            assert_eq!(loader.platform().snapshot(), before, "{name}");
        }
    }

    fn the_init_memory_of_a_real_module_is_freed<A>() {
        let file = corpus::module::<A>("fat");
        let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
        let kernel = loader.platform();
        loader.load(&file).unwrap();
        let module = loader.find(b"fat").unwrap();

        assert_statistics_are_right(&module, &file);
        assert!(module.statistics().init > 0);
        assert_eq!(kernel.snapshot().bytes(), module.statistics().core);
        let trace = kernel.take_trace();
        assert!(trace.contains(&Step::Init("fat".into())));
        assert!(trace.contains(&Step::Freed(Purpose::Init)));
    }
}

/// Compares what the loader says that it did with what the file says of itself.
fn assert_statistics_are_right<A: modlink::arch::Arch>(
    module: &modlink::Module<HostKernel<A>>,
    file: &[u8],
) {
    let object = object::File::parse(file).unwrap();
    let loaded = |section: &object::Section<'_, '_>| {
        let object::SectionFlags::Elf { sh_flags, .. } = section.flags() else {
            unreachable!("it is an ELF file")
        };
        let allocated = sh_flags.contains(object::elf::SHF_ALLOC);
        allocated && ![Ok(".modinfo"), Ok("__versions")].contains(&section.name())
    };
    let is_init = |section: &object::Section<'_, '_>| section.name().unwrap().starts_with(".init");
    let sum = |init: bool| -> u64 {
        let sections = object.sections().filter(loaded);
        let sizes = sections.filter(|section| is_init(section) == init);
        sizes.map(|section| section.size()).sum()
    };
    let figures = module.statistics();
    for (size, sections) in [(figures.core, sum(false)), (figures.init, sum(true))] {
        assert!(size >= sections, "{size} bytes for {sections}");
        assert!(size.is_multiple_of(4096));
        assert!(size - sections < 8 * 4096, "{size} bytes for {sections}");
    }
    let relocations: usize =
        object.sections().filter(loaded).map(|section| section.relocations().count()).sum();
    assert_eq!(figures.relocations, relocations);
    let undefined = object.symbols().filter(|symbol| symbol.is_undefined());
    let named = undefined.filter(|symbol| symbol.name() != Ok(""));
    assert_eq!(figures.from_kernel + figures.from_modules, named.count());
}
