//! The system calls: what a process gets for what it asks, with Linux's error numbers in Linux's
//! order.

use modlink::arch::Arch;
use modlink::module::max_name;
use modlink::platform::{Event, Level};
use modlink::syscall::{delete_module, dispatch, finit_module, init_module};
use modlink::{Errno, State, Taints, UnloadError};
use modlink_host::{
    FileKind, HostKernel, HostLoader, ModuleFile, Operation, audit, corpus, on_every_architecture,
};
use object::SectionKind;
use std::sync::Arc;

const PAGE: u64 = 4096;
const O_NONBLOCK: u32 = 0o4000;
const O_TRUNC: u32 = 0o1000;

/// What can be wrong with the module of a load, in the order in which Linux finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Flaw {
    NotElf,
    Nameless,
    Denied,
    Loaded,
    NoMemory,
    ModuleNamespace,
    UnknownSymbol,
    ArgumentsUnreadable,
    DuplicateExport,
    StartFails,
}

impl Flaw {
    const ALL: [Self; 10] = [
        Self::NotElf,
        Self::Nameless,
        Self::Denied,
        Self::Loaded,
        Self::NoMemory,
        Self::ModuleNamespace,
        Self::UnknownSymbol,
        Self::ArgumentsUnreadable,
        Self::DuplicateExport,
        Self::StartFails,
    ];

    fn errno(self) -> Errno {
        match self {
            Self::NotElf | Self::Nameless | Self::DuplicateExport => Errno::ENOEXEC,
            Self::Denied | Self::ModuleNamespace => Errno::EPERM,
            Self::Loaded => Errno::EEXIST,
            Self::NoMemory => Errno::ENOMEM,
            Self::UnknownSymbol => Errno::ENOENT,
            Self::ArgumentsUnreadable => Errno::EFAULT,
            Self::StartFails => Errno::ENODEV,
        }
    }
}

/// A process that is about to load a module with flaws: the kernel, the file and the arguments.
struct Attempt<A: Arch> {
    loader: Arc<HostLoader<A>>,
    file: Vec<u8>,
    arguments: u64,
}

impl<A: Arch> Attempt<A> {
    fn new(flaws: &[Flaw]) -> Self {
        let has = |flaw| flaws.contains(&flaw);
        let kernel = HostKernel::<A>::new().export("taken");
        let loader = if has(Flaw::Denied) { kernel.deny("m") } else { kernel }.boot();
        let kernel = loader.platform();
        if has(Flaw::Loaded) && !has(Flaw::Denied) {
            loader.load(&ModuleFile::<A>::new("m").build()).unwrap();
        }
        if has(Flaw::NoMemory) {
            kernel.set_region(&[]);
        }
        kernel.on_init("m", |_| -19);
        let mut file =
            if has(Flaw::Nameless) { ModuleFile::nameless() } else { ModuleFile::<A>::new("m") };
        if has(Flaw::ModuleNamespace) {
            file = file.says("import_ns", "module:m");
        }
        if has(Flaw::UnknownSymbol) {
            file = file.imports("nobody_has_it");
        }
        if has(Flaw::DuplicateExport) {
            file = file.exports("taken");
        }
        if has(Flaw::StartFails) {
            file = file.init().exit();
        }
        let mut file = file.build();
        if has(Flaw::NotElf) {
            file[0] = b'X';
        }
        let arguments =
            if has(Flaw::ArgumentsUnreadable) { 0xdead_0000 } else { kernel.user_string("a=1") };
        Self { loader, file, arguments }
    }

    fn kernel(&self) -> &HostKernel<A> {
        self.loader.platform()
    }
}

/// Expects a rejection that leaves nothing behind.
fn rejected<A: Arch>(
    loader: &Arc<HostLoader<A>>,
    what: impl std::fmt::Debug,
    expected: Errno,
    call: impl FnOnce(&HostLoader<A>) -> Result<(), Errno>,
) {
    let before = loader.platform().snapshot();
    assert_eq!(call(loader), Err(expected), "{what:?}");
    assert_eq!(loader.platform().snapshot(), before, "{what:?}");
}

/// All pairs of different elements, each in the order of `all`.
fn pairs<T: Copy>(all: &[T]) -> impl Iterator<Item = (T, T)> {
    let rest = |first| all.iter().skip(first + 1);
    all.iter()
        .enumerate()
        .flat_map(move |(index, first)| rest(index).map(|second| (*first, *second)))
}

