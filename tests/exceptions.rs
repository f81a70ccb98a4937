//! Where code goes on after a fault: the exception tables of modules, and of a kernel.
#![cfg(feature = "exceptions")]

use modlink::arch::{Arch, ByteOrder, Class, ExtableFormat, I386, M68k, X86_64};
use modlink::exceptions::{Exception, Kind, Table, TableProblem, X86, X86Action};
use modlink::image::{self, SectionProblem};
use modlink::platform::{Event, Provision, Purpose};
use modlink::{Errno, LoadError, Module};
use modlink_host::{
    HostKernel, ModuleFile, OUT_OF_REACH, address_in, corpus, on_every_architecture,
};
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// What an entry with this data asks for.
fn kind<A: Arch>(data: u32) -> Kind {
    match A::EXTABLE {
        ExtableFormat::Absolute => Kind::Jump,
        ExtableFormat::Relative => Kind::X86(X86 {
            number: data as u8,
            register: (data >> 8 & 15) as u8,
            flags: (data >> 12 & 15) as u8,
            immediate: (data >> 16) as u16 as i16,
        }),
    }
}

/// Sections of code of so many bytes each, beside those that a module has.
fn with_code<A: Arch>(file: ModuleFile<A>, sections: &[(&str, usize)]) -> ModuleFile<A> {
    sections.iter().fold(file, |file, (name, size)| {
        file.section(name, SectionKind::Text, &vec![0x90; *size], 16)
    })
}

/// The error of a module that is rejected, after which the kernel is as before.
fn rejection<A: Arch>(file: &ModuleFile<A>) -> LoadError {
    let loader = HostKernel::<A>::new().boot();
    let before = loader.platform().snapshot();
    let error = loader.load(&file.build()).unwrap_err();
    assert_eq!(loader.platform().snapshot(), before, "{error}");
    assert_eq!(error.errno(), Errno::ENOEXEC);
    error
}

/// The problem of an exception table.
fn problem(error: LoadError) -> TableProblem {
    match error {
        LoadError::Exceptions(problem) => problem,
        other => panic!("{other:?}"),
    }
}

const ENTRIES: u64 = 12;

/// A word of x86 with something in each of its fields.
fn word(entry: u64) -> u32 {
    0x8001_b001 | (entry as u32) << 8
}

