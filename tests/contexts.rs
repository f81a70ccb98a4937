//! What may be called from an interrupt, a fault or an NMI neither waits, nor allocates, nor calls
//! what of the kernel needs a thread, whatever it interrupts.

use modlink::arch::{Arch, X86_64};
use modlink::symbols::{KernelSymbol, Ksymtab};
use modlink::{Function, Handle, Loader, Module, Platform, Reference, State, Taints};
use modlink_host::context::{interrupt, is_interrupt};
use modlink_host::{HostKernel, HostLoader, ModuleFile, on_every_architecture};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// A heap that is not for interrupts.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

fn needs_a_thread() {
    modlink_host::context::needs_a_thread("the heap is used");
}

// SAFETY: everything is the system's, which keeps the promises.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        needs_a_thread();
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        needs_a_thread();
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

type Kernel = HostKernel<X86_64>;

/// The chapter with the table of contexts.
const CHAPTER: &str = include_str!("../src/guide/contexts.md");

/// The functions that this table lists, and whether any context may call them.
fn listed() -> Vec<(&'static str, bool)> {
    let mut functions = Vec::new();
    for row in CHAPTER.lines().filter_map(|line| line.strip_prefix("| `")) {
        let mut cells = row.split(" | ");
        let (names, from) = (cells.next().expect("functions"), cells.next().expect("from"));
        let names = names.split('`').step_by(2).filter(|name| name.contains("::"));
        functions.extend(names.map(|name| (name, from)));
    }
    let from_any = |from: &str| match from.split([' ', ';', ',']).next() {
        Some("any") => true,
        Some("a" | "the") => false,
        _ => panic!("{from} is no context"),
    };
    functions.into_iter().map(|(name, from)| (name, from_any(from))).collect()
}

/// The name of the type in a line that starts with `impl`, of which this is what follows.
fn implemented_type(line: &str) -> &str {
    let mut depth = 0;
    let parameters = line.char_indices().find(|(_, character)| {
        depth += i32::from(*character == '<') - i32::from(*character == '>');
        depth == 0
    });
    let (end, _) = parameters.expect("all brackets close");
    let rest = line[end..].trim_start_matches(['>', ' ']);
    let rest = rest.rsplit(" for ").next().expect("a type");
    rest.split(['<', ' ']).next().expect("a name")
}

/// What the files of the loader and of modules make public, as `Type::function`.
fn public() -> Vec<String> {
    let files = [
        include_str!("../src/loader.rs"),
        include_str!("../src/loader/kallsyms.rs"),
        include_str!("../src/notifiers.rs"),
        include_str!("../src/exceptions.rs"),
        include_str!("../src/parameters/load.rs"),
        include_str!("../src/parameters/mod.rs"),
        include_str!("../src/module/mod.rs"),
        include_str!("../src/module/references.rs"),
        include_str!("../src/symbols/builtin.rs"),
        include_str!("../src/syscall/mod.rs"),
    ];
    let mut found = Vec::new();
    for file in files {
        let mut of = "syscall";
        for line in file.lines() {
            if let Some(rest) = line.strip_prefix("impl") {
                of = implemented_type(rest);
            }
            let words = line.trim_start().split([' ', '(', '<']);
            let mut words = words.skip_while(|word| ["const", "unsafe"].contains(word));
            let is_public = line.trim_start().starts_with("pub ");
            let mut words =
                words.by_ref().filter(|word| !["pub", "const", "unsafe"].contains(word));
            if is_public && words.next() == Some("fn") {
                found.push(format!("{of}::{}", words.next().expect("a name")));
            }
        }
    }
    found
}

#[test]
fn the_table_of_contexts_has_each_function_of_the_loader_once() {
    let listed = listed();
    let internal = ["Content::", "Entries::", "Extra::", "Notifiers::", "Parameters::"];
    let is_internal = |name: &&str| internal.iter().any(|of| name.starts_with(of));
    let public = public();
    assert!(public.len() > 35, "{public:?}");
    for name in public.iter().map(String::as_str).filter(|name| !is_internal(name)) {
        let count = listed.iter().filter(|(listed, _)| *listed == name).count();
        assert_eq!(count, 1, "{name} in the table of contexts of src/guide");
    }
}

/// What an interrupt saw, and how often.
#[derive(Default)]
struct Seen {
    interrupts: AtomicU64,
    found: AtomicU64,
    not_found: AtomicU64,
    exported: AtomicU64,
    not_exported: AtomicU64,
    located: AtomicU64,
    not_located: AtomicU64,
    got: AtomicU64,
    not_got: AtomicU64,
}

