//! Modules that use each other, and references that keep them loaded.

use modlink::arch::X86_64;
use modlink::platform::Event;
use modlink::{Errno, ImportProblem, LoadError, State, UnloadError};
use modlink_host::{HostKernel, HostLoader, ModuleFile, corpus, on_every_architecture};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::thread;

/// A loader with a module that exports `f` and one that uses it.
fn with_provider_and_user<A: modlink::arch::Arch>() -> Arc<HostLoader<A>> {
    let loader = HostKernel::<A>::new().boot();
    let provider = ModuleFile::<A>::new("provider").exports("f").exports("g");
    let user = ModuleFile::<A>::new("user").imports("f").imports("g");
    loader.load(&provider.build()).unwrap();
    loader.load(&user.build()).unwrap();
    loader
}

/// Each uses the one before it. Their loader is dropped on a stack that a call for each of them
/// would not fit on; live modules stay nevertheless, since their code may be running.
#[test]
fn a_chain_of_ten_thousand_users_overflows_no_stack_and_outlives_its_loader() {
    const MODULES: usize = if cfg!(miri) { 10 } else { 10_000 };
    let loader = HostKernel::<X86_64>::new().boot();
    for number in 0..MODULES {
        let file = ModuleFile::<X86_64>::new(&format!("m{number}")).exports(&format!("f{number}"));
        let file = match number.checked_sub(1) {
            Some(used) => file.imports(&format!("f{used}")),
            None => file,
        };
        loader.load(&file.build()).unwrap();
    }
    let last = loader.find(format!("m{}", MODULES - 1).as_bytes()).unwrap();
    let small = thread::Builder::new().stack_size(128 << 10);
    small.spawn(move || drop(loader)).unwrap().join().unwrap();
    let (mut module, mut count) = (&*last, 1);
    while let Some(used) = module.uses().next() {
        (module, count) = (used, count + 1);
    }
    assert_eq!((count, module.name().as_bytes()), (MODULES, &b"m0"[..]));
    assert!(module.export(b"f0").is_some());
}

