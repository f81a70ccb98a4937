//! Which symbols a module may use, and which it may export.

use modlink::arch::Arch;
use modlink::link::UnknownSymbols;
use modlink::module::{MAX_NAMESPACES, ModInfoProblem};
use modlink::platform::Provision;
use modlink::symbols::{ExportProblem, KsymtabError, MAX_OUTSIDE};
use modlink::{Errno, ImportProblem, LoadError, Platform, image};
use modlink_host::{HostKernel, HostLoader, ModuleFile, address_in, corpus, on_every_architecture};
use object::SectionKind;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Loads a file that must be rejected, and checks that this leaves nothing behind.
fn rejection<A: Arch>(loader: &Arc<HostLoader<A>>, file: &ModuleFile<A>) -> LoadError {
    let before = loader.platform().snapshot();
    let error = loader.load(&file.build()).unwrap_err();
    assert_eq!(loader.platform().snapshot(), before, "{error}");
    error
}

/// The reason for which a symbol is rejected, with its name.
fn reason(error: &LoadError) -> (String, ImportProblem) {
    match error {
        LoadError::Import { symbol, problem } => (symbol.name.to_string(), problem.clone()),
        other => panic!("not for a symbol, but: {other}"),
    }
}

/// The values of the words that a hand-made module has for its imports.
fn imported<A: Arch>(loader: &HostLoader<A>, file: &ModuleFile<A>, count: usize) -> Vec<u64> {
    loader.load(&file.build()).unwrap();
    let mut last = None;
    loader.for_each(|module| last = last.or(Some(address_in(module, &file.build(), ".data"))));
    loader.platform().peek_words(last.expect("it is listed first"), count)
}

fn proprietary<A: Arch>(name: &str) -> ModuleFile<A> {
    ModuleFile::new(name).says("license", "Proprietary")
}

