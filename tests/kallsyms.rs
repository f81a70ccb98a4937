//! Each address in a module has the name that its symbol table gives it, and each name its address.

#![cfg(feature = "kallsyms")]

use modlink::arch::Arch;
use modlink::module::{Kallsym, Kallsyms, Symbolized};
use modlink::platform::{AllocateError, Event, Faulted, Level, MemoryRequest, Refusal};
use modlink::symbols::KsymtabError;
use modlink::{LoadError, Loader, Module, Platform};
use modlink_host::{
    FUNCTION, HostKernel, HostMemory, ModuleFile, Seen, corpus, on_every_architecture,
};
use object::elf::{SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS};
use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::{Endianness, SectionKind, elf};
use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

/// A symbol as the `object` crate reads it, with its address once the module is loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Expected {
    name: Vec<u8>,
    address: u64,
    kind: char,
    /// The section's name, address and size.
    section: (Vec<u8>, u64, u64),
}

/// What the loader alone reads.
fn is_for_the_loader(name: &[u8]) -> bool {
    name == b".modinfo" || name.starts_with(b"__version")
}

/// The symbols of a file that is loaded with its sections at these addresses, in the order of the file.
fn expected<H: FileHeader<Endian = Endianness>>(file: &[u8], addresses: &[u64]) -> Vec<Expected> {
    let header = H::parse(file).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, file).unwrap();
    let mut addresses = addresses.iter();
    let placed: Vec<_> = sections
        .iter()
        .map(|section| {
            let name = sections.section_name(endian, section).unwrap();
            let flags = section.sh_flags(endian).0;
            let loaded = flags & SHF_ALLOC.0 != 0 && !is_for_the_loader(name);
            let size: u64 = section.sh_size(endian).into();
            let address = loaded.then(|| *addresses.next().expect("as many as are loaded"))?;
            let kind = match section.sh_type(endian) {
                _ if name == b".data..percpu" => 'a',
                _ if flags & SHF_EXECINSTR.0 != 0 => 't',
                SHT_NOBITS => 'b',
                _ if flags & SHF_WRITE.0 != 0 => 'd',
                _ => 'r',
            };
            Some((kind, (name.to_vec(), address, size)))
        })
        .collect();
    assert_eq!(addresses.next(), None);
    let symbols = sections.symbols(endian, file, elf::SHT_SYMTAB).unwrap();
    let kept = symbols.iter().filter_map(|symbol| {
        let name = symbol.name(endian, symbols.strings()).unwrap();
        let index = usize::from(symbol.st_shndx(endian).0);
        let (kind, section) = placed.get(index).cloned().flatten()?;
        let kind = match (symbol.st_bind(), symbol.st_type()) {
            (elf::STB_WEAK, elf::STT_OBJECT) => 'v',
            (elf::STB_WEAK, _) => 'w',
            _ => kind,
        };
        let value: u64 = symbol.st_value(endian).into();
        let address = section.1 + value;
        let name = name.to_vec();
        (!name.is_empty()).then_some(Expected { name, address, kind, section })
    });
    kept.collect()
}

fn of<A: Arch>(file: &[u8], addresses: &[u64]) -> Vec<Expected> {
    match A::CLASS {
        modlink::arch::Class::Elf32 => expected::<elf::FileHeader32<Endianness>>(file, addresses),
        modlink::arch::Class::Elf64 => expected::<elf::FileHeader64<Endianness>>(file, addresses),
    }
}

fn seen(symbol: Kallsym<'_>) -> Expected {
    let Kallsym { name, address, kind, section } = symbol;
    let section = (section.name.to_vec(), section.address, section.size);
    Expected { name: name.to_vec(), address, kind, section }
}

fn is_mark(name: &[u8]) -> bool {
    name.starts_with(b".L")
        || matches!(
            name,
            [b'$', b'a' | b'd' | b't' | b'x'] | [b'$', b'a' | b'd' | b't' | b'x', b'.', ..]
        )
}

/// The name and bounds that belong to an address: as in Linux the nearest symbol before it, the first in
/// the file of several; but in its own section.
fn belongs(all: &[Expected], address: u64) -> Option<(&[u8], u64, u64)> {
    let is_in = |one: &&Expected| {
        let (_, start, size) = one.section;
        !is_mark(&one.name) && start <= address && address < start + size
    };
    let mut best: Option<&Expected> = None;
    let mut end = u64::MAX;
    for one in all.iter().filter(is_in) {
        end = end.min(one.section.1 + one.section.2);
        if one.address <= address && best.is_none_or(|best| best.address < one.address) {
            best = Some(one);
        }
        if one.address > address {
            end = end.min(one.address);
        }
    }
    best.map(|best| (&*best.name, best.address, end - best.address))
}