on_every_architecture! {
    fn a_user_counts_once_however_many_symbols_it_uses<A>() {
        let loader = with_provider_and_user::<A>();
        let modules = loader.platform().snapshot();
        let (provider, user) =
            (modules.module("provider").unwrap(), modules.module("user").unwrap());
        assert_eq!((provider.references, user.references), (1, 0));
        assert_eq!(provider.uses, [""; 0]);
        assert_eq!(user.uses, ["provider"]);

        let (provider, user) = (loader.find(b"provider").unwrap(), loader.find(b"user").unwrap());
        assert!(user.is_user_of(&provider));
        assert!(!provider.is_user_of(&user));
        assert_eq!((user.statistics().from_modules, user.statistics().from_kernel), (2, 0));
    }

    fn a_module_in_use_cannot_be_unloaded<A>() {
        let loader = with_provider_and_user::<A>();
        let before = loader.platform().snapshot();

        for force in [false, true] {
            let error = loader.unload(b"provider", force).unwrap_err();
            assert_eq!(error, UnloadError::UsedBy(b"user"[..].into()));
            assert_eq!(error.errno(), Errno::EWOULDBLOCK);
            assert!(error.to_string().contains("user"), "{error}");
        }
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_module_can_be_unloaded_after_its_users<A>() {
        let loader = with_provider_and_user::<A>();
        loader.unload(b"user", false).unwrap();
        assert_eq!(loader.platform().references("provider"), 0);
        loader.unload(b"provider", false).unwrap();

        assert_eq!(
            loader.platform().snapshot(),
            HostKernel::<A>::new().boot().platform().snapshot()
        );
    }

    fn every_user_counts<A>() {
        let loader = with_provider_and_user::<A>();
        let second = ModuleFile::<A>::new("second").imports("f").build();
        loader.load(&second).unwrap();
        assert_eq!(loader.platform().references("provider"), 2);

        loader.unload(b"user", false).unwrap();
        let error = loader.unload(b"provider", false).unwrap_err();
        assert_eq!(error, UnloadError::UsedBy(b"second"[..].into()));
    }

    fn a_chain_comes_apart_from_its_end_only<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        for file in [
            ModuleFile::<A>::new("a").exports("from_a"),
            ModuleFile::<A>::new("b").imports("from_a").exports("from_b"),
            ModuleFile::<A>::new("c").imports("from_b").imports("from_a"),
        ] {
            loader.load(&file.build()).unwrap();
        }
        assert_eq!(loader.platform().references("a"), 2);
        for name in [b"a", b"b"] {
            assert_eq!(loader.unload(name, false).unwrap_err().errno(), Errno::EWOULDBLOCK);
        }
        for name in [b"c", b"b", b"a"] {
            loader.unload(name, false).unwrap();
        }
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_user_gets_the_addresses_that_the_provider_exports<A>() {
        let loader = HostKernel::<A>::new().export("f").boot();
        let provider = ModuleFile::<A>::new("provider").exports("g").build();
        let user = ModuleFile::<A>::new("user").imports("f").imports("g").build();
        loader.load(&provider).unwrap();
        loader.load(&user).unwrap();
        let module = loader.find(b"user").unwrap();

        let kernel = loader.platform();
        let words = modlink_host::address_in(&module, &user, ".data");
        assert_eq!(
            kernel.peek_words(words, 2),
            [
                kernel.address_of("f"),
                loader.find(b"provider").unwrap().export(b"g").unwrap().address,
            ]
        );
        assert_eq!(module.statistics().from_kernel, 1);
        assert_eq!(module.statistics().from_modules, 1);
    }

    fn a_reference_keeps_a_module_loaded<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = ModuleFile::<A>::new("m").init().exit().build();
        loader.load(&file).unwrap();

        let first = loader.find(b"m").unwrap();
        let second = loader.find(b"m").unwrap();
        assert_eq!(second.references(), 2);
        let error = loader.unload(b"m", false).unwrap_err();
        assert_eq!(error, UnloadError::Referenced(2));
        assert_eq!(error.errno(), Errno::EWOULDBLOCK);

        drop(first);
        assert_eq!(loader.unload(b"m", false), Err(UnloadError::Referenced(1)));
        drop(second);
        assert_eq!(loader.platform().references("m"), 0);
        loader.unload(b"m", false).unwrap();
        assert!(loader.find(b"m").is_none());
    }

    fn a_reference_that_was_taken_early_outlives_a_failed_init<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        let early = Arc::new(Mutex::new(None));
        let kept = early.clone();
        loader.platform().on_init("m", move |loader| {
            *kept.lock().unwrap() = loader.find(b"m");
            -19
        });
        let file = ModuleFile::<A>::new("m").init().exit().build();

        loader.load(&file).unwrap_err();
        let reference = early.lock().unwrap().take().expect("a module that is coming can be held");
        assert_eq!(reference.state(), State::Going);
        assert!(loader.find(b"m").is_none());
        let core = reference.core();
        assert!(loader.platform().peek(core.start, 1).is_ok(), "its memory is there as long as it");
        loader.reap();
        assert_eq!(reference.core(), core, "it is held");

        drop(reference);
        assert!(loader.platform().peek(core.start, 1).is_ok(), "dropping frees nothing");
        loader.reap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn what_is_left_of_a_failed_init_is_freed_by_the_next_load<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kept = Arc::new(Mutex::new(None));
        let keeps = kept.clone();
        loader.platform().on_init("m", move |loader| {
            *keeps.lock().unwrap() = loader.find(b"m");
            -19
        });
        loader.load(&ModuleFile::<A>::new("m").init().build()).map(drop).unwrap_err();
        drop(kept.lock().unwrap().take());
        assert_eq!(loader.platform().snapshot().blocks.len(), 1);
        loader.load(&ModuleFile::<A>::new("n").build()).unwrap();
        let left = loader.platform().snapshot();
        assert_eq!((left.blocks.len(), left.modules.len()), (1, 1));
        loader.unload(b"n", false).unwrap();
    }

    fn every_clone_of_a_reference_counts<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.load(&ModuleFile::<A>::new("m").build()).unwrap();
        let first = loader.find(b"m").unwrap();
        let second = first.clone();
        assert_eq!(first.references(), 2);
        drop(first);
        assert_eq!(loader.unload(b"m", false), Err(UnloadError::Referenced(1)));
        drop(second);
        loader.unload(b"m", false).unwrap();
    }

    fn a_handle_gives_references_until_its_module_goes<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        let file = ModuleFile::<A>::new("m").init().exit().build();
        loader.load(&file).unwrap();
        let handle = loader.find(b"m").unwrap().handle();
        let copy = handle.clone();
        let reference = handle.try_get().unwrap();
        assert_eq!((reference.name().as_bytes(), reference.references()), (&b"m"[..], 1));
        drop(reference);
        let in_exit = copy.clone();
        loader.platform().on_exit("m", move |_| assert!(in_exit.try_get().is_none()));

        loader.unload(b"m", false).unwrap();
        assert_eq!(loader.platform().snapshot(), before, "a handle keeps nothing loaded");
        assert!(handle.try_get().is_none() && copy.try_get().is_none());
        loader.load(&file).unwrap();
        assert!(handle.try_get().is_none(), "another module of that name is another module");
        drop((handle, copy));
        loader.unload(b"m", false).unwrap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn what_a_module_used_can_be_unloaded_right_after_it_whoever_is_reading<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        drop(loader.load(&ModuleFile::<A>::new("provider").init().exit().exports("f").build()));
        drop(loader.load(&ModuleFile::<A>::new("user").init().exit().imports("f").build()));
        let mut visits = 0;
        loader.for_each(|module| {
            visits += 1;
            if visits == 1 {
                assert_eq!(module.name().as_bytes(), b"user");
                loader.unload(b"user", false).unwrap();
                assert_eq!(loader.platform().references("provider"), 0);
                loader.unload(b"provider", false).unwrap();
                assert_eq!(module.uses().count(), 0);
            }
        });
        assert_eq!(visits, 1, "the other is gone");
        loader.reap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn who_visits_modules_may_load_and_unload_them<A>() {
        let loader = HostKernel::<A>::new().boot();
        let before = loader.platform().snapshot();
        for name in ["a", "b"] {
            loader.load(&ModuleFile::<A>::new(name).build()).unwrap();
        }
        let new = ModuleFile::<A>::new("new").exports("f").build();
        let mut seen = Vec::new();
        loader.for_each(|module| {
            seen.push(module.name().to_string());
            if module.name().as_bytes() == b"b" {
                loader.load(&new).unwrap();
                loader.unload(b"b", false).unwrap();
                assert_eq!(module.state(), State::Going);
                assert!(module.core().start > 0, "it is there as long as it is visited");
                assert!(loader.find(b"b").is_none() && loader.symbol(b"f").is_some());
            }
        });
        assert_eq!(seen, ["b", "a"], "as they were at the call");
        loader.unload(b"a", false).unwrap();
        loader.unload(b"new", false).unwrap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn users_are_told_of_before_references_and_those_before_a_missing_exit_function<A>() {
        let loader = HostKernel::<A>::new().boot();
        let provider = ModuleFile::<A>::new("provider").init().exports("f").build();
        let user = ModuleFile::<A>::new("user").imports("f").build();
        loader.load(&provider).unwrap();
        loader.load(&user).unwrap();
        let reference = loader.find(b"provider").unwrap();

        let errno = |force| loader.unload(b"provider", force).unwrap_err().errno();
        for force in [false, true] {
            let why = "used, without exit function, referenced";
            assert_eq!(errno(force), Errno::EWOULDBLOCK, "{why}");
        }
        loader.unload(b"user", false).unwrap();
        assert_eq!(errno(false), Errno::EBUSY, "without exit function, referenced");
        loader.unload(b"provider", true).unwrap();
        drop(reference);
    }

    fn a_symbol_that_is_looked_up_keeps_its_module_loaded<A>() {
        let loader = HostKernel::<A>::new().export("of_the_kernel").boot();
        let file = ModuleFile::<A>::new("m").exports("of_the_module").build();
        loader.load(&file).unwrap();

        let kernel = loader.symbol(b"of_the_kernel").unwrap();
        assert!(kernel.owner.is_none());
        assert_eq!(kernel.address, loader.platform().address_of("of_the_kernel"));

        let exported = loader.symbol(b"of_the_module").unwrap();
        assert_eq!(
            exported.address,
            loader.platform().look("m", |m| m.export(b"of_the_module").unwrap().address)
        );
        assert_eq!(loader.unload(b"m", false), Err(UnloadError::Referenced(1)));
        drop(exported);
        loader.unload(b"m", false).unwrap();
        assert!(loader.symbol(b"of_the_module").is_none());
    }

    fn the_exports_of_a_module_that_is_coming_are_busy<A>() {
        let loader = HostKernel::<A>::new().boot();
        let provider = ModuleFile::<A>::new("provider").init().exit().exports("f").build();
        let user = ModuleFile::<A>::new("user").imports("f").build();
        loader.platform().on_init("provider", move |loader| {
            let during = loader.platform().snapshot();
            let error = loader.load(&user).unwrap_err();
            let LoadError::Import { symbol, problem } = &error else {
                panic!("{error}");
            };
            assert_eq!(symbol.name.as_bytes(), b"f");
            assert_eq!(*problem, ImportProblem::Coming(b"provider"[..].into()));
            assert_eq!(error.errno(), Errno::EBUSY);
            assert_eq!(loader.platform().snapshot(), during);
            0
        });
        loader.load(&provider).unwrap();
        assert_eq!(loader.platform().references("provider"), 0);
    }

    fn the_exports_of_a_module_that_is_going_are_gone<A>() {
        let loader = HostKernel::<A>::new().boot();
        let provider = ModuleFile::<A>::new("provider").init().exit().exports("f").build();
        let user = ModuleFile::<A>::new("user").imports("f").build();
        loader.load(&provider).unwrap();
        loader.platform().on_exit("provider", move |loader| {
            let error = loader.load(&user).unwrap_err();
            assert_eq!(error.errno(), Errno::ENOENT);
            assert!(error.to_string().contains("provider"), "{error}");
            assert!(loader.symbol(b"f").is_none());
        });
        loader.unload(b"provider", false).unwrap();
        assert_eq!(loader.platform().names(), [""; 0]);
    }

    fn an_init_function_that_fails_puts_the_references_of_its_module<A>() {
        let loader = HostKernel::<A>::new().boot();
        let provider = ModuleFile::<A>::new("provider").exports("f").build();
        loader.load(&provider).unwrap();
        let before = loader.platform().snapshot();
        loader.platform().on_init("user", |loader| {
            assert_eq!(loader.platform().references("provider"), 1);
            assert_eq!(loader.unload(b"provider", false).unwrap_err().errno(), Errno::EWOULDBLOCK);
            -5
        });
        let user = ModuleFile::<A>::new("user").init().exit().imports("f").build();

        let error = loader.load(&user).unwrap_err();
        assert_eq!(error.errno(), Errno::EIO);
        assert_eq!(loader.platform().snapshot(), before);
        loader.unload(b"provider", false).unwrap();
    }

    fn who_holds_a_module_whose_init_failed_holds_its_core_part_alone<A>() {
        let loader = HostKernel::<A>::new().boot();
        let provider = ModuleFile::<A>::new("provider").exports("f").build();
        loader.load(&provider).unwrap();
        let before = loader.platform().snapshot();
        let held = Arc::new(Mutex::new(None));
        let holds = held.clone();
        loader.platform().on_init("user", move |loader| {
            let module = loader.find(b"user").unwrap();
            assert!(module.init().is_some());
            *holds.lock().unwrap() = Some(module);
            -5
        });
        let user = ModuleFile::<A>::new("user").init().imports("f").exports("g").build();
        loader.load(&user).unwrap_err();

        let module = held.lock().unwrap().take().unwrap();
        assert_eq!((module.state(), module.init()), (State::Going, None));
        assert!(loader.find(b"user").is_none() && loader.symbol(b"g").is_none());
        let during = loader.platform().snapshot();
        assert_eq!(during.bytes(), before.bytes() + module.statistics().core);
        drop(module);
        loader.reap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_link_that_fails_gives_its_references_back<A>() {
        let loader = HostKernel::<A>::new().boot();
        let provider = ModuleFile::<A>::new("provider").exports("f").build();
        loader.load(&provider).unwrap();
        let before = loader.platform().snapshot();

        let user = ModuleFile::<A>::new("user").imports("f").imports("nobody_has_it").build();
        loader.load(&user).unwrap_err();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_module_that_is_going_is_held_until_its_exit_function_has_returned<A>() {
        let loader = with_provider_and_user::<A>();
        let seen = Arc::new(Mutex::new(None));
        let record = seen.clone();
        let weak = Arc::downgrade(&loader);
        loader.platform().on_event(move |_, event, module| {
            if event == Event::Going && module.name().as_bytes() == b"user" {
                let rejected = weak.upgrade().unwrap().unload(b"provider", false);
                *record.lock().unwrap() = Some(rejected);
            }
        });
        loader.unload(b"user", false).unwrap();
        let rejected = seen.lock().unwrap().take().unwrap();
        assert_eq!(rejected.unwrap_err().errno(), Errno::EWOULDBLOCK);
    }

    fn real_modules_use_each_other<A>() {
        let (fat, vfat) = (corpus::module::<A>("fat"), corpus::module::<A>("vfat"));
        let from_fat = corpus::exported_symbols(&fat);
        let from_fat: Vec<_> = from_fat.iter().map(String::as_str).collect();
        let loader = HostKernel::<A>::new()
            .export_all_for(&fat, &[])
            .export_all_for(&vfat, &from_fat)
            .boot();
        let before = loader.platform().snapshot();

        loader.load(&vfat).expect_err("fat is not there yet");
        assert_eq!(loader.platform().snapshot(), before);
        loader.load(&fat).unwrap();
        loader.load(&vfat).unwrap();

        assert!(loader.find(b"vfat").unwrap().statistics().from_modules > 3);
        assert_eq!(loader.platform().snapshot().module("vfat").unwrap().uses, ["fat"]);
        let error = loader.unload(b"fat", false).unwrap_err();
        assert_eq!(error, UnloadError::UsedBy(b"vfat"[..].into()));
        loader.unload(b"vfat", false).unwrap();
        loader.unload(b"fat", false).unwrap();
        assert_eq!(loader.platform().snapshot(), before);
    }

    fn a_real_tree_of_modules_is_used_as_modpost_says<A>() {
        let root = if A::NAME == "m68k" { "vfat" } else { "nfsv4" };
        let mut files = Vec::new();
        collect_with_needed::<A>(root, &mut files);
        let exported = files.iter().flat_map(|(_, file)| corpus::exported_symbols(file));
        let exported: Vec<_> = exported.collect();
        let exported: Vec<_> = exported.iter().map(String::as_str).collect();
        let kernel = HostKernel::<A>::new();
        let loader = files
            .iter()
            .fold(kernel, |kernel, (_, file)| kernel.export_all_for(file, &exported))
            .boot();
        let before = loader.platform().snapshot();

        for (name, file) in &files {
            loader.load(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let loaded = loader.platform().snapshot();
        let mut users = BTreeMap::<_, u32>::new();
        for (name, file) in &files {
            let uses = loaded.module(name).unwrap().uses.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!(uses, corpus::needed_modules(file), "{name}");
            uses.into_iter().for_each(|used| *users.entry(used).or_default() += 1);
        }
        for (name, _) in &files {
            let references = loaded.module(name).unwrap().references;
            assert_eq!(references, users.get(name).copied().unwrap_or(0), "{name}");
        }

        for (name, _) in files.iter().rev() {
            for (used, _) in files.iter().filter(|(used, _)| users.contains_key(used)) {
                if loader.platform().references(used) > 0 {
                    let error = loader.unload(used.as_bytes(), true).unwrap_err();
                    assert_eq!(error.errno(), Errno::EWOULDBLOCK);
                }
            }
            loader.unload(name.as_bytes(), true).unwrap();
            users.remove(name);
        }
        assert_eq!(loader.platform().snapshot(), before);
    }
}

/// Adds a real module to `files`, those that it needs before it.
fn collect_with_needed<A: modlink::arch::Arch>(name: &str, files: &mut Vec<(String, Vec<u8>)>) {
    if files.iter().any(|(there, _)| there == name) {
        return;
    }
    let file = corpus::module::<A>(name);
    for needed in corpus::needed_modules(&file) {
        collect_with_needed::<A>(&needed, files);
    }
    files.push((name.to_owned(), file));
}