on_every_architecture! {
    fn a_fault_in_a_module_is_found_by_its_instruction_alone<A>() {
        let mut file = with_code(ModuleFile::<A>::new("m"), &[(".text.a", 64), (".fixup", 64)]);
        for entry in 0..ENTRIES {
            file = file.exception((".text.a", 4 * entry), (".fixup", entry), word(entry));
        }
        let file = file.build();
        let loader = HostKernel::<A>::new().boot();
        let module = loader.load(&file).unwrap();
        let (code, fixup) = (address_in(&module, &file, ".text.a"), address_in(&module, &file, ".fixup"));
        for offset in 0..64 {
            let expected = (offset % 4 == 0 && offset / 4 < ENTRIES).then(|| {
                Exception { fixup: fixup + offset / 4, kind: kind::<A>(word(offset / 4)) }
            });
            assert_eq!(loader.exception(code + offset), expected, "{offset}");
        }
        for elsewhere in [0, u64::MAX, fixup, module.core().start, module.core().end] {
            assert_eq!(loader.exception(elsewhere), None, "{elsewhere:#x}");
        }
        drop(module);
        loader.unload(b"m", false).unwrap();
        assert_eq!(loader.exception(code), None);
    }

    fn a_table_that_is_not_in_order_is_put_in_order<A>() {
        let mut file = with_code(ModuleFile::<A>::new("m"), &[(".text.a", 4096), (".text.b", 4096)]);
        // Each offset once, as a walk with a step that has no factor in common with their number.
        let offsets: Vec<u64> = (0..1021).map(|number| number * 500 % 1021).collect();
        for (number, offset) in offsets.iter().enumerate() {
            let section = if number % 3 == 0 { ".text.a" } else { ".text.b" };
            file = file.exception((section, *offset), (".text.b", 2000 + offset), *offset as u32);
        }
        let file = file.build();
        let loader = HostKernel::<A>::new().boot();
        let module = loader.load(&file).unwrap();
        let [a, b] = [".text.a", ".text.b"].map(|section| address_in(&module, &file, section));
        for (number, offset) in offsets.iter().enumerate() {
            let at = if number % 3 == 0 { a } else { b };
            let expected = Exception { fixup: b + 2000 + offset, kind: kind::<A>(*offset as u32) };
            assert_eq!(loader.exception(at + offset), Some(expected), "{offset}");
        }
    }

    fn entries_of_init_code_are_found_while_that_is_there<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = with_code(ModuleFile::<A>::new("m").init(), &[(".text.a", 64)])
            .exception((".init.text", 8), (".init.text", 9), 3)
            .exception((".init.text", 4), (".text.a", 5), 3)
            .exception((".text.a", 4), (".text.a", 6), 3)
            .build();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (watch, bytes) = (Arc::downgrade(&loader), file.clone());
        let notes = seen.clone();
        let addresses = Arc::new(Mutex::new(None));
        let noted = addresses.clone();
        loader.platform().on_event(move |_, event, module: &Module<HostKernel<A>>| {
            let loader = watch.upgrade().unwrap();
            let mut addresses = noted.lock().unwrap();
            let (init, text) = *addresses.get_or_insert_with(|| {
                (address_in(module, &bytes, ".init.text"), address_in(module, &bytes, ".text.a"))
            });
            let found = [init + 8, init + 4, text + 4].map(|at| loader.exception(at).map(|e| e.fixup));
            notes.lock().unwrap().push((event, found));
        });
        let module = loader.load(&file).unwrap();
        let (init, text) = addresses.lock().unwrap().expect("it was coming");
        let all = [Some(init + 9), Some(text + 5), Some(text + 6)];
        let rest = [None, None, Some(text + 6)];
        let expected = [(Event::Coming, all), (Event::Live, all), (Event::InitFreed, rest)];
        assert_eq!(*seen.lock().unwrap(), expected);
        drop(module);
    }

    fn entries_of_init_code_in_one_block_with_the_rest_stay<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().set_room(Purpose::Init, &[OUT_OF_REACH]);
        let file = ModuleFile::<A>::new("m").init();
        let file = file.exception((".init.text", 4), (".init.text", 5), 1).build();
        let module = loader.load(&file).unwrap();
        let init = module.init().expect("it stays").start;
        assert_eq!(loader.exception(init + 4).map(|e| e.fixup), Some(init + 5));
    }

    fn of_two_entries_for_one_instruction_one_is_found<A>() {
        let file = ModuleFile::<A>::new("m")
            .exception((".text", 4), (".text", 6), 1)
            .exception((".text", 4), (".text", 8), 1)
            .exception((".text", 0), (".text", 2), 1)
            .build();
        let loader = HostKernel::<A>::new().boot();
        let module = loader.load(&file).unwrap();
        let text = address_in(&module, &file, ".text");
        let found = loader.exception(text + 4).expect("one of them").fixup;
        assert!([text + 6, text + 8].contains(&found), "{found:#x}");
        assert_eq!(loader.exception(text).map(|e| e.fixup), Some(text + 2));
    }

    fn a_table_with_an_entry_outside_of_code_is_rejected<A>() {
        let file = || {
            with_code(ModuleFile::<A>::new("m").init(), &[(".text.a", 64)])
                .section(".rodata", SectionKind::ReadOnlyData, &[0; 16], 16)
                .section(".data", SectionKind::Data, &[0; 16], 16)
                .exception((".text.a", 40), (".text.a", 8), 1)
        };
        for (instruction, is_instructions) in [(true, true), (false, false)] {
            for at in [(".rodata", 0), (".data", 4), (".text.a", 0x10_0000)] {
                let file = match instruction {
                    true => file().exception(at, (".text.a", 8), 1),
                    false => file().exception((".text.a", 4), at, 1),
                };
                let error = rejection(&file);
                let text = error.to_string();
                let found = match problem(error) {
                    TableProblem::Instruction { index, address } => (true, index, address),
                    TableProblem::Fixup { index, address } => (false, index, address),
                    other => panic!("{other:?}"),
                };
                assert_eq!((found.0, found.1), (is_instructions, 1));
                assert!(text.contains("__ex_table: entry 1"), "{text}");
                assert!(text.contains(&format!("{:#x}", found.2)), "{text}");
            }
        }
        // Code that stays would go on where there is none any more.
        let file = file().exception((".text.a", 4), (".init.text", 0), 1);
        assert!(matches!(problem(rejection(&file)), TableProblem::Fixup { index: 1, .. }));
    }

    fn a_table_of_no_whole_entries_is_rejected<A>() {
        let size = if A::EXTABLE == ExtableFormat::Relative { 12 } else { 8 };
        for length in (1..2 * size).filter(|length| length % size != 0) {
            let bytes = vec![0; length];
            let file = ModuleFile::<A>::new("m");
            let file = file.section("__ex_table", SectionKind::ReadOnlyData, &bytes, 4);
            assert_eq!(problem(rejection(&file)), TableProblem::Size(length));
        }
        // One of zeros is for an instruction that is none.
        let file = ModuleFile::<A>::new("m");
        let file = file.section("__ex_table", SectionKind::ReadOnlyData, &vec![0; size], 4);
        assert!(matches!(problem(rejection(&file)), TableProblem::Instruction { index: 0, .. }));
        let empty = ModuleFile::<A>::new("m").section("__ex_table", SectionKind::ReadOnlyData, &[], 4);
        let loader = HostKernel::<A>::new().boot();
        drop(loader.load(&empty.build()).unwrap());
    }

    fn a_table_that_may_be_written_or_run_is_rejected<A>() {
        for kind in [SectionKind::Data, SectionKind::UninitializedData, SectionKind::Text] {
            let file = ModuleFile::<A>::new("m").section("__ex_table", kind, &[0; 24], 4);
            assert_eq!(problem(rejection(&file)), TableProblem::Memory, "{kind:?}");
        }
    }

    fn a_module_with_two_tables_is_rejected<A>() {
        let file = ModuleFile::<A>::new("m")
            .exception((".text", 4), (".text", 6), 1)
            .section("__ex_table", SectionKind::ReadOnlyData, &[0; 24], 4);
        match rejection(&file) {
            LoadError::Image(image::Error::Section { section, problem }) => {
                assert_eq!(problem, SectionProblem::Repeated);
                assert_eq!(section.name.as_bytes(), b"__ex_table");
            }
            other => panic!("{other:?}"),
        }
    }

    fn a_kernel_is_not_asked_about_exception_tables<A>() {
        let file = ModuleFile::<A>::new("m").exception((".text", 4), (".text", 6), 1).build();
        let loader = HostKernel::<A>::new().with_all_sections(Provision::Missing).boot();
        let module = loader.load(&file).unwrap();
        assert_eq!(module.ignored_sections().count(), 0);
    }

    fn the_table_of_a_kernel_is_searched_in_the_same_way<A>() {
        let address = kernel_address::<A>();
        let mut entries: Vec<_> = (0..100).map(|n| (address + 8 * n, address - n, n as u32)).collect();
        let bytes = write::<A>(address, &entries);
        let table = Table::<A>::new(&bytes, address).unwrap();
        assert_eq!((table.len(), table.is_empty()), (100, false));
        let found: Vec<_> = table.iter().map(|(at, exception)| (at, exception.fixup)).collect();
        assert_eq!(found, entries.iter().map(|(at, fixup, _)| (*at, *fixup)).collect::<Vec<_>>());
        assert_eq!(table.find(address + 8).map(|e| e.fixup), Some(address - 1));
        assert_eq!(table.find(address + 9), None);

        entries.swap(40, 41);
        let mut bytes = write::<A>(address, &entries);
        let error = Table::<A>::new(&bytes, address).unwrap_err();
        assert_eq!(error, TableProblem::Order { index: 41 });
        assert!(error.to_string().contains("entry 41"), "{error}");
        Table::<A>::sort(&mut bytes, address).unwrap();
        entries.swap(40, 41);
        assert_eq!(bytes, write::<A>(address, &entries));

        bytes.push(0);
        let size = bytes.len();
        assert_eq!(Table::<A>::new(&bytes, address).unwrap_err(), TableProblem::Size(size));
        assert_eq!(Table::<A>::sort(&mut bytes, address), Err(TableProblem::Size(size)));
        assert!(Table::<A>::new(&[], address).unwrap().is_empty());
    }

    fn every_entry_of_every_real_module_is_found<A>() {
        let folders: &[&str] = match A::NAME {
            "x86_64" => &["amd64", "cloud-amd64"],
            "i386" => &["i386"],
            _ => &["m68k-modules"],
        };
        for folder in folders {
            let paths = corpus::find(&corpus::folder(folder));
            assert!(!paths.is_empty(), "run `make corpus`");
            let (mut modules, mut kinds) = (0, BTreeMap::<u8, usize>::new());
            // Most have no such table, and are not taken apart for that.
            let grep = Command::new("grep").args(["-rlF", "__ex_table"]).arg(corpus::folder(folder)).output();
            let named = String::from_utf8(grep.unwrap().stdout).unwrap();
            let named: BTreeSet<&str> = named.lines().collect();
            for path in paths.into_iter().filter(|path| named.contains(path.to_str().unwrap())) {
                let file = std::fs::read(&path).unwrap();
                let entries = independent(&file);
                if !entries.is_empty() {
                    modules += 1;
                    find_all::<A>(&path.display().to_string(), &file, &entries, &mut kinds);
                }
            }
            let expected: (usize, &[(u8, usize)]) = match *folder {
                "amd64" => (14, &[(1, 678), (3, 32), (5, 1), (8, 4), (9, 2), (10, 3), (11, 5), (17, 14)]),
                "cloud-amd64" => (8, &[(1, 678), (3, 23), (5, 1), (8, 4), (9, 2), (10, 3), (11, 5), (17, 14)]),
                "i386" => (39, &[(1, 789), (3, 22), (8, 193), (9, 139), (10, 10), (11, 32), (17, 18)]),
                _ => (3, &[(0, 33)]),
            };
            assert_eq!((modules, kinds.into_iter().collect::<Vec<_>>()), (expected.0, expected.1.to_vec()), "{folder}");
        }
    }
}