/// Makes a call with each thing wrong alone, with two, and with all: the first in Linux's order is
/// what is reported.
fn first_is_reported<T: Copy>(wrongs: &[T], errno: fn(T) -> Errno, call: fn(&[T], Errno)) {
    for wrong in wrongs {
        call(&[*wrong], errno(*wrong));
    }
    for (first, second) in pairs(wrongs) {
        call(&[first, second], errno(first));
    }
    call(wrongs, errno(wrongs[0]));
}

/// What can be wrong with a call of `init_module`, in Linux's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InitWrong {
    Unprivileged,
    Disabled,
    Short,
    Huge,
    Unreadable,
    Module(Flaw),
}

fn init_wrongs() -> Vec<InitWrong> {
    use InitWrong::*;
    [Unprivileged, Disabled, Short, Huge, Unreadable]
        .into_iter()
        .chain(Flaw::ALL.into_iter().map(Module))
        .collect()
}

fn call_init_module<A: Arch>(wrong: &[InitWrong], expected: Errno) {
    let has = |what| wrong.contains(&what);
    let flaws: Vec<_> =
        Flaw::ALL.into_iter().filter(|flaw| has(InitWrong::Module(*flaw))).collect();
    let attempt = Attempt::<A>::new(&flaws);
    let kernel = attempt.kernel();
    kernel.set_privileged(!has(InitWrong::Unprivileged));
    if has(InitWrong::Disabled) {
        attempt.loader.disable();
    }
    let image = kernel.user_put(&attempt.file);
    let image = if has(InitWrong::Unreadable) { image + 1 } else { image };
    let length = match () {
        () if has(InitWrong::Short) => 15,
        () if has(InitWrong::Huge) => 1 << 62,
        () => attempt.file.len() as u64,
    };
    rejected(&attempt.loader, wrong, expected, |loader| {
        init_module(loader, image, length, attempt.arguments)
    });
}

/// What can be wrong with a call of `finit_module`, in Linux's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FinitWrong {
    Unprivileged,
    Disabled,
    UnknownFlag,
    NotOpen,
    WriteOnly,
    NotRegular,
    BeingWritten,
    Empty,
    Huge,
    ReadFails,
    Compressed,
    Module(Flaw),
}

fn finit_wrongs() -> Vec<FinitWrong> {
    use FinitWrong::*;
    [
        Unprivileged,
        Disabled,
        UnknownFlag,
        NotOpen,
        WriteOnly,
        NotRegular,
        BeingWritten,
        Empty,
        Huge,
        ReadFails,
        Compressed,
    ]
    .into_iter()
    .chain(Flaw::ALL.into_iter().map(Module))
    .collect()
}

fn call_finit_module<A: Arch>(wrong: &[FinitWrong], expected: Errno) {
    use FinitWrong::*;
    let has = |what| wrong.contains(&what);
    let flaws: Vec<_> = Flaw::ALL.into_iter().filter(|flaw| has(Module(*flaw))).collect();
    let attempt = Attempt::<A>::new(&flaws);
    let kernel = attempt.kernel();
    kernel.set_privileged(!has(Unprivileged));
    if has(Disabled) {
        attempt.loader.disable();
    }

    let file = if has(NotRegular) { FileKind::folder() } else { FileKind::regular(&attempt.file) };
    let file = if has(WriteOnly) { file.write_only() } else { file };
    let file = if has(BeingWritten) { file.being_written() } else { file };
    let file = match () {
        () if has(Empty) => file.claiming(0),
        () if has(Huge) => file.claiming(1 << 31),
        () => file,
    };
    let descriptor = kernel.put_file(file);
    let descriptor = if has(NotOpen) { descriptor + 1 } else { descriptor };
    if has(ReadFails) {
        kernel.fail(Operation::Read, 1);
    }
    let flags = if has(UnknownFlag) { 8 } else { 0 } | if has(Compressed) { 4 } else { 0 };
    rejected(&attempt.loader, wrong, expected, |loader| {
        finit_module(loader, descriptor, attempt.arguments, flags)
    });
}

/// What can be wrong with a call of `delete_module`, in Linux's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DeleteWrong {
    Unprivileged,
    Disabled,
    Unreadable,
    Unknown,
    Used,
    Permanent,
    Referenced,
}