impl Seen {
    fn note(yes: &AtomicU64, no: &AtomicU64, which: bool) {
        let count = if which { yes } else { no };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn all(&self) -> [u64; 9] {
        let Self { interrupts, found, not_found, exported, not_exported, .. } = self;
        let Self { located, not_located, got, not_got, .. } = self;
        [interrupts, found, not_found, exported, not_exported, located, not_located, got, not_got]
            .map(|count| count.load(Ordering::Relaxed))
    }
}

/// What the handler of the signals looks at.
struct Subject {
    loader: Arc<HostLoader<X86_64>>,
    /// An address in the module that comes and goes, while it is there.
    address: AtomicU64,
    /// Of the module that stays, and of one that has left.
    handles: [Handle<Kernel>; 2],
    seen: Seen,
}

static SUBJECT: OnceLock<Subject> = OnceLock::new();

/// How many signals are being handled, each of which has interrupted the one before, and the most that
/// the stack has room for.
static DEPTH: AtomicU64 = AtomicU64::new(0);
const DEEPEST: u64 = 8;

extern "C" fn handler(_: libc::c_int) {
    DEPTH.fetch_add(1, Ordering::SeqCst);
    if let Some(subject) = SUBJECT.get() {
        interrupt(|| subject.look());
    }
    DEPTH.fetch_sub(1, Ordering::SeqCst);
}

impl Subject {
    /// All that an interrupt may do.
    fn look(&self) {
        let Self { loader, seen, .. } = self;
        seen.interrupts.fetch_add(1, Ordering::Relaxed);
        let found = loader.find(b"comes");
        if let Some(module) = &found {
            assert_eq!(module.name().as_bytes(), b"comes");
            let twice = module.clone();
            assert_ne!(twice.state(), State::Going);
            let core = twice.core();
            let at = loader.locate(core.start + 8);
            assert!(at.is_some_and(|(name, offset)| (name.as_bytes(), offset) == (b"comes", 8)));
        }
        Seen::note(&seen.found, &seen.not_found, found.is_some());
        drop(found);

        let exported = loader.symbol(b"comes_f");
        if let Some(exported) = &exported {
            let owner = exported.owner.as_ref().expect("a module's");
            assert!(owner.core().contains(&exported.address));
            assert_eq!(owner.export(b"comes_f").expect("it").address, exported.address);
        }
        Seen::note(&seen.exported, &seen.not_exported, exported.is_some());
        drop(exported);
        assert!(loader.symbol(b"kernels").is_some_and(|exported| exported.owner.is_none()));
        assert!(loader.symbol(b"nobodys").is_none());

        let address = self.address.load(Ordering::Relaxed);
        #[cfg(feature = "exceptions")]
        if let Some(exception) = loader.exception(address + 4) {
            assert!([address, address + 2].contains(&exception.fixup), "{:#x}", exception.fixup);
        }
        let located = loader.locate(address);
        #[cfg(feature = "kallsyms")]
        self.name();
        Seen::note(&seen.located, &seen.not_located, located.is_some());
        let mut modules = 0;
        loader.for_each(|module| modules += usize::from(!module.core().is_empty()));
        assert!(modules <= 3);
        #[cfg(feature = "proc")]
        self.write();

        for handle in &self.handles {
            let got = handle.clone().try_get();
            Seen::note(&seen.got, &seen.not_got, got.is_some());
        }
    }
}

#[cfg(feature = "kallsyms")]
impl Subject {
    /// All that an interrupt may ask of names.
    fn name(&self) {
        let loader = &*self.loader;
        assert_eq!(loader.lookup_name(b"stays:init_module"), None, "its init part is gone");
        let stays = loader.lookup_name(b"stays:cleanup_module").expect("it stays");
        let shown = loader.symbolize(stays, |one| (one.name == b"cleanup_module", one.start));
        assert_eq!(shown, Some((true, stays)));
        if let Some(address) = loader.lookup_name(b"comes:comes_f") {
            // It may have left meanwhile.
            loader.symbolize(address, |one| assert_eq!(one.start, address));
        }
        loader.for_each(|module| assert!((1..30).contains(&module.kallsyms().count())));
    }
}

#[cfg(feature = "proc")]
impl Subject {
    /// All the text that an interrupt may make.
    fn write(&self) {
        use modlink::text::{self, Addresses, sys::Path};
        let loader = &*self.loader;
        let mut room = [0; 1024];
        let length =
            text::read_at(0, &mut room, |out| text::modules(loader, Addresses::Shown, out));
        let lines = room[..length].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        assert!(lines.clone().any(|line| line.starts_with(b"stays ")));
        assert!(lines.count() <= 3);
        assert_eq!(text::read_at(0, &mut room, |out| text::tainted(loader, out)), 2);
        assert_ne!(text::read_at(0, &mut room, |out| text::counters(loader, out)), 0);
        let state = Path::parse(b"stays/initstate").expect("a path");
        let mut written = Ok(());
        let length = text::read_at(0, &mut room, |out| {
            written = state.write(loader, Addresses::Shown, out);
            Ok(())
        });
        assert_eq!((written, &room[..length]), (Ok(()), &b"live\n"[..]));
        let mut modules = 0;
        Path::Root.list(loader, &mut |_, _| modules += 1).expect("it is there");
        assert!((1..=3).contains(&modules));
    }
}

/// Sends the calling thread signals, as many as it can take, until `work` is done.
fn interrupted(work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    // SAFETY: it has no requirements.
    let thread = unsafe { libc::pthread_self() };
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                if DEPTH.load(Ordering::SeqCst) < DEEPEST {
                    // SAFETY: the thread is in this function until this one has ended.
                    unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
                }
                thread::sleep(Duration::from_micros(50));
            }
        });
        work();
        done.store(true, Ordering::SeqCst);
    });
}

