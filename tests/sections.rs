//! Which sections of a loaded module its kernel finds, and where.

use modlink::arch::Arch;
use modlink::platform::{Event, Provision};
use modlink_host::{HostKernel, ModuleFile, corpus, on_every_architecture};
use object::{Object, ObjectSection, SectionFlags, SectionKind};
use std::sync::{Arc, Mutex};

/// A section as the `object` crate reads it: its name, its size, and its bytes unless they change.
type Expected = (String, u64, Option<Vec<u8>>);

/// What the loader alone reads (Linux: without SHF_ALLOC from the time they have been read on).
fn is_for_the_loader(name: &str) -> bool {
    name == ".modinfo" || name.starts_with("__version")
}

/// The sections that a module has in memory, in the order of its file.
fn allocated(file: &[u8]) -> Vec<Expected> {
    let object = object::File::parse(file).expect("an ELF file");
    let sections = object.sections().filter(|section| {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { panic!("not ELF") };
        sh_flags.0 & object::elf::SHF_ALLOC.0 != 0
    });
    let described = sections.map(|section| {
        let name = section.name().expect("a name in UTF-8").to_owned();
        let stays = section.relocations().next().is_none() && section.size() != 0;
        let zeros = section.kind() == SectionKind::UninitializedData;
        let bytes = match zeros {
            true => vec![0; section.size() as usize],
            false => section.data().expect("its bytes").to_vec(),
        };
        (name, section.size(), stays.then_some(bytes))
    });
    described.filter(|(name, ..)| !is_for_the_loader(name)).collect()
}

/// Real modules that load without others.
fn names<A: Arch>() -> &'static [&'static str] {
    match A::NAME {
        "m68k" => &["crc-itu-t", "crc7", "zstd_compress"],
        _ => &["crc-itu-t", "crc7", "lz4_compress", "8139too", "loop"],
    }
}

on_every_architecture! {
    fn a_kernel_that_keeps_all_sections_finds_each_of_them_where_its_bytes_are<A>() {
        for name in names::<A>() {
            let file = corpus::module::<A>(name);
            let kernel = HostKernel::<A>::new().keep_all_sections();
            let loader = kernel.export_all_for(&file, &[]).boot();
            let expected = allocated(&file);
            let seen = Arc::new(Mutex::new(Vec::new()));
            let events = seen.clone();
            loader.platform().on_event(move |kernel, event, module| {
                if !matches!(event, Event::Coming | Event::InitFreed) {
                    return;
                }
                for (section, (name, size, bytes)) in module.sections().zip(&expected) {
                    if event == Event::Coming {
                        let is = (str::from_utf8(section.name).unwrap(), section.size);
                        assert_eq!(is, (name.as_str(), *size));
                        let peeked = kernel.peek(section.address, section.size as usize);
                        assert!(bytes.as_ref().is_none_or(|bytes| peeked.unwrap() == *bytes));
                    }
                }
                let names = module.sections().map(|section| section.name.to_vec());
                events.lock().unwrap().push(names.collect::<Vec<_>>());
            });
            let module = loader.load(&file).unwrap_or_else(|error| panic!("{name}: {error}"));

            let all = allocated(&file).into_iter().map(|(name, ..)| name.into_bytes());
            let all: Vec<_> = all.collect();
            let is_left = |name: &&Vec<u8>| module.statistics().contiguous || !name.starts_with(b".init");
            let left: Vec<_> = all.iter().filter(is_left).cloned().collect();
            assert_eq!(*seen.lock().unwrap(), [all, left], "{name}: before and after init");
            let text = module.section(b".text").expect("it has code");
            assert!(module.core().contains(&text.address));
            assert_eq!(module.section(b".modinfo"), None);
        }
    }

    fn a_kernel_finds_the_sections_that_it_provides_for_and_no_others<A>() {
        let constructors = b"a section of constructors";
        let file = ModuleFile::<A>::new("m")
            .section(".ctors.65435", SectionKind::Data, &constructors[..], 8)
            .section(".data.more", SectionKind::Data, b"another", 8)
            .init()
            .build();
        let provided = HostKernel::<A>::new().with_section(".ctors*", Provision::Provided).boot();
        let module = provided.load(&file).unwrap();
        let names: Vec<_> = module.sections().map(|section| section.name).collect();
        assert_eq!(names, [b".ctors.65435"]);
        let section = module.section(b".ctors.65435").expect("it is provided for");
        let bytes = provided.platform().peek(section.address, section.size as usize);
        assert_eq!(bytes.unwrap(), constructors);
        assert_eq!(module.section(b".data.more"), None);

        let accepted = HostKernel::<A>::new().boot();
        let module = accepted.load(&file).unwrap();
        assert_eq!(module.sections().count(), 0);
    }
}