const DELETE_WRONGS: [DeleteWrong; 7] = [
    DeleteWrong::Unprivileged,
    DeleteWrong::Disabled,
    DeleteWrong::Unreadable,
    DeleteWrong::Unknown,
    DeleteWrong::Used,
    DeleteWrong::Permanent,
    DeleteWrong::Referenced,
];

/// A kernel with a module that cannot be unloaded for these reasons, and the address of its name.
fn loaded_with<A: Arch>(wrong: &[DeleteWrong]) -> (Arc<HostLoader<A>>, u64) {
    let loader = HostKernel::<A>::new().boot();
    let file = ModuleFile::<A>::new("m").exports("f").init();
    let file = if wrong.contains(&DeleteWrong::Permanent) { file } else { file.exit() };
    loader.load(&file.build()).unwrap();
    if wrong.contains(&DeleteWrong::Used) {
        let user = ModuleFile::<A>::new("user").imports("f");
        loader.load(&user.build()).unwrap();
    }
    let name = loader.platform().user_string("m");
    (loader, name)
}

fn call_delete_module<A: Arch>(wrong: &[DeleteWrong], expected: Errno) {
    use DeleteWrong::*;
    let has = |what| wrong.contains(&what);
    let (loader, name) = loaded_with::<A>(wrong);
    let kernel = loader.platform();
    let reference = has(Referenced).then(|| loader.find(b"m").unwrap());
    kernel.set_privileged(!has(Unprivileged));
    if has(Disabled) {
        loader.disable();
    }
    let name = match () {
        () if has(Unreadable) => 0xdead_0000,
        () if has(Unknown) => kernel.user_string("unknown"),
        () => name,
    };
    rejected(&loader, wrong, expected, |loader| delete_module(loader, name, 0));
    drop(reference);
}