fn accept_signals() {
    // SAFETY: all zeros are a valid value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // The handler may be interrupted by itself, as an interrupt by an NMI.
    action.sa_flags = libc::SA_RESTART | libc::SA_NODEFER;
    // SAFETY: the handler does nothing that a handler may not.
    assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) }, 0);
}

#[test]
fn interrupts_look_modules_symbols_and_addresses_up_whatever_they_interrupt() {
    let loader = HostKernel::<X86_64>::new().export("kernels").boot();
    let comes = ModuleFile::<X86_64>::new("comes").init().exit().exports("comes_f").build();
    let uses = ModuleFile::<X86_64>::new("uses").init().exit().imports("comes_f").build();
    let stays = ModuleFile::<X86_64>::new("stays").init().exit().build();
    let first = loader.load(&stays).unwrap();
    let left = loader.load(&comes).unwrap().handle();
    loader.unload(b"comes", false).unwrap();
    let subject = Subject {
        loader: loader.clone(),
        address: AtomicU64::new(first.core().start),
        handles: [first.handle(), left],
        seen: Seen::default(),
    };
    assert!(SUBJECT.set(subject).is_ok());
    let subject = SUBJECT.get().unwrap();
    drop(first);
    accept_signals();

    let enough = |subject: &Subject| subject.seen.all().iter().min() > Some(&100);
    let both = || {
        let mut rounds = 0;
        while rounds < 200 || !enough(subject) {
            // An interrupt may hold what is to go: it lets go soon.
            while loader.load(&comes).is_err() {}
            let module = loader.find(b"comes").expect("it is loaded");
            subject.address.store(module.core().start, Ordering::Relaxed);
            drop(module);
            while loader.load(&uses).is_err() {}
            while loader.unload(b"uses", false).is_err() {}
            while loader.unload(b"comes", false).is_err() {}
            rounds += 1;
            assert!(rounds < 50_000, "{:?}", subject.seen.all());
        }
    };
    interrupted(both);

    loader.reap();
    assert_eq!(loader.platform().names(), ["stays"]);
    loader.unload(b"stays", false).unwrap();
    loader.reap();
    assert_eq!(loader.platform().snapshot().blocks, []);
}

/// That of a module that another uses.
fn used<A: Arch>(loader: &HostLoader<A>) -> Reference<HostKernel<A>> {
    let file = ModuleFile::<A>::new("used").init().exit().exports("f").exports_gpl("g");
    #[cfg(feature = "exceptions")]
    let file = file.exception((".text", 4), (".text", 8), 1);
    drop(loader.load(&file.says("version", "1").versioned().build()).unwrap());
    let user = ModuleFile::<A>::new("user").imports("f").versioned();
    drop(loader.load(&user.build()).unwrap());
    loader.find(b"used").expect("it is loaded")
}

