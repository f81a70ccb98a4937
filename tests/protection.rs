//! No page is ever writable and executable, and each section is protected as its flags ask.
//!
//! The host kernel itself panics when the loader writes to what it has protected, loosens a
//! protection, or calls a function where nothing can run.

use modlink::arch::Arch;
use modlink::image::{Flags, Image};
use modlink::link::{Part, Plan};
use modlink::platform::{Event, Level, Protection, Purpose};
use modlink::{Errno, LoadError, Module};
use modlink_host::{
    HostKernel, ModuleFile, NotAllowed, OUT_OF_REACH, Operation, address_in, corpus,
    on_every_architecture,
};
use object::SectionKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PAGE: usize = 4096;

/// A module with a section of every kind.
fn with_all_kinds<A: Arch>() -> ModuleFile<A> {
    let bytes = [1; 100];
    ModuleFile::new("m")
        .init()
        .exit()
        .section(".rodata", SectionKind::ReadOnlyData, &bytes, 8)
        .section(".data..ro_after_init", SectionKind::Data, &bytes, 8)
        .section(".data", SectionKind::Data, &bytes, 8)
        .section(".bss", SectionKind::UninitializedData, &bytes, 8)
        .section(".init.rodata", SectionKind::ReadOnlyData, &bytes, 8)
        .section(".init.data", SectionKind::Data, &bytes, 8)
}

const RO_AFTER_INIT: [&[u8]; 2] = [b".data..ro_after_init", b"__jump_table"];

/// Compares the protection of every byte of a module's sections with what their flags ask for.
fn assert_protected<A: Arch>(
    kernel: &HostKernel<A>,
    event: Event,
    module: &Module<HostKernel<A>>,
    file: &[u8],
) {
    let image = Image::<A>::check(file, u64::MAX >> 1).unwrap();
    let plan = Plan::new(&image, PAGE as u64).unwrap();
    for (index, section) in image.loaded_sections() {
        let location = plan.location(index).unwrap();
        let part = match location.part {
            Part::Core => module.core(),
            Part::Init if event == Event::InitFreed => continue,
            Part::Init => module.init().unwrap(),
        };
        let ro_after_init = RO_AFTER_INIT.contains(&section.name());
        let expected = match section.flags {
            flags if flags.contains(Flags::EXECUTE) => Protection::Execute,
            _ if ro_after_init && event == Event::InitFreed => Protection::ReadOnly,
            flags if flags.contains(Flags::WRITE) || ro_after_init => Protection::ReadWrite,
            _ => Protection::ReadOnly,
        };
        let start = part.start + location.offset;
        let last = section.size.checked_sub(1).map(|last| start + last);
        for address in (start..start + section.size).step_by(PAGE).chain(last) {
            let name = String::from_utf8_lossy(section.name());
            let found = kernel.protection(address);
            assert_eq!(found, Some(expected), "{name} at {address:#x} at {event:?}");
        }
    }
}