on_every_architecture! {
    fn a_kernel_whose_table_is_broken_says_so_to_whatever_is_loaded<A>() {
        for error in [
            KsymtabError::Duplicate("zebra"),
            KsymtabError::Unnamed(7),
            KsymtabError::NameTooLong("zebra"),
            KsymtabError::Size(83),
            KsymtabError::Collision("zebra"),
        ] {
            let loader = HostKernel::<A>::new().with_broken_ksymtab(error).boot();
            let needs_nothing = ModuleFile::<A>::new("m");
            let needs_a_symbol = ModuleFile::<A>::new("m").imports("zebra");
            for file in [needs_nothing, needs_a_symbol] {
                let said = loader.load(&file.build()).unwrap_err();
                assert_eq!(said, LoadError::Ksymtab(error));
                assert_eq!((said.errno(), said.to_string()), (Errno::EINVAL, error.to_string()));
                assert_eq!(loader.platform().take_trace(), []);
            }
            assert!(loader.symbol(b"zebra").is_none());
        }
        let loader = HostKernel::<A>::new().with_broken_ksymtab(KsymtabError::OutOfMemory).boot();
        let said = loader.load(&ModuleFile::<A>::new("m").build()).unwrap_err();
        assert_eq!(said, LoadError::OutOfMemory);
    }

    fn an_unknown_symbol_is_named<A>() {
        let loader = HostKernel::<A>::new().boot();
        let error = rejection(&loader, &ModuleFile::new("m").imports("nobody_has_it"));
        assert!(matches!(&error, LoadError::UnknownSymbols(_)), "{error:?}");
        assert_eq!(error.errno(), Errno::ENOENT);
        assert!(error.to_string().contains("nobody_has_it"), "{error}");
    }

    fn all_unknown_symbols_are_told_at_once_and_the_first_are_named<A>() {
        let loader = HostKernel::<A>::new().export("known").boot();
        for count in [1, 2, 16, 17, 1000] {
            let names: Vec<_> = (0..count).map(|number| format!("missing_{number}")).collect();
            let mut file = ModuleFile::<A>::new("m").imports("known").imports_weakly("weak");
            for name in &names {
                file = file.imports(name);
            }
            let error = rejection(&loader, &file);
            let LoadError::UnknownSymbols(unknown) = &error else {
                panic!("{error:?}");
            };
            assert_eq!(unknown.count, count);
            let first = unknown.first.iter().map(|symbol| symbol.name.to_string());
            let named = count.min(UnknownSymbols::NAMED);
            assert_eq!(first.collect::<Vec<_>>(), names[..named]);
            assert_eq!(error.errno(), Errno::ENOENT);
            let text = error.to_string();
            let more = format!("and {} more", count.saturating_sub(named));
            assert_eq!(text.contains(&more), count > named, "{text}");
            assert!(text.len() < 1024 && !text.contains('\n'), "{text}");
        }
    }

    fn a_weak_symbol_that_nobody_has_is_zero<A>() {
        let loader = HostKernel::<A>::new().export("here").boot();
        let file = ModuleFile::new("m").imports_weakly("nobody_has_it").imports_weakly("here");
        let here = loader.platform().address_of("here");
        assert_eq!(imported(&loader, &file, 2), [0, here]);
        assert_eq!(loader.find(b"m").unwrap().statistics().from_kernel, 1);
    }

    fn a_symbol_for_the_gpl_is_not_there_for_others<A>() {
        let loader = HostKernel::<A>::new().export_gpl("for_the_gpl").boot();
        let error = rejection(&loader, &proprietary("m").imports("for_the_gpl"));
        assert_eq!(reason(&error), ("for_the_gpl".into(), ImportProblem::GplOnly));
        assert_eq!(error.errno(), Errno::ENOENT);

        let provider = ModuleFile::<A>::new("provider").exports_gpl("of_a_module");
        loader.load(&provider.build()).unwrap();
        let error = rejection(&loader, &proprietary("m").imports("of_a_module"));
        assert_eq!(reason(&error), ("of_a_module".into(), ImportProblem::GplOnly));
    }

    fn a_weak_symbol_for_the_gpl_is_zero_for_others<A>() {
        let loader = HostKernel::<A>::new().export_gpl("for_the_gpl").boot();
        let file = proprietary("m").imports_weakly("for_the_gpl");
        assert_eq!(imported(&loader, &file, 1), [0]);
    }

    fn licences_count_as_linux_counts_them<A>() {
        let compatible = [
            "GPL",
            "GPL v2",
            "GPL and additional rights",
            "Dual BSD/GPL",
            "Dual MIT/GPL",
            "Dual MPL/GPL",
        ];
        let not = ["Proprietary", "BSD", "MIT", "gpl", "GPL v3", "GPL ", "", "Dual GPL"];
        let all = compatible.iter().map(|license| (license, true));
        for (license, is_compatible) in all.chain(not.iter().map(|license| (license, false))) {
            let loader = HostKernel::<A>::new().export_gpl("for_the_gpl").boot();
            let file = ModuleFile::<A>::new("m").says("license", license);
            loader.load(&file.build()).unwrap();
            let module = loader.find(b"m").unwrap();
            assert_eq!(module.is_gpl_compatible(), is_compatible, "{license:?}");

            let user = ModuleFile::<A>::new("user").says("license", license).imports("for_the_gpl");
            let used = loader.load(&user.build()).is_ok();
            assert_eq!(used, is_compatible, "{license:?}");
        }
    }

    fn a_namespace_has_to_be_imported<A>() {
        let loader = HostKernel::<A>::new().export_in("INNER", "secret").boot();
        let provider = ModuleFile::<A>::new("provider").exports_in("OTHER", "of_a_module");
        loader.load(&provider.build()).unwrap();

        for (symbol, namespace) in [("secret", "INNER"), ("of_a_module", "OTHER")] {
            for file in [
                ModuleFile::<A>::new("m").imports(symbol),
                ModuleFile::<A>::new("m").imports(symbol).says("import_ns", "INNE"),
                ModuleFile::<A>::new("m").imports(symbol).says("import_ns", "INNER_AND_MORE"),
                ModuleFile::<A>::new("m").imports_weakly(symbol),
            ] {
                let error = rejection(&loader, &file);
                let expected = ImportProblem::Namespace(namespace.as_bytes().into());
                assert_eq!(reason(&error), (symbol.into(), expected));
                assert_eq!(error.errno(), Errno::EINVAL);
                assert!(error.to_string().contains(namespace), "{error}");
            }
        }
        let file = ModuleFile::<A>::new("m")
            .says("import_ns", "INNER")
            .says("import_ns", "OTHER")
            .imports("secret")
            .imports("of_a_module");
        let secret = loader.platform().address_of("secret");
        assert_eq!(imported(&loader, &file, 2)[0], secret);
    }

    fn a_module_may_import_as_many_namespaces_as_are_compared_with_each_symbol<A>() {
        let loader = HostKernel::<A>::new().export_in("INNER", "secret").boot();
        let importing = |count: usize| {
            let file = ModuleFile::<A>::new("m").imports("secret");
            let others = (1..count).map(|number| format!("OTHER_{number}"));
            others.fold(file, |file, other| file.says("import_ns", &other))
        };
        for count in [1, 2, MAX_NAMESPACES] {
            let file = importing(count).says("import_ns", "INNER");
            loader.load(&file.build()).unwrap();
            loader.unload(b"m", false).unwrap();
        }
        // The same, imported by each of a module's source files.
        let often = (0..100).fold(importing(MAX_NAMESPACES), |file, _| file.says("import_ns", "INNER"));
        loader.load(&often.build()).unwrap();
        loader.unload(b"m", false).unwrap();
        for count in [MAX_NAMESPACES + 1, 1000] {
            let error = rejection(&loader, &importing(count).says("import_ns", "INNER"));
            assert_eq!(error, LoadError::ModInfo(ModInfoProblem::Namespaces));
            assert_eq!(error.errno(), Errno::ENOEXEC);
            assert!(error.to_string().contains(&MAX_NAMESPACES.to_string()), "{error}");
        }
    }

    fn the_kernels_symbols_come_before_those_of_modules<A>() {
        let loader = HostKernel::<A>::new().export("a").boot();
        let provider = ModuleFile::<A>::new("provider").exports("b");
        loader.load(&provider.build()).unwrap();
        let user = ModuleFile::<A>::new("user").imports("a").imports("b");
        let [a, b] = imported(&loader, &user, 2)[..] else { panic!() };
        assert_eq!(a, loader.platform().address_of("a"));
        assert_eq!(b, loader.find(b"provider").unwrap().export(b"b").unwrap().address);
    }

    fn a_symbol_that_the_kernel_exports_cannot_be_exported_again<A>() {
        let loader = HostKernel::<A>::new().export("taken").export_gpl("taken_too").boot();
        for name in ["taken", "taken_too"] {
            for file in [
                ModuleFile::<A>::new("m").exports("free").exports(name),
                ModuleFile::<A>::new("m").exports_gpl(name),
                ModuleFile::<A>::new("m").exports_in("NAMESPACE", name),
            ] {
                let error = rejection(&loader, &file);
                let symbol = name.as_bytes().into();
                assert_eq!(error, LoadError::Duplicate { symbol, owner: None });
                assert_eq!(error.errno(), Errno::ENOEXEC);
                let says = format!("exported symbol {name} exists already, in the kernel");
                assert_eq!(error.to_string(), says);
            }
        }
    }

    fn a_symbol_that_a_module_exports_cannot_be_exported_again<A>() {
        let loader = HostKernel::<A>::new().boot();
        let first = ModuleFile::<A>::new("first").exports("f").exports_gpl("g");
        loader.load(&first.build()).unwrap();

        for name in ["f", "g"] {
            for file in [
                ModuleFile::<A>::new("second").exports(name),
                ModuleFile::<A>::new("second").exports_gpl(name),
            ] {
                let error = rejection(&loader, &file);
                let (symbol, owner) = (name.as_bytes().into(), Some(b"first"[..].into()));
                assert_eq!(error, LoadError::Duplicate { symbol, owner });
                let says = format!("exported symbol {name} exists already, in module first");
                assert_eq!(error.to_string(), says);
            }
        }
        loader.unload(b"first", false).unwrap();
        let second = ModuleFile::<A>::new("second").exports("f").exports_gpl("g");
        loader.load(&second.build()).unwrap();
    }

    fn a_symbol_that_is_not_exported_is_not_found<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = ModuleFile::<A>::new("m").init().exit().exports("f");
        loader.load(&file.build()).unwrap();
        let module = loader.find(b"m").unwrap();
        assert!(module.export(b"init_module").is_none());
        assert!(module.export(b"").is_none());
        assert!(module.export(b"f\0").is_none());
        assert!(loader.symbol(b"cleanup_module").is_none());
        assert!(loader.symbol(b"f").is_some());
    }

    fn exports_say_what_they_are<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = ModuleFile::<A>::new("m")
            .exports("z")
            .exports_gpl("y")
            .exports_in("NAMESPACE", "x")
            .exports("a");
        loader.load(&file.build()).unwrap();
        let module = loader.find(b"m").unwrap();
        let code = address_in(&module, &file.build(), ".text.exports");
        let mut all: Vec<_> = module
            .exports()
            .map(|symbol| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                (text(symbol.name), symbol.address - code, symbol.gpl_only, text(symbol.namespace))
            })
            .collect();
        all.sort();
        assert_eq!(
            all,
            [
                ("a".into(), 3, false, "".into()),
                ("x".into(), 2, false, "NAMESPACE".into()),
                ("y".into(), 1, true, "".into()),
                ("z".into(), 0, false, "".into()),
            ]
        );
    }

    fn real_modules_export_what_their_files_say<A>() {
        for name in ["crc7", "libarc4", "libdes", "lz4_compress", "fat"] {
            let file = corpus::module::<A>(name);
            let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
            loader.load(&file).unwrap();
            let module = loader.find(name.as_bytes()).unwrap();

            let exported: BTreeSet<_> = module
                .exports()
                .map(|symbol| String::from_utf8(symbol.name.to_vec()).unwrap())
                .collect();
            assert_eq!(exported, corpus::exported_symbols(&file), "{name}");
            assert!(!exported.is_empty());
            for symbol in module.exports() {
                let found = loader.symbol(symbol.name).unwrap();
                assert_eq!(found.address, symbol.address);
                assert!(module.core().contains(&symbol.address), "{symbol:x?}");
            }
        }
    }

    fn a_licence_ends_at_its_nul<A>() {
        for (license, is_compatible) in [
            ("GPL\0for=the files in the GPL directory", true),
            ("GPL\0license=Proprietary", true),
            ("Proprietary\0license=GPL", false),
            ("GP\0L=", false),
        ] {
            let loader = HostKernel::<A>::new().export_gpl("for_the_gpl").boot();
            let file = ModuleFile::<A>::new("m").says("license", license);
            loader.load(&file.build()).unwrap();
            assert_eq!(loader.find(b"m").unwrap().is_gpl_compatible(), is_compatible, "{license:?}");
            let file = ModuleFile::<A>::new("user").says("license", license);
            let file = file.imports("for_the_gpl").build();
            assert_eq!(loader.load(&file).is_ok(), is_compatible, "{license:?}");
        }
    }

    fn a_flag_says_which_exports_are_for_the_gpl<A>() {
        let loader = HostKernel::<A>::new().boot();
        // Other bits mean nothing; the names are in the order of the table.
        let file = ModuleFile::<A>::new("m")
            .exports("a")
            .exports("b")
            .exports("c")
            .exports("d")
            .exports_gpl("e")
            .export_flags(&[1, 0, 0xfe, 0xff]);
        loader.load(&file.build()).unwrap();
        let module = loader.find(b"m").unwrap();
        let gpl_only: Vec<_> = module.exports().map(|symbol| symbol.gpl_only).collect();
        assert_eq!(gpl_only, [true, false, false, true, true]);
        for (name, is_gpl_only) in ["a", "b", "c", "d", "e"].into_iter().zip(gpl_only) {
            let symbol = module.export(name.as_bytes()).unwrap();
            assert_eq!(symbol.gpl_only, is_gpl_only, "{name}");
            loader.load(&ModuleFile::<A>::new("gpl").imports(name).build()).unwrap();
            loader.unload(b"gpl", false).unwrap();
            let other = proprietary("other").imports(name);
            if is_gpl_only {
                let error = rejection(&loader, &other);
                assert_eq!(reason(&error), (name.into(), ImportProblem::GplOnly));
                assert_eq!(error.errno(), Errno::ENOENT);
            } else {
                loader.load(&other.build()).unwrap();
                loader.unload(b"other", false).unwrap();
            }
        }
    }

    fn there_is_a_flag_for_each_export<A>() {
        let loader = HostKernel::<A>::new().boot();
        let two = ModuleFile::<A>::new("m").exports("a").exports("b").exports_gpl("c");
        let none = ModuleFile::<A>::new("m").exports_gpl("c");
        for (file, flags, exports) in
            [(&two, 1, 2), (&two, 3, 2), (&two, 0, 2), (&none, 1, 0), (&none, 3, 0)]
        {
            let error = rejection(&loader, &file.clone().export_flags(&vec![0; flags]));
            assert_eq!(error, LoadError::Export(ExportProblem::Flags { flags, exports }));
            assert_eq!(error.errno(), Errno::ENOEXEC);
            assert!(error.to_string().contains("__kflagstab"), "{error}");
        }
        for kind in [SectionKind::Data, SectionKind::UninitializedData, SectionKind::Text] {
            let error = rejection(&loader, &two.clone().section("__kflagstab", kind, &[0; 2], 1));
            assert_eq!(error, LoadError::Export(ExportProblem::Table("__kflagstab")));
        }
        let twice = two.section("__kflagstab", SectionKind::ReadOnlyData, &[0; 2], 1);
        let error = rejection(&loader, &twice.export_flags(&[1; 2]));
        let LoadError::Image(image::Error::Section { section, problem }) = &error else {
            panic!("{error}");
        };
        assert_eq!(section.name.to_string(), "__kflagstab");
        assert_eq!(*problem, image::SectionProblem::Repeated);
    }

    fn a_namespace_of_modules_is_for_those_that_it_names<A>() {
        let names = "module:first-one,second_*";
        let loader = HostKernel::<A>::new().export_in(names, "of_the_kernel").boot();
        let owner = ModuleFile::<A>::new("owner").exports_in(names, "of_a_module");
        loader.load(&owner.build()).unwrap();
        for symbol in ["of_the_kernel", "of_a_module"] {
            for name in ["first-one", "first_one", "second_", "second-", "second_and_more"] {
                let file = ModuleFile::<A>::new(name).imports(symbol).build();
                loader.load(&file).unwrap();
                loader.unload(name.as_bytes(), false).unwrap();
            }
            for name in ["first", "first-one-and-more", "second", "module", "owner2", "third"] {
                let error = rejection(&loader, &ModuleFile::new(name).imports(symbol));
                let expected = ImportProblem::Namespace(names.as_bytes().into());
                assert_eq!(reason(&error), (symbol.into(), expected));
                assert_eq!(error.errno(), Errno::EINVAL);
                assert!(error.to_string().contains(names), "{error}");
            }
        }
    }

    fn nobody_imports_a_namespace_of_modules<A>() {
        let names = "module:first,second";
        let loader = HostKernel::<A>::new().export_in(names, "named").export("free").boot();
        for (name, symbol) in [("third", "named"), ("first", "named"), ("third", "free")] {
            for import in [names, "module:", "module:third"] {
                let file = ModuleFile::new(name).says("import_ns", "OTHER");
                let error = rejection(&loader, &file.says("import_ns", import).imports(symbol));
                assert_eq!(error, LoadError::ModuleNamespace(import.as_bytes().into()));
                assert_eq!(error.errno(), Errno::EPERM);
                assert!(error.to_string().contains(import), "{error}");
            }
        }
        let file = ModuleFile::<A>::new("third").says("import_ns", "module");
        loader.load(&file.build()).unwrap();
    }

    fn who_uses_a_proprietary_module_is_proprietary_itself<A>() {
        let loader = HostKernel::<A>::new().export_gpl("for_the_gpl").export("free").boot();
        for file in [
            proprietary::<A>("owner").exports("of_owner").exports_gpl("gpl_of_owner"),
            ModuleFile::new("shim").imports("of_owner").exports("of_shim"),
            ModuleFile::new("second").imports("free").imports("of_shim").exports("of_second"),
            ModuleFile::new("gpl").exports("of_gpl").exports_gpl("gpl_of_gpl"),
            ModuleFile::new("clean").imports("for_the_gpl").imports("of_gpl").imports("gpl_of_gpl"),
        ] {
            loader.load(&file.build()).unwrap();
        }
        for (name, is_compatible) in
            [("owner", false), ("shim", false), ("second", false), ("gpl", true), ("clean", true)]
        {
            let module = loader.find(name.as_bytes()).unwrap();
            assert_eq!(module.is_gpl_compatible(), is_compatible, "{name}");
        }

        let owners = [("of_owner", "owner"), ("of_shim", "shim"), ("of_second", "second")];
        for (symbol, owner) in owners {
            for gpl_only in ["for_the_gpl", "gpl_of_gpl"] {
                // Whichever the loader comes upon first.
                for [first, second] in [[symbol, gpl_only], [gpl_only, symbol]] {
                    let file = ModuleFile::new("m").imports(first).imports("free").imports(second);
                    let error = rejection(&loader, &file);
                    let expected = ImportProblem::Proprietary(owner.as_bytes().into());
                    assert_eq!(reason(&error), (second.into(), expected));
                    assert_eq!(error.errno(), Errno::ENOENT);
                    assert!(error.to_string().contains(owner), "{error}");

                    let weakly = ModuleFile::new("m").imports_weakly(first).imports_weakly(second);
                    assert_eq!(rejection(&loader, &weakly).errno(), Errno::ENOENT);
                }
            }
            let file = proprietary::<A>("m").imports(symbol).imports_weakly("for_the_gpl");
            loader.load(&file.build()).unwrap();
            loader.unload(b"m", false).unwrap();
        }
        let error = rejection(&loader, &ModuleFile::new("m").imports("gpl_of_owner"));
        assert_eq!(reason(&error).1, ImportProblem::Proprietary(b"owner"[..].into()));
    }

    fn what_is_exported_stays_or_is_absolute<A>() {
        let near = 0xffff_ffff & HostKernel::<A>::new().kernel().start();
        let absolute = if A::NAME == "x86_64" { 0xffff_ffff_0000_0000 | near } else { near };
        let file = ModuleFile::<A>::new("m")
            .section(".init.data", SectionKind::Data, &[1; 64], 4)
            .section(".data.m", SectionKind::Data, &[1; 64], 4)
            .section(".bss.m", SectionKind::UninitializedData, &[0; 64], 4);
        let loader = HostKernel::<A>::new().export("of_the_kernel").boot();
        let kept = file
            .clone()
            .exports("in_text")
            .exports_at(".data.m", 0, "at_start")
            .exports_at(".data.m", 64, "at_end")
            .exports_at(".bss.m", 64, "at_end_of_bss")
            .exports_absolute(absolute, "absolute");
        loader.load(&kept.build()).unwrap();
        assert_eq!(loader.symbol(b"absolute").unwrap().address, absolute);
        loader.unload(b"m", false).unwrap();

        for (rejected, name) in [
            (file.clone().exports_at(".init.data", 0, "f"), "f"),
            (file.clone().exports_at(".init.data", 32, "f").exports("g"), "f"),
            (file.clone().exports_imported("of_the_kernel"), "of_the_kernel"),
            (file.clone().exports_at(".data.m", 1 << 20, "far"), "far"),
        ] {
            let error = rejection(&loader, &rejected);
            // A symbol outside its section may be rejected for that alone.
            if matches!(error, LoadError::Image(_)) && name == "far" {
                continue;
            }
            assert_eq!(error, LoadError::Export(ExportProblem::Value(name.as_bytes().into())));
            assert_eq!(error.errno(), Errno::ENOEXEC);
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    fn as_many_exports_may_be_absolute_as_are_looked_up_among_the_relocations<A>() {
        let loader = HostKernel::<A>::new().boot();
        let near = 0xffff_ffff & HostKernel::<A>::new().kernel().start();
        let absolute = if A::NAME == "x86_64" { 0xffff_ffff_0000_0000 | near } else { near };
        let exporting = |count: usize| {
            let file = ModuleFile::<A>::new("m").exports("own").exports_gpl("own_too");
            let names = (1..=count).map(|number| format!("absolute_{number:04}"));
            names.fold(file, |file, name| file.exports_absolute(absolute, &name))
        };
        for count in [1, MAX_OUTSIDE] {
            loader.load(&exporting(count).build()).unwrap();
            assert_eq!(loader.find(b"m").unwrap().exports().count(), count + 2);
            loader.unload(b"m", false).unwrap();
        }
        for count in [MAX_OUTSIDE + 1, 1000] {
            let error = rejection(&loader, &exporting(count));
            let name = format!("absolute_{:04}", MAX_OUTSIDE + 1);
            assert_eq!(error, LoadError::Export(ExportProblem::Outside(name.as_bytes().into())));
            assert_eq!(error.errno(), Errno::ENOEXEC);
            assert!(error.to_string().contains(&format!("more than {MAX_OUTSIDE}")), "{error}");
        }
    }

    fn the_end_of_a_full_page_may_be_exported<A>() {
        let size = 4096;
        let file = ModuleFile::<A>::new("m")
            .without_this_module()
            .section(".data.m", SectionKind::Data, &vec![1; size], 4)
            .section(".init.data", SectionKind::Data, &[1; 64], 4)
            .exports_at(".data.m", size as u64, "end");
        let loader = HostKernel::<A>::new().boot();
        loader.load(&file.build()).unwrap();
        let module = loader.find(b"m").unwrap();
        assert_eq!(module.export(b"end").unwrap().address, module.core().end);
    }

    fn exports_that_no_linker_script_has_seen_are_rejected<A>() {
        let loader = HostKernel::<A>::new().with_all_sections(Provision::Missing).boot();
        for name in ["___ksymtab+f", "___ksymtab_gpl+f", ".export_symbol"] {
            let file = ModuleFile::new("m").section(name, SectionKind::ReadOnlyData, &[0; 12], 4);
            let error = rejection(&loader, &file);
            assert!(matches!(&error, LoadError::Unsupported { .. }), "{error}");
            assert_eq!(error.errno(), Errno::ENOEXEC);
            for part in [name, "module.ld"] {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
        for name in [".exit", "__ksymtab_strings", ".exports", "export.f"] {
            let file = ModuleFile::<A>::new("m").section(name, SectionKind::ReadOnlyData, b"f\0", 1);
            loader.load(&file.build()).unwrap();
            loader.unload(b"m", false).unwrap();
        }
    }
}
