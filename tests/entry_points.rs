//! Which functions of a module are run: those that `struct module` holds, or else those of the
//! right names.

use modlink::arch::Arch;
use modlink::module::EntryProblem::{self, Contradiction, NotInCode, Undecided};
use modlink::{Errno, LoadError};
use modlink_host::{FUNCTION, HostKernel, ModuleFile, Seen, address_in, on_every_architecture};

/// Where Linux's `struct module` has its init and exit function: the offsets of Debian's kernels.
fn offsets<A: Arch>() -> [u64; 2] {
    match A::NAME {
        "x86_64" => [312, 848],
        "i386" => [204, 524],
        _ => [192, 320],
    }
}

const ALL: [Seen; 3] = [Seen::Locally, Seen::Weakly, Seen::Globally];

/// A function beside those that are run, so that theirs are not the first of their sections.
fn module<A: Arch>() -> ModuleFile<A> {
    ModuleFile::new("m").function(".init.text", "a", Seen::Globally).function(
        ".text.m",
        "b",
        Seen::Globally,
    )
}

/// What is called when a module is loaded and unloaded: the offsets from the start of `.init.text`
/// and of `.text.m`.
fn run<A: Arch>(file: &ModuleFile<A>) -> (Option<u64>, Option<u64>) {
    let loader = HostKernel::<A>::new().boot();
    let kernel = loader.platform();
    let file = file.build();
    let (seen, record) = std::sync::mpsc::channel();
    let bytes = file.clone();
    kernel.on_event(move |_, event, module| {
        if event == modlink::platform::Event::Coming {
            let starts = [".init.text", ".text.m"].map(|name| address_in(module, &bytes, name));
            seen.send(starts).unwrap();
        }
    });
    loader.load(&file).unwrap();
    let [init_text, text] = record.recv().unwrap();
    let init = kernel.take_called();
    loader.unload(b"m", true).unwrap();
    let exit = kernel.take_called();
    assert!(init.len() <= 1 && exit.len() <= 1, "{init:x?} {exit:x?}");
    (init.first().map(|init| init - init_text), exit.first().map(|exit| exit - text))
}

/// Why a module is rejected, and for which symbol; nothing is left behind and nothing of it has been
/// called.
fn rejection<A: Arch>(file: &ModuleFile<A>) -> (EntryProblem, String) {
    let loader = HostKernel::<A>::new().boot();
    let before = loader.platform().snapshot();
    let error = loader.load(&file.build()).unwrap_err();
    assert_eq!(loader.platform().snapshot(), before);
    assert_eq!(loader.platform().take_called(), []);
    assert_eq!(error.errno(), Errno::ENOEXEC);
    let LoadError::Entry { symbol, problem } = &error else { panic!("{error}") };
    assert!(error.to_string().contains(&symbol.to_string()), "{error}");
    (*problem, symbol.name.to_string())
}

const BOTH: (Option<u64>, Option<u64>) = (Some(FUNCTION), Some(FUNCTION));

