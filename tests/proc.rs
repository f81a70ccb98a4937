//! Text that a file system serves: /proc/modules, /proc/sys/kernel/tainted, /sys/module, counters.
#![cfg(feature = "proc")]

use modlink::arch::{Arch, Class};
use modlink::counters::Reason;
use modlink::text::sys::{Attribute, Error, Kind, Path};
use modlink::text::{self, Addresses};
use modlink::{Errno, LoadOptions, Loader, Platform, Taints};
use modlink_host::{HostKernel, HostLoader, ModuleFile, on_every_architecture};
use object::SectionKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn modules<P: Platform>(loader: &Loader<P>, addresses: Addresses) -> String {
    let mut text = String::new();
    text::modules(loader, addresses, &mut text).unwrap();
    text
}

fn tainted<P: Platform>(loader: &Loader<P>) -> String {
    let mut text = String::new();
    text::tainted(loader, &mut text).unwrap();
    text
}

/// What is at a path below /sys/module.
fn read<P: Platform>(loader: &Loader<P>, path: &str) -> Result<String, Error> {
    let mut text = String::new();
    let path = Path::parse(path.as_bytes()).ok_or(Error::NotFound)?;
    path.write(loader, Addresses::Shown, &mut text)?;
    Ok(text)
}

/// What is in a folder there.
fn list<P: Platform>(loader: &Loader<P>, path: &str) -> Result<Vec<(Kind, String)>, Error> {
    let mut found = Vec::new();
    let path = Path::parse(path.as_bytes()).ok_or(Error::NotFound)?;
    path.list(loader, &mut |kind, name| {
        found.push((kind, String::from_utf8_lossy(name).into_owned()));
    })?;
    Ok(found)
}

fn names<P: Platform>(loader: &Loader<P>, path: &str) -> Vec<String> {
    list(loader, path).unwrap().into_iter().map(|(_, name)| name).collect()
}

fn address<A: Arch>(address: u64) -> String {
    match A::CLASS {
        Class::Elf32 => format!("0x{address:08x}"),
        Class::Elf64 => format!("0x{address:016x}"),
    }
}

/// The core part of a module, and its address and size as they are written.
fn core<A: Arch>(loader: &HostLoader<A>, name: &str) -> (String, u64) {
    let core = loader.platform().look(name, |module| module.core());
    (address::<A>(core.start), core.end - core.start)
}