/// An entry as the file has it: a section and an offset, twice, and the word of x86.
type Entry = ((String, u64), (String, u64), u32);

/// The entries of a file, read by `object`, without a line of the crate's.
fn independent(file: &[u8]) -> Vec<Entry> {
    let object = object::File::parse(file).expect("an ELF file");
    let Some(table) = object.section_by_name("__ex_table") else { return Vec::new() };
    let data = table.data().expect("bytes");
    let is_x86 = object.architecture() != object::Architecture::M68k;
    let word = |offset: u64| {
        let bytes = data[offset as usize..][..4].try_into().expect("four");
        if object.is_little_endian() {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        }
    };
    let mut targets = HashMap::new();
    for (offset, relocation) in table.relocations() {
        let RelocationTarget::Symbol(symbol) = relocation.target() else {
            panic!("{relocation:?}")
        };
        let symbol = object.symbol_by_index(symbol).expect("a symbol");
        let section = symbol.section_index().expect("in a section");
        let section = object.section_by_index(section).expect("a section").name().expect("a name");
        let implicit = if relocation.has_implicit_addend() { word(offset) as i32 } else { 0 };
        let addend = relocation.addend() + i64::from(implicit);
        let at = symbol.address().checked_add_signed(addend).expect("in the section");
        targets.insert(offset, (section.to_owned(), at));
    }
    let size = if is_x86 { 12 } else { 8 };
    (0..table.size() / size)
        .map(|index| {
            let at = index * size;
            let data = if is_x86 { word(at + 8) } else { 0 };
            (targets[&at].clone(), targets[&(at + 4)].clone(), data)
        })
        .collect()
}