/// What the table has of features that this is compiled without.
fn absent() -> Vec<&'static str> {
    let of_features: [(bool, &[&str]); 5] = [
        (
            cfg!(feature = "exceptions"),
            &[
                "Loader::exception",
                "Table::new",
                "Table::sort",
                "Table::find",
                "Table::iter",
                "Table::len",
                "Table::is_empty",
                "X86::action",
            ],
        ),
        (
            cfg!(feature = "kallsyms"),
            &[
                "Loader::symbolize",
                "Loader::lookup_name",
                "Module::kallsyms",
                "Module::symbolize",
                "Symbolized::of_kernel",
                "Symbolized::offset",
            ],
        ),
        (cfg!(feature = "parameters"), &["Module::parameters", "Module::parameter"]),
        (cfg!(feature = "versions"), &["Module::is_forced"]),
        (
            cfg!(feature = "proc"),
            &[
                "Loader::counters",
                "Module::version",
                "Module::srcversion",
                "Module::license",
                "Module::imported_namespaces",
            ],
        ),
    ];
    of_features
        .iter()
        .filter(|(is_there, _)| !is_there)
        .flat_map(|(_, names)| *names)
        .copied()
        .collect()
}

/// Calls a function and notes its name, as the table has it.
macro_rules! call {
    ($called:ident, $of:ident::$function:ident($($argument:expr),*)) => {{
        $called.borrow_mut().push(concat!(stringify!($of), "::", stringify!($function)));
        $of::$function($($argument),*)
    }};
}