on_every_architecture! {
    fn without_modules_all_is_empty_but_there<A>() {
        let loader = HostKernel::<A>::new().boot();
        assert_eq!(modules(&loader, Addresses::Shown), "");
        assert_eq!(tainted(&loader), "0\n");
        assert_eq!(list(&loader, "").unwrap(), []);
        assert_eq!(read(&loader, ""), Err(Error::IsDirectory));
        for path in ["m", "m/", "m/refcnt", "m/holders", "m/holders/n", "m/sections/.text", "/", "//"] {
            assert_eq!(read(&loader, path), Err(Error::NotFound), "{path}");
            assert_eq!(list(&loader, path), Err(Error::NotFound), "{path}");
        }
    }

    fn a_line_has_the_seven_words_of_linux<A>() {
        let loader = HostKernel::<A>::new().boot();
        let module = ModuleFile::<A>::new("m").out_of_tree().says("license", "Proprietary");
        loader.load(&module.exit().build()).unwrap();
        loader.load(&ModuleFile::<A>::new("clean").build()).unwrap();
        let (at, size) = core(&loader, "m");
        let (clean_at, clean_size) = core(&loader, "clean");
        assert_eq!(
            modules(&loader, Addresses::Shown),
            format!("clean {clean_size} 0 - Live {clean_at}\nm {size} 0 - Live {at} (PO)\n")
        );
        let zero = address::<A>(0);
        assert_eq!(
            modules(&loader, Addresses::Hidden),
            format!("clean {clean_size} 0 - Live {zero}\nm {size} 0 - Live {zero} (PO)\n")
        );
        assert_eq!(tainted(&loader), "4097\n");
    }

    fn users_stand_with_commas_the_newest_first_and_permanent_after_them<A>() {
        let loader = HostKernel::<A>::new().boot();
        let owner = ModuleFile::<A>::new("owner").exports("symbol").init();
        loader.load(&owner.build()).unwrap();
        let field = |name: &str, index: usize| {
            let text = modules(&loader, Addresses::Hidden);
            let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
            line.split(' ').nth(index).unwrap().to_owned()
        };
        assert_eq!((field("owner", 2), field("owner", 3)), ("0".into(), "[permanent],".into()));
        for name in ["first", "second"] {
            let user = ModuleFile::<A>::new(name).imports("symbol");
            loader.load(&user.build()).unwrap();
        }
        let held = loader.find(b"owner");
        assert_eq!(field("owner", 2), "3");
        assert_eq!(field("owner", 3), "second,first,[permanent],");
        assert_eq!(field("first", 3), "-");
        drop(held);
        loader.unload(b"second", false).unwrap();
        assert_eq!((field("owner", 2), field("owner", 3)), ("1".into(), "first,[permanent],".into()));
    }

    fn a_module_is_loading_then_live_then_unloading<A>() {
        let loader = HostKernel::<A>::new().boot();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let look = |seen: &Arc<Mutex<Vec<String>>>, loader: &HostLoader<A>| {
            let state = read(loader, "m/initstate").unwrap();
            let sizes = [read(loader, "m/initsize").unwrap(), read(loader, "m/coresize").unwrap()];
            let sizes = sizes.map(|size| size.trim_end().parse::<u64>().unwrap());
            let text = modules(loader, Addresses::Hidden);
            let words: Vec<_> = text.trim_end().split(' ').collect();
            assert_eq!(words[1].parse::<u64>().unwrap(), sizes[0] + sizes[1]);
            let has_init = sizes[0] != 0;
            seen.lock().unwrap().push(format!(
                "{} {} {} {} {has_init}", words[2], words[4], words[6], state.trim_end()
            ));
        };
        let kernel = loader.platform();
        let shared = seen.clone();
        kernel.on_init("m", move |loader| {
            look(&shared, loader);
            0
        });
        let shared = seen.clone();
        kernel.on_exit("m", move |loader| look(&shared, loader));
        let file = ModuleFile::<A>::new("m").out_of_tree().init().exit();
        let file = file.section(".init.data", SectionKind::Data, b"x", 1).build();
        drop(loader.load(&file).unwrap());
        look(&seen, &loader);
        loader.unload(b"m", false).unwrap();
        assert_eq!(
            *seen.lock().unwrap(),
            [
                "1 Loading (O+) coming true",
                "0 Live (O) live false",
                "-1 Unloading (O-) going false",
            ]
        );
        assert_eq!(modules(&loader, Addresses::Shown), "");
    }

    fn a_module_whose_init_has_failed_has_no_reference_of_its_load_when_it_goes<A>() {
        let loader = HostKernel::<A>::new().boot();
        let (seen, weak) = (Arc::new(Mutex::new(String::new())), Arc::downgrade(&loader));
        let shared = seen.clone();
        loader.platform().on_init("m", |_| -5);
        loader.platform().on_event(move |_, event, _| {
            if event == modlink::platform::Event::Going {
                *shared.lock().unwrap() = read(&weak.upgrade().unwrap(), "m/refcnt").unwrap();
            }
        });
        loader.load(&ModuleFile::<A>::new("m").init().build()).unwrap_err();
        assert_eq!(*seen.lock().unwrap(), "0\n");
    }

    fn who_cannot_be_linked_to_is_no_holder<A>() {
        let loader = HostKernel::<A>::new().boot();
        drop(loader.load(&ModuleFile::<A>::new("owner").exports("f").build()).unwrap());
        for name in ["..", "dri\u{fc}er", "a\\b", "driver"] {
            drop(loader.load(&ModuleFile::<A>::new(name).imports("f").build()).unwrap());
        }
        let mut holders = Vec::new();
        let path = Path::parse(b"owner/holders").unwrap();
        path.list(&loader, &mut |_, name| holders.push(name.to_vec())).unwrap();
        assert_eq!(holders, [b"driver"]);
        for hidden in [&b"dri\xc3\xbcer"[..], b"a\\b"] {
            assert_eq!(Path::Holder(b"owner", hidden).kind(&loader), Err(Error::NotFound));
        }
    }

    fn sections_with_names_that_no_file_can_have_are_not_kept<A>() {
        let loader = HostKernel::<A>::new().keep_all_sections().boot();
        let name = "n".repeat(256);
        let file = ModuleFile::<A>::new("m").section(&name, SectionKind::Data, b"x", 1);
        let file = file.section(&name[1..], SectionKind::Data, b"y", 1);
        let module = loader.load(&file.build()).unwrap();
        assert!(module.section(name.as_bytes()).is_none());
        assert!(module.section(&name.as_bytes()[1..]).is_some());
    }

    fn a_modules_folder_has_what_there_is_of_it<A>() {
        let loader = HostKernel::<A>::new().keep_all_sections().boot();
        let owner = ModuleFile::<A>::new("owner").exports("symbol").versioned().out_of_tree();
        let owner = owner.says("version", "1.2").says("srcversion", "ABCD").build();
        let held = loader.load(&owner).unwrap();
        let user = ModuleFile::<A>::new("user").imports("symbol").versioned();
        loader.load(&user.build()).unwrap();

        let folders = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| (Kind::Directory, (*name).to_owned())).collect()
        };
        assert_eq!(list(&loader, "").unwrap(), folders(&["user", "owner"]));
        let all = ["coresize", "initsize", "initstate", "refcnt", "srcversion", "taint", "version"];
        let files: Vec<_> = all.iter().map(|name| (Kind::File, (*name).to_owned())).collect();
        let (inside, below) = (list(&loader, "owner").unwrap(), folders(&["holders", "sections"]));
        assert_eq!(inside, [files, below].concat());
        let without = names(&loader, "user");
        assert!(!without.contains(&"version".into()) && !without.contains(&"srcversion".into()));

        let (at, size) = core(&loader, "owner");
        for (path, text) in [
            ("owner/coresize", &format!("{size}\n")[..]),
            ("owner/initsize", "0\n"),
            ("owner/initstate", "live\n"),
            ("owner/refcnt", "2\n"),
            ("owner/srcversion", "ABCD\n"),
            ("owner/taint", "O\n"),
            ("owner/version", "1.2\n"),
            ("user/taint", "\n"),
            ("user/refcnt", "0\n"),
            ("owner/holders/user", "../../user"),
        ] {
            assert_eq!(read(&loader, path).as_deref(), Ok(text), "{path}");
            assert_eq!(list(&loader, path), Err(Error::NotDirectory), "{path}");
        }
        assert_eq!(list(&loader, "owner/holders").unwrap(), [(Kind::Link, "user".to_owned())]);
        assert_eq!(list(&loader, "user/holders").unwrap(), []);

        // Each section's address is the one that the module itself says.
        let sections = names(&loader, "owner/sections");
        assert!(sections.contains(&".text".into()), "{sections:?}");
        for name in &sections {
            let section = held.section(name.as_bytes()).unwrap().address;
            let path = format!("owner/sections/{name}");
            assert_eq!(read(&loader, &path).unwrap(), address::<A>(section) + "\n");
        }
        assert_eq!(read(&loader, "owner/sections/.text").unwrap().trim_end(), at);
        let mut hidden = String::new();
        let path = Path::parse(b"owner/sections/.text").unwrap();
        path.write(&loader, Addresses::Hidden, &mut hidden).unwrap();
        assert_eq!(hidden, address::<A>(0) + "\n");

        for path in ["owner", "owner/holders", "owner/sections", "user"] {
            assert_eq!(read(&loader, path), Err(Error::IsDirectory), "{path}");
        }
        for path in [
            "owne", "owner/", "owner/refcn", "owner/refcnt/", "owner/refcnt/x", "user/version",
            "user/srcversion", "user/holders/owner", "owner/holders/", "owner/holders/owner",
            "owner/sections/", "owner/sections/.texts", "nobody/refcnt", "nobody/holders",
            "owner/sections/.text/x", "../owner", "./owner", "owner//refcnt",
        ] {
            assert_eq!(read(&loader, path), Err(Error::NotFound), "{path}");
            assert_eq!(list(&loader, path), Err(Error::NotFound), "{path}");
        }
        assert_eq!(Error::NotFound.errno(), Errno::ENOENT);
        assert_eq!(Error::IsDirectory.errno().number(), 21);
        assert_eq!(Error::NotDirectory.errno().number(), 20);
        assert_eq!(Path::parse(b"m/taint"), Some(Path::Attribute(b"m", Attribute::Taint)));
    }

    fn names_that_no_line_or_file_can_have_break_neither<A>() {
        let loader = HostKernel::<A>::new().keep_all_sections().boot();
        let odd = ["a b\n", "c/d", "..", "e\\f", "\u{fc}"];
        for name in odd {
            let file = ModuleFile::<A>::new(name).says("version", "1\n2");
            let file = file.section("x/y", SectionKind::Data, b"x", 1);
            loader.load(&file.build()).unwrap();
        }
        let text = modules(&loader, Addresses::Hidden);
        let first: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(first, ["\\xc3\\xbc", "e\\x5cf", "..", "c/d", "a\\x20b\\x0a"]);
        assert!(text.lines().all(|line| line.split(' ').count() == 6), "{text}");
        assert_eq!(names(&loader, ""), ["\u{fc}", "e\\f", "c!d", "a b\n"]);
        assert_eq!(read(&loader, "c!d/initstate").unwrap(), "live\n");
        assert_eq!(read(&loader, "c!d/version").unwrap(), "1\\x0a2\n");
        assert_eq!(read(&loader, "c/d/initstate"), Err(Error::NotFound));
        assert_eq!(read(&loader, "../initstate"), Err(Error::NotFound));
        assert_eq!(read(&loader, "c!d/sections/x/y"), Err(Error::NotFound));
        assert!(!names(&loader, "c!d/sections").contains(&"x/y".into()));
    }

    fn parts_of_a_text_make_the_whole<A>() {
        let loader = HostKernel::<A>::new().boot();
        for number in 0..7 {
            loader.load(&ModuleFile::<A>::new(&format!("m{number}")).build()).unwrap();
        }
        let whole = modules(&loader, Addresses::Shown);
        for room in [1, 2, 3, 10, whole.len() - 1, whole.len(), whole.len() + 1] {
            let mut parts = Vec::new();
            let mut buffer = vec![0; room];
            loop {
                let offset = parts.len() as u64;
                let length = text::read_at(offset, &mut buffer, |out| {
                    text::modules(&loader, Addresses::Shown, out)
                });
                parts.extend_from_slice(&buffer[..length]);
                assert!(parts.len() <= whole.len(), "{room} bytes at a time");
                if length < room {
                    break;
                }
            }
            assert_eq!(parts, whole.as_bytes(), "{room} bytes at a time");
        }
        let write = |out: &mut dyn std::fmt::Write| text::modules(&loader, Addresses::Shown, out);
        assert_eq!(text::read_at(u64::MAX, &mut [0; 8], write), 0);
    }

    fn what_a_module_says_of_itself_is_kept_up_to_a_limit<A>() {
        let loader = HostKernel::<A>::new().boot();
        let long = "v".repeat(5000);
        let file = ModuleFile::<A>::new("m").says("version", &long).says("license", "MIT");
        let module = loader.load(&file.says("version", "later").build()).unwrap();
        assert_eq!(module.version().unwrap(), &long.as_bytes()[..4094]);
        assert_eq!((module.srcversion(), module.license()), (None, Some(&b"MIT"[..])));
        assert_eq!(module.imported_namespaces().count(), 0);
        let file = ModuleFile::<A>::new("o").says("import_ns", "A").says("import_ns", "").says("import_ns", "B");
        let module = loader.load(&(0..40).fold(file, |file, _| file.says("import_ns", "A")).build()).unwrap();
        let namespaces: Vec<_> = module.imported_namespaces().collect();
        assert_eq!((&namespaces[..4], namespaces.len()), (&[&b"A"[..], b"", b"B", b"A"][..], 32));
        let file = ModuleFile::<A>::new("n").says("version", "");
        assert_eq!(loader.load(&file.build()).unwrap().version(), Some(&b""[..]));
        assert_eq!(read(&loader, "n/version").unwrap(), "\n");
    }

    fn each_load_and_unload_is_counted_once<A>() {
        let step = Duration::from_micros(1500);
        let loader = HostKernel::<A>::new().with_clock(step).deny("denied").boot();
        let kernel = loader.platform();
        kernel.on_init("fails", |_| -Errno::ENODEV.number());
        kernel.on_init("odd", |_| -3);
        let module = |name| ModuleFile::<A>::new(name).init().exit().build();
        let files = [module("m"), module("m"), module("m"), module("denied"), module("fails")];
        let bytes: Vec<usize> = files.iter().map(Vec::len).collect();
        for file in &files {
            let _ = loader.load(file);
        }
        let unknown = ModuleFile::<A>::new("u").imports("nobody_has_it").build();
        let odd = module("odd");
        for file in [&unknown[..], &odd, b"not a module"] {
            loader.load(file).unwrap_err();
        }
        loader.load_reading(&module("n"), LoadOptions::default(), || Err(Errno::EFAULT)).unwrap_err();
        let core = core(&loader, "m").1;
        let statistics = loader.find(b"m").unwrap().statistics();
        assert_eq!(statistics.core, core);

        let now = loader.counters();
        assert_eq!((now.loads, now.load_bytes as u64), (1, core + statistics.init));
        assert_eq!((now.unloads, now.failed_unloads, now.failed_loads), (0, 0, 8));
        let others = unknown.len() + odd.len() + b"not a module".len() + module("n").len();
        assert_eq!(now.failed_bytes, bytes[1..].iter().sum::<usize>() + others);
        assert_eq!((now.duplicate_loads, now.duplicate_bytes), (2, bytes[1] + bytes[2]));
        assert_eq!(now.duplicate_time, 2 * step);
        let failed: Vec<_> = now.by_errno().filter(|(_, number)| *number != 0).collect();
        let one = |errno| (errno, 1);
        assert_eq!(
            failed,
            [
                one(Errno::EPERM),
                one(Errno::ENOENT),
                one(Errno::ENOEXEC),
                one(Errno::EFAULT),
                (Errno::EEXIST, 2),
                one(Errno::ENODEV),
            ]
        );
        let reasons: Vec<_> = now.by_reason().collect();
        assert_eq!(
            reasons,
            [
                (Reason::Policy, 1),
                (Reason::Format, 1),
                (Reason::Version, 0),
                (Reason::Duplicate, 2),
                (Reason::Memory, 0),
                (Reason::Symbol, 1),
                (Reason::Arguments, 1),
                (Reason::Init, 2),
            ]
        );

        loader.unload(b"nobody", false).unwrap_err();
        loader.unload(b"m", false).unwrap();
        let now = loader.counters();
        assert_eq!((now.unloads, now.failed_unloads), (1, 1));
        let mut text = String::new();
        text::counters(&loader, &mut text).unwrap();
        for line in [
            "loads 1", "unloads 1", "failed_loads 8", "duplicate_loads 2",
            "duplicate_microseconds 3000", "failed_loads_init 2", "failed_loads_memory 0",
            "failed_loads_EEXIST 2", "failed_loads_ENODEV 1", "failed_loads_other_errno 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
        assert!(text.lines().all(|line| line.split(' ').count() == 2), "{text}");
    }

    fn no_time_is_counted_without_a_clock<A>() {
        let loader = HostKernel::<A>::new().boot();
        let file = ModuleFile::<A>::new("m").build();
        loader.load(&file).unwrap();
        loader.load(&file).unwrap_err();
        let now = loader.counters();
        assert_eq!((now.duplicate_loads, now.duplicate_time), (1, Duration::ZERO));
    }

    fn a_text_is_of_one_moment_whatever_is_loaded_while_it_is_written<A>() {
        /// Loads a user of what is written about, as soon as something is.
        struct Meddler<'l, A: Arch>(&'l HostLoader<A>, String);

        impl<A: Arch> std::fmt::Write for Meddler<'_, A> {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                if self.1.is_empty() {
                    let late = ModuleFile::<A>::new("late").imports("symbol");
                    drop(self.0.load(&late.build()).unwrap());
                }
                self.1 += text;
                Ok(())
            }
        }

        let loader = HostKernel::<A>::new().boot();
        loader.load(&ModuleFile::<A>::new("owner").exports("symbol").build()).unwrap();
        loader.load(&ModuleFile::<A>::new("first").build()).unwrap();
        let mut text = Meddler(&loader, String::new());
        text::modules(&loader, Addresses::Hidden, &mut text).unwrap();
        let (first, owner) = text.1.trim_end().split_once('\n').unwrap();
        assert!(first.starts_with("first "), "{first}");
        let words: Vec<_> = owner.split(' ').collect();
        assert_eq!((words[0], words[3], owner.lines().count()), ("owner", "-", 1), "{owner}");
        assert!(modules(&loader, Addresses::Hidden).contains(" 1 late, Live "));
    }

    fn the_users_in_a_text_are_modules_in_it_while_they_come_and_go<A>() {
        let loader = HostKernel::<A>::new().boot();
        let owner = ModuleFile::<A>::new("owner").exports("symbol").versioned();
        loader.load(&owner.build()).unwrap();
        let done = AtomicBool::new(false);
        let seen = thread::scope(|scope| {
            for worker in 0..2 {
                let (loader, done) = (&loader, &done);
                scope.spawn(move || {
                    for round in 0..60 {
                        let name = format!("w{worker}r{}", round % 3);
                        let user = ModuleFile::<A>::new(&name).imports("symbol").init().exit();
                        drop(loader.load(&user.versioned().build()).unwrap());
                        // Another one may be looking at its name; nobody else holds it.
                        loader.unload(name.as_bytes(), false).unwrap();
                    }
                    done.store(true, Ordering::Release);
                });
            }
            let mut seen = 0;
            while !done.load(Ordering::Acquire) {
                let text = modules(&loader, Addresses::Shown);
                let lines: Vec<Vec<&str>> =
                    text.lines().map(|line| line.split(' ').collect()).collect();
                assert!(lines.iter().all(|words| words.len() >= 6), "{text}");
                let users = lines.iter().flat_map(|words| words[3].split(',')).filter(|name| {
                    !matches!(*name, "" | "-" | "[permanent]")
                });
                for user in users {
                    seen += 1;
                    assert!(lines.iter().any(|words| words[0] == user), "{user} in {text}");
                }
                for (_, name) in list(&loader, "").unwrap() {
                    for file in ["refcnt", "taint", "initstate"] {
                        match read(&loader, &format!("{name}/{file}")) {
                            Ok(text) => assert!(text.ends_with('\n')),
                            Err(error) => assert_eq!(error, Error::NotFound),
                        }
                    }
                }
            }
            seen
        });
        assert!(seen > 0, "no user was seen");
        loader.reap();
        assert_eq!(names(&loader, ""), ["owner"]);
        assert_eq!(loader.platform().references("owner"), 0);
        assert_eq!(loader.taints(), Taints::empty());
    }
}