/// Loads a real module and looks each entry up: those of init while it is coming.
fn find_all<A: Arch>(path: &str, file: &[u8], entries: &[Entry], kinds: &mut BTreeMap<u8, usize>) {
    let loader = HostKernel::<A>::new().export_all_for(file, &[]).boot();
    let found = Arc::new(Mutex::new(Vec::new()));
    let (watch, notes) = (Arc::downgrade(&loader), found.clone());
    let (bytes, wanted) = (file.to_vec(), entries.to_vec());
    loader.platform().on_event(move |_, event, module: &Module<HostKernel<A>>| {
        let loader = watch.upgrade().unwrap();
        if event == Event::Coming {
            let address =
                |(section, offset): &(String, u64)| address_in(module, &bytes, section) + offset;
            let found = wanted.iter().map(|(instruction, fixup, data)| {
                let instruction = address(instruction);
                (instruction, address(fixup), *data, loader.exception(instruction))
            });
            *notes.lock().unwrap() = found.collect();
        }
    });
    let module = loader.load(file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let found = found.lock().unwrap();
    assert_eq!(found.len(), entries.len());
    for ((instruction, fixup, data, exception), entry) in found.iter().zip(entries) {
        let expected = Some(Exception { fixup: *fixup, kind: kind::<A>(*data) });
        assert_eq!(*exception, expected, "{path}: {entry:?}");
        *kinds.entry(*data as u8).or_default() += 1;
        // Once it is live, those of init are gone.
        let is_init = entry.0.0.starts_with(".init");
        assert_eq!(
            loader.exception(*instruction),
            expected.filter(|_| !is_init),
            "{path}: {entry:?}"
        );
    }
    // And nothing near any of them.
    let instructions: BTreeSet<_> = found.iter().map(|(instruction, ..)| *instruction).collect();
    for (instruction, fixup, ..) in found.iter() {
        for near in (instruction - 4..instruction + 4).chain([*fixup]) {
            let expected = instructions.contains(&near) && module.core().contains(&near);
            assert_eq!(loader.exception(near).is_some(), expected, "{path}: {near:#x}");
        }
    }
}

fn kernel_address<A: Arch>() -> u64 {
    if A::CLASS == Class::Elf64 { 0xffff_ffff_8123_4568 } else { 0xc012_3458 }
}

/// The bytes of a table of these instructions, fixups and words at an address.
fn write<A: Arch>(address: u64, entries: &[(u64, u64, u32)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let put = |bytes: &mut Vec<u8>, value: u32| {
        bytes.extend(match A::ORDER {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        });
    };
    for (instruction, fixup, data) in entries {
        for reference in [instruction, fixup] {
            let field = address + bytes.len() as u64;
            put(
                &mut bytes,
                match A::EXTABLE {
                    ExtableFormat::Relative => reference.wrapping_sub(field) as u32,
                    ExtableFormat::Absolute => *reference as u32,
                },
            );
        }
        if A::EXTABLE == ExtableFormat::Relative {
            put(&mut bytes, *data);
        }
    }
    bytes
}

fn sorts_as_the_library_does<A: Arch>(mut entries: Vec<(u64, u64, u32)>, address: u64) {
    let mut bytes = write::<A>(address, &entries);
    Table::<A>::sort(&mut bytes, address).unwrap();
    let table = Table::<A>::new(&bytes, address).expect("it is in order");
    let row =
        |entry: (u64, u64, u32)| (entry.0, Exception { fixup: entry.1, kind: kind::<A>(entry.2) });
    let mut found: Vec<_> = table.iter().collect();
    let mut expected: Vec<_> = entries.drain(..).map(row).collect();
    assert!(found.is_sorted_by_key(|(at, _)| *at));
    for (at, _) in &expected {
        let exception = table.find(*at).expect("it is there");
        assert!(expected.contains(&(*at, exception)), "{at:#x}");
    }
    let key = |(at, exception): &(u64, Exception)| {
        (*at, exception.fixup, format!("{:?}", exception.kind))
    };
    found.sort_by_key(key);
    expected.sort_by_key(key);
    assert_eq!(found, expected);
}

proptest! {
    #[test]
    fn any_table_is_sorted(rows in prop::collection::vec((0..2000_u32, any::<u32>(), any::<u32>()), 0..200)) {
        // A table near the end of the address space, too.
        for at in [0x1000_u64, 0xc012_3458, 0xffff_0000] {
            let of_32 = rows.iter().map(|(at, fixup, data)| (0xfffe_fff0 + u64::from(*at), (*fixup).into(), *data));
            sorts_as_the_library_does::<I386>(of_32.clone().collect(), at);
            sorts_as_the_library_does::<M68k>(of_32.map(|(at, fixup, _)| (at, fixup, 0)).collect(), at);
        }
        let base = 0xffff_ffff_8000_0000;
        let of_64 = rows.iter().map(|(at, fixup, data)| {
            (base + u64::from(*at), base + u64::from(*fixup >> 2), *data)
        });
        sorts_as_the_library_does::<X86_64>(of_64.collect(), base + 0x1000);
    }
}

#[test]
fn an_entry_out_of_reach_of_its_place_is_told_of_and_nothing_is_changed() {
    let address = 0xffff_ffff_0000_0000_u64;
    let mut entries: Vec<_> = (0..1000_u64).map(|n| (address - 8 * n, address, 1)).collect();
    // Within reach of where it stands, and not of the start.
    entries[900].0 = address + 900 * 12 + i32::MAX as u64;
    let mut bytes = write::<X86_64>(address, &entries);
    let before = bytes.clone();
    assert_eq!(
        Table::<X86_64>::sort(&mut bytes, address),
        Err(TableProblem::Distance { index: 900 })
    );
    assert_eq!(bytes, before);
    // Nor of the end.
    entries[900] = (address, address, 1);
    entries[3].1 = (address + 3 * 12 + 4).wrapping_add_signed(i32::MIN.into());
    let mut bytes = write::<X86_64>(address, &entries);
    assert_eq!(
        Table::<X86_64>::sort(&mut bytes, address),
        Err(TableProblem::Distance { index: 3 })
    );
}

#[test]
fn an_action_has_the_number_that_linux_gives_it() {
    let of = |number| X86 { number, register: 0, flags: 0, immediate: 0 }.action();
    let named = [
        (1, X86Action::Default),
        (3, X86Action::UserAccess),
        (5, X86Action::ClearFs),
        (8, X86Action::Wrmsr),
        (9, X86Action::Rdmsr),
        (10, X86Action::WrmsrSafe),
        (11, X86Action::RdmsrSafe),
        (16, X86Action::PopRegister),
        (17, X86Action::ImmediateRegister),
        (20, X86Action::ZeroPad),
    ];
    for (number, action) in named {
        assert_eq!(of(number), Some(action));
    }
    assert!([0, 21, 255].into_iter().all(|number| of(number).is_none()));
    assert_eq!(
        (1..=20).filter_map(of).map(|action| format!("{action:?}")).collect::<BTreeSet<_>>().len(),
        20
    );
}