/// The addresses of the sections of a module of whose sections all are kept.
fn addresses<A: Arch>(module: &Module<HostKernel<A>>) -> Vec<u64> {
    module.sections().map(|section| section.address).collect()
}

/// Loads a real module; what it keeps while its init function runs, and afterwards, is what its symbol table
/// says. How many symbols those are.
fn check<A: Arch>(file: &[u8]) -> usize {
    let loader = HostKernel::<A>::new().keep_all_sections().export_all_for(file, &[]).boot();
    let all = Arc::new(Mutex::new(Vec::new()));
    let (into, text) = (all.clone(), file.to_vec());
    loader.platform().on_event(move |_, event, module| {
        if event == Event::Coming {
            let mut expected = of::<A>(&text, &addresses(module));
            let mut found: Vec<_> = module.kallsyms().map(seen).collect();
            *into.lock().unwrap() = expected.clone();
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "while its init function runs");
        }
    });
    let module = loader.load(file).unwrap();
    let all = std::mem::take(&mut *all.lock().unwrap());
    let core = module.core();
    let stays = |one: &&Expected| {
        one.section.0.is_empty() || !one.section.0.starts_with(b".init") || module.init().is_some()
    };
    let stay: Vec<_> = all.iter().filter(stays).cloned().collect();
    let mut found: Vec<_> = module.kallsyms().map(seen).collect();
    let mut sorted = stay.clone();
    sorted.sort();
    found.sort();
    assert_eq!(found, sorted, "once it is live");

    let mut names = HashSet::new();
    for one in &stay {
        let (_, start, size) = one.section;
        for address in [one.address, one.address + 1, one.address.wrapping_sub(1)] {
            if !(start..start + size).contains(&address) {
                continue;
            }
            let wanted = belongs(&stay, address);
            let got = loader.symbolize(address, |found: &Symbolized<'_>| {
                let section = found.section.expect("a module's");
                assert_eq!((section.address, section.size), (start, size));
                assert_eq!(section.name, one.section.0);
                assert_eq!(found.module, Some(module.name()));
                assert_eq!(found.offset(), address - found.start);
                (found.name.to_vec(), found.start, found.size)
            });
            let got = got.as_ref().map(|(name, start, size)| (&**name, *start, *size));
            assert_eq!(got, wanted, "{address:#x} of {core:#x?}");
        }
        if names.insert(&one.name) {
            let namesakes = || stay.iter().filter(|other| other.name == one.name);
            let found = loader.lookup_name(&one.name).expect("its name is kept");
            assert!(
                namesakes().any(|other| other.address == found)
                    || loader.symbol(&one.name).is_some_and(|symbol| symbol.owner.is_none()),
                "{}",
                one.name.escape_ascii()
            );
        }
    }
    // Those of the init part were found, and are no more.
    for one in all.iter().filter(|one| !stays(one)) {
        assert_eq!(loader.symbolize(one.address, |found| found.name.to_vec()), None);
    }
    stay.len()
}