on_every_architecture! {
    fn init_module_reports_what_linux_finds_first<A>() {
        let errno = |wrong| match wrong {
            InitWrong::Unprivileged | InitWrong::Disabled => Errno::EPERM,
            InitWrong::Short => Errno::ENOEXEC,
            InitWrong::Huge => Errno::ENOMEM,
            InitWrong::Unreadable => Errno::EFAULT,
            InitWrong::Module(flaw) => flaw.errno(),
        };
        first_is_reported(&init_wrongs(), errno, call_init_module::<A>);
    }

    fn finit_module_reports_what_linux_finds_first<A>() {
        let errno = |wrong| match wrong {
            FinitWrong::Unprivileged | FinitWrong::Disabled => Errno::EPERM,
            FinitWrong::NotOpen | FinitWrong::WriteOnly => Errno::EBADF,
            FinitWrong::UnknownFlag | FinitWrong::NotRegular | FinitWrong::Empty => Errno::EINVAL,
            FinitWrong::BeingWritten => Errno::ETXTBSY,
            FinitWrong::Huge => Errno::EFBIG,
            FinitWrong::ReadFails => Errno::EIO,
            FinitWrong::Compressed => Errno::EOPNOTSUPP,
            FinitWrong::Module(flaw) => flaw.errno(),
        };
        first_is_reported(&finit_wrongs(), errno, call_finit_module::<A>);
    }

    fn delete_module_reports_what_linux_finds_first<A>() {
        let errno = |wrong| match wrong {
            DeleteWrong::Unprivileged | DeleteWrong::Disabled => Errno::EPERM,
            DeleteWrong::Unreadable => Errno::EFAULT,
            DeleteWrong::Unknown => Errno::ENOENT,
            DeleteWrong::Used | DeleteWrong::Referenced => Errno::EWOULDBLOCK,
            DeleteWrong::Permanent => Errno::EBUSY,
        };
        first_is_reported(&DELETE_WRONGS, errno, call_delete_module::<A>);
    }

    fn delete_module_with_o_trunc_heeds_neither_references_nor_that_there_is_no_exit_function<A>() {
        let wrongs = [DeleteWrong::Permanent, DeleteWrong::Referenced];
        for wrongs in [&wrongs[..1], &wrongs[1..], &wrongs[..]] {
            let (loader, name) = loaded_with::<A>(wrongs);
            let reference = loader.find(b"m");
            delete_module(&loader, name, O_TRUNC).unwrap();
            assert_eq!(loader.platform().names(), [""; 0]);
            assert!(loader.taints().contains(Taints::FORCED_RMMOD));
            drop(reference);
            loader.reap();
            assert_eq!(loader.platform().snapshot().blocks, []);
        }
        let all = [DeleteWrong::Used, DeleteWrong::Permanent, DeleteWrong::Referenced];
        let (loader, name) = loaded_with::<A>(&all);
        let held = loader.find(b"m");
        rejected(&loader, "used", Errno::EWOULDBLOCK, |loader| {
            delete_module(loader, name, O_TRUNC)
        });
        assert!(!loader.taints().contains(Taints::FORCED_RMMOD));
        drop(held);
    }

    /// Each state at which a module is not live, with what comes after that in Linux's order.
    fn delete_module_looks_at_the_state_before_the_exit_function_and_the_references<A>() {
        for has_exit in [true, false] {
            let loader = HostKernel::<A>::new().boot();
            let name = loader.platform().user_string("m");
            loader.platform().on_init("m", move |loader| {
                let held = loader.find(b"m").unwrap();
                assert_eq!(loader.unload(b"m", false), Err(UnloadError::Busy));
                assert_eq!(delete_module(loader, name, 0), Err(Errno::EBUSY));
                assert_eq!(delete_module(loader, name, O_TRUNC), Err(Errno::EBUSY));
                drop(held);
                -19
            });
            let file = ModuleFile::<A>::new("m").init();
            let file = if has_exit { file.exit() } else { file };
            loader.load(&file.build()).unwrap_err();
        }
        let loader = HostKernel::<A>::new().boot();
        let name = loader.platform().user_string("m");
        loader.load(&ModuleFile::<A>::new("m").init().exit().build()).unwrap();
        let held = loader.find(b"m").unwrap();
        loader.platform().on_exit("m", move |loader| {
            assert_eq!(held.references(), 1);
            assert_eq!(loader.unload(b"m", false), Err(UnloadError::Busy));
            assert_eq!(delete_module(loader, name, 0), Err(Errno::EBUSY));
            assert_eq!(delete_module(loader, name, O_TRUNC), Err(Errno::EBUSY));
        });
        delete_module(&loader, name, O_TRUNC).unwrap();
    }

    fn a_module_that_is_coming_or_going_is_busy_unless_it_is_used<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let name = kernel.user_string("m");
        let file = ModuleFile::<A>::new("m").init().exit().build();
        let (image, length) = (kernel.user_put(&file), file.len() as u64);
        let arguments = kernel.user_string("");
        kernel.on_init("m", move |loader| {
            assert_eq!(delete_module(loader, name, O_TRUNC), Err(Errno::EBUSY));
            assert_eq!(init_module(loader, image, length, arguments), Err(Errno::EBUSY));
            0
        });
        kernel.on_exit("m", move |loader| {
            assert_eq!(delete_module(loader, name, O_TRUNC), Err(Errno::EBUSY));
            assert_eq!(init_module(loader, image, length, arguments), Err(Errno::EBUSY));
        });
        init_module(&loader, image, length, arguments).unwrap();
        assert_eq!(init_module(&loader, image, length, arguments), Err(Errno::EEXIST));
        delete_module(&loader, name, 0).unwrap();
        assert_eq!(delete_module(&loader, name, 0), Err(Errno::ENOENT));
    }

    fn init_module_loads_a_real_module_with_its_arguments<A>() {
        let file = corpus::module::<A>("crc7");
        let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
        let kernel = loader.platform();
        let before = kernel.snapshot();
        let (image, arguments) = (kernel.user_put(&file), kernel.user_string("a=1 b"));

        init_module(&loader, image, file.len() as u64, arguments).unwrap();
        assert_eq!(loader.find(b"crc7").unwrap().arguments(), b"a=1 b");
        delete_module(&loader, kernel.user_string("crc7"), O_NONBLOCK).unwrap();
        assert_eq!(kernel.snapshot(), before);
    }

    fn finit_module_loads_a_real_module_and_closes_its_file<A>() {
        let file = corpus::module::<A>("crc7");
        let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
        let kernel = loader.platform();
        let before = kernel.snapshot();
        let descriptor = kernel.put_file(FileKind::regular(&file));

        // IGNORE_MODVERSIONS and IGNORE_VERMAGIC.
        for flags in [0, 1, 2, 3] {
            finit_module(&loader, descriptor, kernel.user_string(""), flags).unwrap();
            assert_eq!(kernel.snapshot().open_files, 0);
            delete_module(&loader, kernel.user_string("crc7"), 0).unwrap();
            assert_eq!(kernel.snapshot(), before);
        }
    }

    fn finit_module_rejects_flags_that_it_does_not_know<A>() {
        let loader = HostKernel::<A>::new().boot();
        let descriptor = loader.platform().put_file(FileKind::regular(b""));
        for flags in [8, 0x10, 0x8000_0000, u32::MAX, 1 | 8] {
            rejected(&loader, flags, Errno::EINVAL, |loader| {
                finit_module(loader, descriptor, 0, flags)
            });
        }
        for descriptor in [-1, i32::MIN, i32::MAX] {
            rejected(&loader, descriptor, Errno::EBADF, |loader| {
                finit_module(loader, descriptor, 0, 0)
            });
        }
    }

    fn delete_module_heeds_o_trunc_and_ignores_other_flags<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let name = kernel.user_string("m");
        let file = ModuleFile::<A>::new("m").init().build();
        loader.load(&file).unwrap();
        for flags in [0, O_NONBLOCK, !O_TRUNC] {
            rejected(&loader, flags, Errno::EBUSY, |loader| delete_module(loader, name, flags));
        }
        delete_module(&loader, name, u32::MAX).unwrap();
        assert_eq!(kernel.names(), [""; 0]);
    }

    fn delete_module_cuts_a_name_that_is_too_long<A>() {
        let longest = "x".repeat(max_name::<A>());
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        loader.load(&ModuleFile::<A>::new(&longest).build()).unwrap();

        let shorter = kernel.user_string(&longest[1..]);
        assert_eq!(delete_module(&loader, shorter, 0), Err(Errno::ENOENT));
        let cut = kernel.user_put(format!("{longest}y").as_bytes());
        delete_module(&loader, cut, 0).unwrap();

        let unended_before_a_hole = kernel.user_put(longest.as_bytes());
        let errno = delete_module(&loader, unended_before_a_hole, 0);
        assert_eq!(errno, Err(Errno::ENOENT), "no byte after a truncated name is read");
        let too_short_before_a_hole = kernel.user_put(&longest.as_bytes()[1..]);
        let errno = delete_module(&loader, too_short_before_a_hole, 0);
        assert_eq!(errno, Err(Errno::EFAULT), "its end is in the hole");
    }

    fn a_name_may_be_as_long_as_linux_allows_and_no_longer<A>() {
        let most = match A::CLASS {
            modlink::arch::Class::Elf64 => 55,
            modlink::arch::Class::Elf32 => 59,
        };
        assert_eq!(max_name::<A>(), most);
        let loader = HostKernel::<A>::new().boot();
        let named = |length| ModuleFile::<A>::new(&"x".repeat(length)).build();
        loader.load(&named(most)).unwrap();
        for length in [0, most + 1] {
            rejected(&loader, length, Errno::ENOEXEC, |loader| {
                loader.load(&named(length)).map(drop).map_err(|error| error.errno())
            });
        }
    }

    fn strings_are_read_across_pages_and_not_behind_their_end<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let name = "a_name_that_goes_on";
        loader.load(&ModuleFile::<A>::new(name).build()).unwrap();
        let ended = [name.as_bytes(), b"\0"].concat();
        for before_end in 0..=ended.len() as u64 {
            let address = 0x20_0000 + before_end * 4 * PAGE - before_end;
            kernel.user_write(address, &ended);
            delete_module(&loader, address, 0).unwrap();
            loader.load(&ModuleFile::<A>::new(name).build()).unwrap();
        }
    }

    fn a_file_in_the_kernels_memory_is_loaded_unless_it_is_shorter_than_it_claims<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let (file, arguments) = (ModuleFile::<A>::new("m").build(), kernel.user_string(""));
        let whole = FileKind::regular(&file).in_memory();
        let shorter = kernel.put_file(whole.clone().claiming(file.len() as u64 + 1));
        rejected(&loader, "shorter", Errno::EIO, |loader| {
            finit_module(loader, shorter, arguments, 0)
        });
        finit_module(&loader, kernel.put_file(whole), arguments, 0).unwrap();
        assert!(loader.find(b"m").is_some());
    }

    fn arguments_of_many_pages_arrive_whole<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let arguments: String = (0..5000).map(|number| format!("p{number}={number} ")).collect();
        let file = ModuleFile::<A>::new("m").build();
        let (image, at) = (kernel.user_put(&file), kernel.user_string(&arguments));

        init_module(&loader, image, file.len() as u64, at).unwrap();
        assert!(loader.find(b"m").unwrap().arguments() == arguments.as_bytes());
    }

    fn arguments_without_an_end_are_rejected<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let file = ModuleFile::<A>::new("m").build();
        let (image, length) = (kernel.user_put(&file), file.len() as u64);

        let before_a_hole = kernel.user_put(&vec![b'a'; 3 * PAGE as usize]);
        rejected(&loader, "a hole", Errno::EFAULT, |loader| {
            init_module(loader, image, length, before_a_hole)
        });
        let endless = kernel.user_put(&vec![b'a'; 3 << 20]);
        rejected(&loader, "megabytes", Errno::EINVAL, |loader| {
            init_module(loader, image, length, endless)
        });
    }

    fn unreadable_arguments_are_found_before_memory_is_protected<A>() {
        let attempt = Attempt::<A>::new(&[Flaw::ArgumentsUnreadable]);
        let kernel = attempt.kernel();
        let (image, length) = (kernel.user_put(&attempt.file), attempt.file.len() as u64);
        kernel.fail(Operation::Protect, 1);
        rejected(&attempt.loader, "both", Errno::EFAULT, |loader| {
            init_module(loader, image, length, attempt.arguments)
        });
    }

    fn the_image_is_copied_once<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let file = ModuleFile::<A>::new("m").build();
        let (image, arguments) = (kernel.user_put(&file), kernel.user_string(""));
        let before = kernel.count(Operation::CopyFromUser);
        init_module(&loader, image, file.len() as u64, arguments).unwrap();
        let copies = kernel.count(Operation::CopyFromUser) - before;
        assert_eq!(copies, 2, "one for the image and one for the arguments");
    }

    fn a_process_that_changes_what_has_been_copied_is_too_late<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let constants: Vec<u8> = (0..200 << 10).map(|index: u32| (index % 251) as u8).collect();
        let file = ModuleFile::<A>::new("m").init().exit();
        let file = file.section(".rodata", SectionKind::ReadOnlyData, &constants, 1).build();
        let (image, length) = (kernel.user_put(&file), file.len() as u64);
        let (arguments, name) = (kernel.user_string("a=1 b"), kernel.user_string("m"));
        kernel.user_becomes_fickle();
        kernel.on_event(move |kernel, event, module| {
            if event == Event::Coming {
                audit(kernel, event, module, &file);
            }
        });

        init_module(&loader, image, length, arguments).unwrap();
        assert_eq!(loader.find(b"m").unwrap().arguments(), b"a=1 b");
        delete_module(&loader, name, 0).unwrap();
        let again = init_module(&loader, image, length, arguments);
        assert_eq!(again, Err(Errno::ENOEXEC), "the process has changed all of it");
    }

    fn a_length_is_believed_no_further_than_a_piece<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let there = 200 << 10;
        let image = kernel.user_put(&vec![0; there]);
        let copies = |length, errno| {
            let before = kernel.count(Operation::CopyFromUser);
            rejected(&loader, length, errno, |loader| init_module(loader, image, length, 0));
            kernel.count(Operation::CopyFromUser) - before
        };
        for length in [there as u64 + 1, 1 << 30, i32::MAX as u64] {
            assert_eq!(copies(length, Errno::EFAULT), 4, "three are there, the fourth not wholly");
        }
        for length in [1 << 31, u64::from(u32::MAX), 1 << 62, u64::MAX] {
            assert_eq!(copies(length, Errno::ENOMEM), 0, "no module is so long");
        }
    }

    fn a_header_alone_is_too_short_to_be_a_module<A>() {
        let size = match A::CLASS {
            modlink::arch::Class::Elf64 => 64,
            modlink::arch::Class::Elf32 => 52,
        };
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let file = ModuleFile::<A>::new("m").build();
        let (image, hole) = (kernel.user_put(&file), 0xdead_0000);
        for length in [0, 1, size - 1] {
            rejected(&loader, length, Errno::ENOEXEC, |loader| init_module(loader, hole, length, 0));
        }
        rejected(&loader, size, Errno::EFAULT, |loader| init_module(loader, hole, size, 0));
        rejected(&loader, size, Errno::ENOEXEC, |loader| init_module(loader, image, size, 0));
    }

    fn a_process_gets_the_errno_negated_and_the_log_the_reason<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let numbers = A::SYSCALLS;
        let file = ModuleFile::<A>::new("m").init().exit().imports("nobody_has_it").build();
        let [image, length] = [kernel.user_put(&file) as usize, file.len()];
        let arguments = kernel.user_string("") as usize;
        let call = |number, [a, b, c]: [usize; 3]| dispatch(&loader, number, [a, b, c, 0, 0, 0]);

        assert_eq!(call(numbers.init_module, [image, length, arguments]), -2);
        let log = kernel.take_log();
        let tells = |(level, line): &(Level, String)| {
            *level == Level::Error && line.contains("nobody_has_it")
        };
        assert!(log.iter().any(tells), "{log:?}");

        let descriptor = kernel.put_file(FileKind::regular(&file)) as usize;
        assert_eq!(call(numbers.finit_module, [descriptor, arguments, 0]), -2);
        assert_eq!(call(numbers.finit_module, [descriptor, arguments, 8]), -22);
        let minus_one = u32::MAX as usize;
        assert_eq!(call(numbers.finit_module, [minus_one, arguments, 0]), -9);

        let name = kernel.user_string("absent") as usize;
        assert_eq!(call(numbers.delete_module, [name, 0, 0]), -2);
        let log = kernel.take_log();
        assert!(log.iter().any(|(_, line)| line.contains("absent")), "{log:?}");
        kernel.set_privileged(false);
        assert_eq!(call(numbers.delete_module, [name, 0, 0]), -1);
    }

    fn the_calls_have_their_numbers_and_no_others<A>() {
        let numbers = A::SYSCALLS;
        let (init, finit, delete) = match A::NAME {
            "x86_64" => (175, 313, 176),
            "i386" => (128, 350, 129),
            "m68k" => (128, 348, 129),
            other => panic!("what are the numbers of {other}?"),
        };
        assert_eq!(
            (numbers.init_module, numbers.finit_module, numbers.delete_module),
            (init, finit, delete)
        );
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let file = ModuleFile::<A>::new("m").build();
        let image = kernel.user_put(&file) as usize;
        let arguments = kernel.user_string("") as usize;
        let descriptor = kernel.put_file(FileKind::regular(&file)) as usize;
        let name = kernel.user_string("m") as usize;

        assert_eq!(dispatch(&loader, init, [image, file.len(), arguments, 1, 2, 3]), 0);
        assert_eq!(kernel.look("m", |module| module.state()), State::Live);
        assert_eq!(dispatch(&loader, delete, [name, 0, 7, 7, 7, 7]), 0);
        assert_eq!(dispatch(&loader, finit, [descriptor, arguments, 0, 7, 7, 7]), 0);
        assert_eq!(dispatch(&loader, delete, [name, 0, 0, 0, 0, 0]), 0);

        for number in (0..1000).chain([usize::MAX]) {
            if ![init, finit, delete].contains(&number) {
                assert_eq!(dispatch(&loader, number, [0; 6]), -38, "{number}");
            }
        }
    }

    fn a_status_of_an_init_function_passes_through_unless_it_says_that_the_module_is_loaded<A>() {
        // EEXIST would say that the module is loaded already.
        let changed = (-17, -16);
        for (status, got) in [-1, -11, -19, -512, -4095, -9999].map(|s| (s, s)).into_iter().chain([changed]) {
            let loader = HostKernel::<A>::new().boot();
            let kernel = loader.platform();
            let file = ModuleFile::<A>::new("m").init().exit().build();
            let image = kernel.user_put(&file) as usize;
            let arguments = kernel.user_string("") as usize;
            kernel.on_init("m", move |_| status);
            let number = A::SYSCALLS.init_module;
            let result = dispatch(&loader, number, [image, file.len(), arguments, 0, 0, 0]);
            assert_eq!(result, got as isize);
            assert_eq!(dispatch(&loader, A::SYSCALLS.delete_module, [kernel.user_string("m") as usize, 0, 0, 0, 0, 0]), -2);
        }
    }

    fn without_privilege_nothing_is_touched<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        kernel.set_privileged(false);
        let counts = || Operation::ALL.map(|operation| kernel.count(operation));
        let before = counts();
        rejected(&loader, "init", Errno::EPERM, |loader| init_module(loader, 0, 0, 0));
        rejected(&loader, "finit", Errno::EPERM, |loader| finit_module(loader, -1, 0, 8));
        rejected(&loader, "delete", Errno::EPERM, |loader| delete_module(loader, 0, 0));
        assert_eq!(counts(), before);
    }
}