/// Loads and unloads a module, with a look at its protections at each event.
fn come_and_go<A: Arch>(file: Vec<u8>) {
    let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
    let kernel = loader.platform();
    let looks = Arc::new(AtomicUsize::new(0));
    let (count, bytes) = (looks.clone(), file.clone());
    kernel.on_event(move |kernel, event, module| {
        if event != Event::Going {
            assert_protected(kernel, event, module, &bytes);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    loader.load(&file).unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 3, "when it comes, lives and settles");
    loader.unload(kernel.names()[0].as_bytes(), true).unwrap();
    assert_eq!(kernel.snapshot().blocks, []);
}

on_every_architecture! {
    fn a_module_writes_only_what_it_may<A>() {
        let file = with_all_kinds::<A>().build();
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let bytes = file.clone();
        let may_write =
            |kernel: &HostKernel<A>, module: &Module<HostKernel<A>>, file: &[u8], name| {
                kernel.poke(address_in(module, file, name), b"!") != Err(NotAllowed)
            };
        kernel.on_init("m", move |loader| {
            let module = loader.find(b"m").unwrap();
            let may_write = |name| may_write(loader.platform(), &module, &bytes, name);
            for name in [".text", ".exit.text", ".rodata", ".init.text", ".init.rodata"] {
                assert!(!may_write(name), "{name}");
            }
            for name in [".data..ro_after_init", ".data", ".bss", ".init.data"] {
                assert!(may_write(name), "{name}");
            }
            0
        });
        loader.load(&file).unwrap();

        let module = loader.find(b"m").unwrap();
        for name in [".text", ".exit.text", ".rodata", ".data..ro_after_init"] {
            assert!(!may_write(kernel, &module, &file, name), "{name}");
        }
        for name in [".data", ".bss"] {
            assert!(may_write(kernel, &module, &file, name), "{name}");
        }
        let ro_after_init = address_in(&module, &file, ".data..ro_after_init");
        assert_eq!(kernel.peek(ro_after_init, 2), Ok(vec![b'!', 1]), "what its init function wrote stays");
    }

    fn every_kind_of_section_is_protected_at_every_event<A>() {
        come_and_go::<A>(with_all_kinds::<A>().build());
    }

    /// For Miri: the loader's view of the exports has no byte of the data that lies beside them.
    fn a_module_writes_to_its_data_while_others_look_its_exports_up<A>() {
        let data = SectionKind::Data;
        let file =
            ModuleFile::<A>::new("m").exports("e").section(".data", data, &[1; 64], 8).build();
        let loader = HostKernel::<A>::new().boot();
        loader.load(&file).unwrap();
        let module = loader.find(b"m").unwrap();
        let (data, symbol) = (address_in(&module, &file, ".data"), module.export(b"e").unwrap());
        std::thread::scope(|threads| {
            let writer = threads.spawn(|| {
                for number in 0..20 {
                    loader.platform().poke(data, &[number; 64]).unwrap();
                    std::thread::yield_now();
                }
            });
            while !writer.is_finished() {
                assert_eq!(loader.symbol(b"e").unwrap().address, symbol.address);
                assert_eq!(symbol.name, b"e");
                std::thread::yield_now();
            }
        });
        assert_eq!(loader.platform().peek(data, 64), Ok(vec![19; 64]));
    }

    fn a_contiguous_block_is_protected_alike<A>() {
        let file = with_all_kinds::<A>().build();
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        kernel.set_room(Purpose::Init, &[OUT_OF_REACH]);
        let bytes = file.clone();
        kernel.on_event(move |kernel, event, module| {
            assert_protected(kernel, event, module, &bytes);
        });
        loader.load(&file).unwrap();
        assert!(loader.find(b"m").unwrap().statistics().contiguous);
    }

    fn a_module_whose_protection_fails_is_not_run<A>() {
        let file = with_all_kinds::<A>().build();
        let before_it_runs = 4;
        for nth in 1..=before_it_runs {
            let loader = HostKernel::<A>::new().boot();
            let kernel = loader.platform();
            let before = kernel.snapshot();
            kernel.on_init("m", |_| panic!("it is run"));
            kernel.on_event(|_, event, _| panic!("{event:?} is announced"));
            kernel.fail(Operation::Protect, nth);
            let error = loader.load(&file).unwrap_err();
            assert_eq!(error, LoadError::Protect);
            assert_eq!(error.errno(), Errno::ENOMEM);
            assert_eq!(kernel.snapshot(), before);
        }
    }

    fn a_module_that_cannot_be_protected_after_init_lives_with_a_warning<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        kernel.fail(Operation::Protect, 5);
        loader.load(&with_all_kinds::<A>().build()).unwrap();
        let log = kernel.take_log();
        let warns = |(level, line): &(Level, String)| {
            *level == Level::Warning && line.contains("read-only-after-init")
        };
        assert!(log.iter().any(warns), "{log:?}");
    }

    fn real_modules_are_protected_section_by_section<A>() {
        let mut paths: Vec<_> = corpus::files::<A>().into_values().collect();
        paths.sort();
        let every = paths.len().div_ceil(150);
        for path in paths.iter().step_by(every) {
            come_and_go::<A>(std::fs::read(path).unwrap());
        }
    }
}