on_every_architecture! {
    fn what_real_modules_keep_is_what_their_symbol_tables_say<A>() {
        let mut paths: Vec<_> = corpus::files::<A>().into_values().collect();
        paths.sort();
        let every = paths.len().div_ceil(60);
        let checked: usize =
            paths.iter().step_by(every).map(|path| check::<A>(&std::fs::read(path).unwrap())).sum();
        assert!(checked > 1000, "{checked}");
    }

    fn an_address_is_shown_as_linux_shows_it<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = ModuleFile::<A>::new("shown").init().exit().datum(".data.x", "first", Seen::Locally);
        let module = loader.load(&file.datum(".data.x", "next", Seen::Globally).build()).unwrap();
        let first = loader.lookup_name(b"first").unwrap();
        let next = loader.lookup_name(b"shown:next").unwrap();
        assert_eq!(loader.lookup_name(b"other:next"), None);
        assert_eq!(loader.lookup_name(b"shown:nex"), None);
        let shown = |address| loader.symbolize(address, |found| found.to_string());
        let length = next - first;
        assert_eq!(shown(first), Some(format!("first+0x0/{length:#x} [shown]")));
        assert_eq!(shown(next - 1), Some(format!("first+{:#x}/{length:#x} [shown]", length - 1)));
        assert!(shown(next).unwrap().starts_with("next+0x0/0x"));
        assert_eq!(shown(module.core().end - 1), None, "there is no symbol");
        assert_eq!(shown(module.core().end), None);
        assert_eq!(shown(0), None);
        drop(module);
        loader.unload(b"shown", false).unwrap();
        assert_eq!(shown(first), None);
        assert_eq!(loader.lookup_name(b"first"), None);
    }

    fn the_end_of_a_section_names_nothing_of_the_next_one<A>() {
        for order in [["end", "start"], ["start", "end"]] {
            let section = |file: ModuleFile<A>, name| {
                file.section(name, SectionKind::Data, b"12345678", 1)
            };
            let file = section(section(ModuleFile::new("m"), ".data.x"), ".data.y");
            let file = order.iter().fold(file, |file, name| match *name {
                "end" => file.exports_at(".data.x", 8, "end"),
                _ => file.exports_at(".data.y", 0, "start"),
            });
            let loader = HostKernel::<A>::new().boot();
            let module = loader.load(&file.build()).unwrap();
            let [end, start] = [&b"end"[..], b"start"].map(|name| loader.lookup_name(name).unwrap());
            assert_eq!(end, start, "one is right after the other");
            let found = module.symbolize(start).expect("it starts there");
            assert_eq!((found.name, found.size), (&b"start"[..], 8));
            assert_eq!(module.symbolize(end - 1).map(|found| found.name.to_vec()), None);
        }
    }

    fn names_that_share_their_bytes_are_not_kept_without_end<A>() {
        // Many symbols of one long name.
        let long = "x".repeat(600);
        let of = |count: usize| {
            let file = ModuleFile::<A>::new("m").section(".data.x", SectionKind::Data, b"1", 1);
            let file = (0..count).fold(file, |file, number| {
                file.datum(".data.y", &format!("{long}{number}"), Seen::Locally)
            });
            file.build()
        };
        let file = of(2);
        let loader = HostKernel::<A>::new().boot();
        let module = loader.load(&file).unwrap();
        // Cut to what Linux keeps.
        let kept: Vec<_> = module.kallsyms().filter(|symbol| symbol.name.len() > 500).collect();
        assert_eq!(kept.len(), 2);
        assert!(kept.iter().all(|symbol| symbol.name == &long.as_bytes()[..511]));
        drop(module);
        loader.unload(b"m", false).unwrap();

        let file = ModuleFile::<A>::new("m").datum(".data.y", &long, Seen::Locally);
        let file = (0..1000).fold(file, |file, number| {
            file.datum(".data.y", &format!("f{number}"), Seen::Locally)
        });
        let mut file = file.build();
        share_names(&mut file);
        let before = loader.platform().snapshot();
        let error = loader.load(&file).unwrap_err();
        assert!(matches!(error, LoadError::Image(_)), "{error}");
        assert!(error.to_string().ends_with("too many names share bytes, so that they cannot be kept"), "{error}");
        assert!(error.to_string().len() < 400);
        assert_eq!(error.errno(), modlink::Errno::ENOEXEC);
        assert_eq!(loader.platform().snapshot(), before);
    }
}

/// Gives all symbols whose names start with `f` that of the first that starts with `x`.
fn share_names(file: &mut [u8]) {
    match file[4] {
        1 => share_names_of::<elf::FileHeader32<Endianness>>(file),
        _ => share_names_of::<elf::FileHeader64<Endianness>>(file),
    }
}

fn share_names_of<H: FileHeader<Endian = Endianness>>(file: &mut [u8]) {
    let copy = file.to_vec();
    let header = H::parse(&*copy).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, &*copy).unwrap();
    let symbols = sections.symbols(endian, &*copy, elf::SHT_SYMTAB).unwrap();
    let table = sections.section(symbols.section()).unwrap();
    let at: u64 = table.sh_offset(endian).into();
    let starts = |symbol: &H::Sym, with: &[u8]| {
        symbol.name(endian, symbols.strings()).unwrap().starts_with(with)
    };
    let shared = symbols.iter().find(|symbol| starts(symbol, b"x")).unwrap().st_name(endian);
    let shared = if copy[5] == 2 { shared.to_be_bytes() } else { shared.to_le_bytes() };
    for (index, _) in symbols.enumerate().filter(|(_, symbol)| starts(symbol, b"f")) {
        let field = at as usize + index.0 * size_of::<H::Sym>();
        file[field..field + 4].copy_from_slice(&shared);
    }
}