on_every_architecture! {
    fn what_the_table_gives_to_any_context_needs_no_thread_and_is_all_that_does_not<A>() {
        static TABLE: [KernelSymbol; 1] =
            // SAFETY: nobody uses it.
            [unsafe { KernelSymbol::new("kernels", std::ptr::without_provenance(1)) }];
        let another = HostKernel::<A>::new();
        let table = Ksymtab::new(&TABLE).expect("it is fine");
        let loader = HostKernel::<A>::new().export("kernels").keep_all_sections().boot();
        let module = used(&loader);
        let loader: &Loader<_> = &loader;
        // There is room for them: an interrupt has no heap.
        let called = RefCell::new(Vec::with_capacity(100));
        let another = interrupt(|| {
            assert!(is_interrupt());
            assert!(!call!(called, Loader::platform(loader)).kernel().is_empty());
            assert!(!call!(called, Loader::is_disabled(loader)));
            let handle = call!(called, Reference::handle(&module));
            let again = call!(called, Handle::try_get(&handle.clone())).expect("it is live");
            drop(handle);
            let references = call!(called, Module::references(&again));
            assert_eq!(references, module.references());
            drop(again.clone());
            assert_eq!(call!(called, Module::name(&again)).as_bytes(), b"used");
            assert_eq!(call!(called, Module::arguments(&again)), b"");
            assert_eq!(call!(called, Module::state(&again)), State::Live);
            assert_eq!(call!(called, Module::uses(&again)).count(), 0);
            assert_eq!(call!(called, Module::statistics(&again)).from_kernel, 0);
            assert!(call!(called, Module::is_gpl_compatible(&again)));
            assert_eq!(call!(called, Module::taints(&again)), Taints::empty());
            #[cfg(feature = "versions")]
            assert!(!call!(called, Module::is_forced(&again)));
            #[cfg(feature = "proc")]
            {
                assert_eq!(call!(called, Module::version(&again)), Some(&b"1"[..]));
                assert_eq!(call!(called, Module::srcversion(&again)), None);
                assert_eq!(call!(called, Module::license(&again)), Some(&b"GPL"[..]));
                assert_eq!(call!(called, Module::imported_namespaces(&again)).count(), 0);
                assert_eq!(call!(called, Loader::counters(loader)).loads, 2);
            }
            #[cfg(feature = "parameters")]
            {
                assert_eq!(call!(called, Module::parameters(&again)).count(), 0);
                assert!(call!(called, Module::parameter(&again, b"x")).is_none());
            }
            assert_eq!(call!(called, Loader::taint(loader, Taints::WARN)), Taints::WARN);
            assert_eq!(call!(called, Loader::taints(loader)), Taints::WARN);
            assert!(call!(called, Module::ignored_sections(&again)).count() < 10);
            assert!(call!(called, Module::sections(&again)).count() > 1);
            let text = call!(called, Module::section(&again, b".text")).expect("it has code");
            assert!(call!(called, Module::core(&again)).contains(&text.address));
            assert!(call!(called, Module::init(&again)).is_none());
            assert!(call!(called, Module::export(&again, b"g")).expect("it exports it").gpl_only);
            assert_eq!(call!(called, Module::exports(&again)).count(), 2);
            let user = call!(called, Loader::find(loader, b"user")).expect("it is loaded");
            assert!(call!(called, Module::is_user_of(&user, &again)) && !again.is_user_of(&user));
            drop(user);
            let got = call!(called, Loader::symbol_get(loader, b"f")).expect("it is exported");
            // SAFETY: it has been got, and nobody uses it.
            assert!(unsafe { call!(called, Loader::symbol_put(loader, b"f")) });
            assert_eq!(loader.symbol_get(b"f"), Some(got));
            // SAFETY: as above.
            assert!(unsafe { call!(called, Loader::symbol_put_addr(loader, got)) });
            let exported = call!(called, Loader::symbol(loader, b"f")).expect("it is exported");
            assert!(again.core().contains(&exported.address));
            drop(exported);
            assert!(loader.symbol(b"kernels").is_some());
            // SAFETY: nobody calls it.
            let function = unsafe { call!(called, Loader::function(loader, b"f")) };
            let function: Function<_, extern "C" fn()> = function.expect("it is exported");
            let owner = call!(called, Function::owner(&function)).expect("a module");
            assert_eq!(owner.name(), again.name());
            drop(function);
            let located = call!(called, Loader::locate(loader, text.address));
            assert_eq!(located.expect("it is there").0.as_bytes(), b"used");
            #[cfg(feature = "exceptions")]
            {
                use modlink::exceptions::{Table, X86};
                let found = call!(called, Loader::exception(loader, text.address + 4));
                assert_eq!(found.expect("it is expected").fixup, text.address + 8);
                let x86 = X86 { number: 1, register: 0, flags: 0, immediate: 0 };
                assert!(call!(called, X86::action(x86)).is_some());
                called.borrow_mut().push("Table::sort");
                Table::<A>::sort(&mut [], 0).expect("nothing is in order");
                called.borrow_mut().push("Table::new");
                let table = Table::<A>::new(&[], 0).expect("nothing is in order");
                assert!(call!(called, Table::is_empty(&table)));
                assert_eq!(call!(called, Table::len(&table)), 0);
                assert_eq!(call!(called, Table::iter(&table)).count(), 0);
                assert_eq!(call!(called, Table::find(&table, 0)), None);
            }
            #[cfg(feature = "kallsyms")]
            {
                use modlink::module::Symbolized;
                let start = |one: &Symbolized<'_>| {
                    assert_eq!(one.module.map(|name| name.as_bytes()), Some(&b"used"[..]));
                    one.start
                };
                let address = call!(called, Loader::lookup_name(loader, b"used:f"));
                let address = address.expect("its name is kept");
                let started = call!(called, Loader::symbolize(loader, address, start));
                assert_eq!(started, Some(address));
                let one = call!(called, Module::symbolize(&again, address)).expect("its own");
                assert_eq!(one.start, address);
                let of_kernel = call!(called, Symbolized::of_kernel(3, b"k", 1, 4));
                assert_eq!(call!(called, Symbolized::offset(&of_kernel)), 2);
                assert!(call!(called, Module::kallsyms(&again)).any(|one| one.name == b"f"));
            }
            let mut names = 0;
            call!(called, Loader::for_each(loader, |module| names += module.name().as_bytes().len()));
            assert_eq!(names, 8);
            drop(again);
            call!(called, Loader::disable(loader));
            assert!(loader.is_disabled());

            let address = call!(called, KernelSymbol::address_of(&7_u32));
            // SAFETY: nobody uses it.
            let symbol = unsafe { call!(called, KernelSymbol::new("seven", address)) };
            let symbol = call!(called, KernelSymbol::gpl_only(symbol));
            let _ = call!(called, KernelSymbol::in_namespace(symbol, &"N"));
            assert!(call!(called, Ksymtab::find(&table, b"kernels")).is_some());
            assert_eq!(call!(called, Ksymtab::iter(&table)).count(), 1);
            assert_eq!(call!(called, Ksymtab::len(&table)), 1);
            assert!(!call!(called, Ksymtab::is_empty(&table)));
            call!(called, Loader::new(another))
        });
        drop(another);

        let mut called = called.into_inner();
        let absent = absent();
        let listed = listed().into_iter().filter(|(name, _)| !absent.contains(name));
        let mut from_any: Vec<_> = listed.filter(|(_, any)| *any).map(|(name, _)| name).collect();
        called.sort_unstable();
        from_any.sort_unstable();
        assert_eq!(called, from_any, "what was called, and what the table says");
    }
}