on_every_architecture! {
    fn what_struct_module_holds_is_run_whatever_its_binding<A>() {
        let [init, exit] = offsets::<A>();
        for seen in ALL {
            let file = module::<A>()
                .function(".init.text", "init_module", seen)
                .function(".text.m", "cleanup_module", seen)
                .this_module_holds(init, "init_module", 0)
                .this_module_holds(exit, "cleanup_module", 0);
            assert_eq!(run(&file), BOTH, "{seen:?}");
        }
    }

    fn a_function_that_struct_module_alone_has_is_known_by_its_name<A>() {
        let [init, exit] = offsets::<A>();
        for seen in ALL {
            let file = module::<A>()
                .function(".init.text", "init_module", seen)
                .this_module_holds(init, "init_module", 0);
            assert_eq!(run(&file), (Some(FUNCTION), None), "{seen:?}");
            let file = module::<A>()
                .function(".text.m", "cleanup_module", seen)
                .this_module_holds(exit, "cleanup_module", 0);
            assert_eq!(run(&file), (None, Some(FUNCTION)), "{seen:?}");
        }
    }

    fn functions_of_other_names_are_run_in_the_order_of_their_offsets<A>() {
        let [init, exit] = offsets::<A>();
        let file = module::<A>()
            .function(".init.text", "start", Seen::Locally)
            .function(".text.m", "stop", Seen::Globally);
        let ascending = file.clone().this_module_holds(init, "start", 0);
        assert_eq!(run(&ascending.this_module_holds(exit, "stop", 0)), BOTH);
        let descending = file.clone().this_module_holds(exit, "stop", 0);
        assert_eq!(run(&descending.this_module_holds(init, "start", 0)), BOTH);

        let one = file.this_module_holds(init, "start", 0);
        assert_eq!(rejection(&one), (Undecided, "start".into()));
    }

    fn a_section_and_an_addend_stand_for_the_function_there<A>() {
        let [init, exit] = offsets::<A>();
        let file = module::<A>()
            .function(".init.text", "init_module", Seen::Locally)
            .function(".text.m", "cleanup_module", Seen::Locally);
        let by_section = |file: ModuleFile<A>, offset, section| {
            file.this_module_holds(offset, section, FUNCTION as i64)
        };
        let both = by_section(by_section(file.clone(), init, ".init.text"), exit, ".text.m");
        assert_eq!(run(&both), BOTH);

        let (init_only, exit_only) =
            (by_section(file.clone(), init, ".init.text"), by_section(file.clone(), exit, ".text.m"));
        assert_eq!(run(&init_only).0, Some(FUNCTION));
        assert_eq!(run(&exit_only).1, Some(FUNCTION));

        let neither = file.this_module_holds(init, ".init.text", 0);
        assert_eq!(rejection(&neither), (Undecided, ".init.text".into()));
    }

    fn bounds_of_fixups_that_struct_module_refers_to_are_no_functions<A>() {
        let [init, exit] = offsets::<A>();
        let file = module::<A>()
            .datum(".m68k_fixup", "bounds", Seen::Locally)
            .function(".init.text", "init_module", Seen::Weakly)
            .function(".text.m", "cleanup_module", Seen::Weakly)
            .this_module_holds(8, "bounds", 0)
            .this_module_holds(init, "init_module", 0)
            .this_module_holds(init + 48, "bounds", 0)
            .this_module_holds(init + 56, ".m68k_fixup", 16)
            .this_module_holds(exit, "cleanup_module", 0);
        assert_eq!(run(&file), BOTH);
    }

    fn anything_else_outside_code_that_struct_module_refers_to_is_rejected<A>() {
        let [init, _] = offsets::<A>();
        for section in [".data.m", ".fixups", ".rodata.m"] {
            let file = module::<A>()
                .datum(section, "start", Seen::Locally)
                .this_module_holds(init, "start", 0);
            assert_eq!(rejection(&file), (EntryProblem::NotInCode, "start".into()), "{section}");
        }
    }

    fn a_function_that_is_not_the_modules_own_is_rejected_wherever_struct_module_holds_it<A>() {
        let [init, exit] = offsets::<A>();
        let file = module::<A>()
            .function(".init.text", "init_module", Seen::Globally)
            .function(".text.m", "cleanup_module", Seen::Globally)
            .imports_weakly("panic")
            .exports_absolute(0x1234, "number");
        for name in ["panic", "number"] {
            for offset in [8, init, init + 8, exit, exit + 8] {
                let beside = file
                    .clone()
                    .this_module_holds(init + 16, "init_module", 0)
                    .this_module_holds(exit + 16, "cleanup_module", 0);
                for file in [file.clone(), beside] {
                    let held = file.this_module_holds(offset, name, 0);
                    assert_eq!(rejection(&held), (NotInCode, name.into()), "{offset}");
                }
            }
        }
    }

    fn without_struct_module_the_names_tell_whatever_their_binding<A>() {
        for seen in ALL {
            let file = module::<A>()
                .function(".init.text", "init_module", seen)
                .function(".text.m", "cleanup_module", seen);
            assert_eq!(run(&file.clone().without_this_module()), BOTH, "{seen:?}");
            assert_eq!(run(&file), BOTH, "{seen:?}, and struct module holds nothing");
        }
    }

    fn a_local_namesake_of_what_struct_module_holds_does_not_matter<A>() {
        let [init, exit] = offsets::<A>();
        let file = module::<A>()
            .function(".text", "init_module", Seen::Locally)
            .datum(".data", "cleanup_module", Seen::Locally)
            .function(".init.text", "init_module", Seen::Globally)
            .function(".text.m", "cleanup_module", Seen::Globally)
            .this_module_holds(init, "init_module", 0)
            .this_module_holds(exit, "cleanup_module", 0);
        // The last symbol of a name is the one that `struct module` holds.
        assert_eq!(run(&file), BOTH);
    }

    fn two_different_functions_for_one_purpose_are_rejected<A>() {
        let [init, exit] = offsets::<A>();
        for (first, second) in [("init_module", ".init.text"), ("cleanup_module", ".text.m")] {
            let file = module::<A>()
                .function(second, first, Seen::Globally)
                .function(".text.m", "another", Seen::Globally);
            let offset = if first == "init_module" { init } else { exit };
            let other = if first == "init_module" { exit } else { init };
            let held = file.clone().this_module_holds(offset, "another", 0);
            let held = held.this_module_holds(other, "b", 0);
            assert_eq!(rejection(&held), (Contradiction, first.into()));

            for [one, two] in [[Seen::Locally, Seen::Globally], [Seen::Locally; 2]] {
                let twice = module::<A>()
                    .function(second, first, one)
                    .function(second, first, two)
                    .without_this_module();
                assert_eq!(rejection(&twice), (Contradiction, first.into()));
            }
        }
        let swapped = module::<A>()
            .function(".text.m", "init_module", Seen::Globally)
            .function(".text.m", "cleanup_module", Seen::Globally)
            .this_module_holds(init, "cleanup_module", 0)
            .this_module_holds(exit, "init_module", 0);
        assert_eq!(rejection(&swapped), (Contradiction, "init_module".into()));
    }

    fn three_functions_or_two_at_one_offset_are_rejected<A>() {
        let [init, exit] = offsets::<A>();
        let file = module::<A>()
            .function(".init.text", "init_module", Seen::Globally)
            .function(".text.m", "cleanup_module", Seen::Globally)
            .this_module_holds(init, "init_module", 0);
        let three = file
            .clone()
            .this_module_holds(exit, "cleanup_module", 0)
            .this_module_holds(exit + 8, "b", 0);
        assert_eq!(rejection(&three), (Undecided, "b".into()));
        if A::RELA_TARGET_IS_ZERO {
            // A place that two relocations change is rejected before.
            return;
        }
        let two = file.this_module_holds(init, "cleanup_module", 0);
        assert_eq!(rejection(&two).0, Undecided);
    }

    fn a_function_has_to_lie_in_its_code_for_as_long_as_it_is_called<A>() {
        let [init, exit] = offsets::<A>();
        let file = module::<A>()
            .function(".init.text", "init_module", Seen::Weakly)
            .function(".init.text", "cleanup_module", Seen::Weakly);
        let gone = file.clone().this_module_holds(init, "init_module", 0);
        let gone = gone.this_module_holds(exit, "cleanup_module", 0);
        for file in [gone, file.clone(), file.without_this_module()] {
            assert_eq!(rejection(&file), (NotInCode, "cleanup_module".into()));
        }
        for (addend, is_inside) in [(0, true), (15, true), (16, false), (-17, false)] {
            let file = module::<A>()
                .function(".init.text", "start", Seen::Globally)
                .this_module_holds(init, "start", addend)
                .this_module_holds(exit, "b", 0);
            if is_inside {
                assert_eq!(run(&file), (Some(FUNCTION + addend as u64), Some(0)));
            } else {
                assert_eq!(rejection(&file), (NotInCode, "start".into()), "{addend}");
            }
        }
    }
}