/// A kernel that has names for addresses of its own, and keeps the names of all symbols or those in code.
struct Named<A: Arch, const TEXT_ONLY: bool>(HostKernel<A>);

impl<A: Arch, const TEXT_ONLY: bool> Named<A, TEXT_ONLY> {
    /// The bytes that have its one name.
    const SIZE: u64 = 0x40;

    fn boot() -> Loader<Self> {
        Loader::new(Self(HostKernel::new()))
    }

    fn start(&self) -> u64 {
        *self.0.kernel().start()
    }
}

// SAFETY: that of a kernel of the host's, and no module's code runs.
unsafe impl<A: Arch, const TEXT_ONLY: bool> Platform for Named<A, TEXT_ONLY> {
    type Arch = A;
    type Memory = HostMemory;

    const KALLSYMS: Kallsyms = if TEXT_ONLY { Kallsyms::TextOnly } else { Kallsyms::All };

    fn kernel(&self) -> RangeInclusive<u64> {
        self.0.kernel()
    }

    fn module_range(&self) -> RangeInclusive<u64> {
        self.0.module_range()
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<HostMemory, AllocateError> {
        self.0.allocate(request)
    }

    fn symbol(&self, _: &[u8]) -> Result<Option<modlink::symbols::Symbol<'_>>, KsymtabError> {
        Ok(None)
    }

    fn kernel_symbol(&self, address: u64) -> Option<Symbolized<'_>> {
        let (start, size) = (self.start(), Self::SIZE);
        let is_there = (start..start + size).contains(&address);
        is_there.then(|| Symbolized::of_kernel(address, b"kernels", start, size))
    }

    fn kernel_symbol_named(&self, name: &[u8]) -> Option<u64> {
        (name == b"kernels").then(|| self.start())
    }

    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn log(&self, _: Level, _: fmt::Arguments<'_>) {}

    unsafe fn call_init(&self, _: u64) -> Result<i32, Faulted> {
        Ok(0)
    }

    unsafe fn call_exit(&self, _: u64) -> Result<(), Faulted> {
        Ok(())
    }
}

mod kernels {
    use super::*;

    on_every_architecture! {
    fn a_kernel_has_names_of_its_own<A>() {
        let loader = Named::<A, false>::boot();
        let file = ModuleFile::<A>::new("m").function(".text.x", "kernels", Seen::Locally);
        let module = loader.load(&file.function(".text.x", "modules", Seen::Locally).build()).unwrap();
        let start = loader.platform().start();
        let shown = |address| loader.symbolize(address, |found| {
            (found.to_string(), found.module.is_some(), found.section.is_some())
        });
        assert_eq!(shown(start), Some(("kernels+0x0/0x40".into(), false, false)));
        assert_eq!(shown(start + 0x3f), Some(("kernels+0x3f/0x40".into(), false, false)));
        assert_eq!(shown(start + 0x40), None);
        assert_eq!(loader.lookup_name(b"kernels"), Some(start), "the kernel's before a module's");
        let own = loader.lookup_name(b"m:kernels").unwrap();
        assert!(module.core().contains(&own));
        assert_eq!(shown(own + 1), Some(("kernels+0x1/0x10 [m]".into(), true, true)));
        assert_eq!(loader.lookup_name(b"modules"), Some(own + FUNCTION));
        assert_eq!(loader.lookup_name(b"nobodys"), None);
        // One that says nothing has those that it exports, by name.
        let loader = HostKernel::<A>::new().export("exported").boot();
        let address = loader.platform().address_of("exported");
        assert_eq!(loader.lookup_name(b"exported"), Some(address));
        assert!(loader.symbolize(address, |_| ()).is_none());
    }

    fn of_text_only_nothing_else_has_a_name<A>() {
        let file = ModuleFile::<A>::new("m").function(".text.x", "code", Seen::Locally);
        let file = file.function(".init.text.x", "started", Seen::Locally).init();
        let file = file.datum(".data.x", "data", Seen::Globally).build();
        let all = Named::<A, false>::boot();
        let (module, data) = (all.load(&file).unwrap(), all.lookup_name(b"data").unwrap());
        let offset = data - module.core().start;
        assert!(all.symbolize(data, |_| ()).is_some());

        let loader = Named::<A, true>::boot();
        let module = loader.load(&file).unwrap();
        assert_eq!(loader.lookup_name(b"data"), None);
        assert_eq!(loader.symbolize(module.core().start + offset, |found| found.to_string()), None);
        let code = loader.lookup_name(b"code").unwrap();
        let shown = loader.symbolize(code, |found| found.to_string());
        assert_eq!(shown.as_deref(), Some("code+0x0/0x10 [m]"));
        assert!(module.kallsyms().all(|symbol| symbol.kind == 't'));
        assert!(module.kallsyms().count() > 0);
    }
    }
}

#[cfg(feature = "proc")]
mod text {
    use super::*;
    use modlink::arch::Class;
    use modlink::text::{Addresses, KernelLine, kallsyms, read_at};

    const KERNEL: [KernelLine<'static>; 2] = [
        KernelLine { address: 0x1000, kind: 'T', name: b"kernels" },
        KernelLine { address: 0xfedc_ba98, kind: 'b', name: b"odd one" },
    ];

    on_every_architecture! {
        fn proc_kallsyms_has_a_line_for_each_symbol_as_in_linux<A>() {
            let loader = HostKernel::<A>::new().boot();
            let first = ModuleFile::<A>::new("first").function(".text.x", "local", Seen::Locally);
            let first = first.exports("everybodys").exports_gpl("gpls");
            let first = first.datum(".data.x", "odd \\name", Seen::Globally);
            let first = loader.load(&first.build()).unwrap();
            let second = ModuleFile::<A>::new("second").function(".text.x", "later", Seen::Weakly);
            let second = loader.load(&second.build()).unwrap();
            let write = |addresses| {
                let mut text = String::new();
                kallsyms(&loader, KERNEL, addresses, &mut text).unwrap();
                text
            };
            let digits = if A::CLASS == Class::Elf32 { 8 } else { 16 };
            let of = |symbol: &str| loader.lookup_name(symbol.as_bytes()).unwrap();
            let line = |address: u64, rest: &str| format!("{address:0digits$x} {rest}\n");
            let shown = write(Addresses::Shown);
            let kernel = line(0x1000, "T kernels") + &line(0xfedc_ba98, "b odd\\x20one");
            let rest = shown.strip_prefix(&kernel).expect("the kernel's come first");
            for (address, rest) in [
                (of("local"), "t local\t[first]"),
                (of("everybodys"), "T everybodys\t[first]"),
                (of("gpls"), "t gpls\t[first]"),
                (of("odd \\name"), "d odd\\x20\\x5cname\t[first]"),
                (of("later"), "w later\t[second]"),
            ] {
                assert_eq!(shown.matches(&line(address, rest)).count(), 1, "{rest}\n{shown}");
            }
            // The one loaded last first, and of each what it keeps in that order.
            let mut lines = rest.lines();
            for (module, name) in [(&second, "second"), (&first, "first")] {
                for symbol in module.kallsyms() {
                    let line = lines.next().expect("a line for each");
                    assert!(line.starts_with(&format!("{:0digits$x} ", symbol.address)), "{line}");
                    assert!(line.ends_with(&format!("\t[{name}]")), "{line}");
                }
            }
            assert_eq!(lines.next(), None);

            let hidden = write(Addresses::Hidden);
            let zeros = "0".repeat(digits);
            let expected = shown.lines().map(|line| zeros.clone() + &line[digits..] + "\n");
            assert_eq!(hidden, expected.collect::<String>());

            // A part at a time it is the same.
            for room in [1, 7, 64, 4096] {
                let (mut parts, mut buffer) = (Vec::new(), vec![0; room]);
                loop {
                    let filled = read_at(parts.len() as u64, &mut buffer, |out| {
                        kallsyms(&loader, KERNEL, Addresses::Shown, out)
                    });
                    if filled == 0 {
                        break;
                    }
                    parts.extend_from_slice(&buffer[..filled]);
                }
                assert_eq!(String::from_utf8(parts).unwrap(), shown, "{room}");
            }
        }
    }
}
