//! Whatever fails, and whenever: nothing is left, and the same load succeeds afterwards.

use modlink::arch::Arch;
use modlink::image::Image;
use modlink::platform::Level;
use modlink::syscall::{delete_module, finit_module, init_module};
use modlink::{Errno, LoadError, State};
use modlink_host::{
    FileKind, HostKernel, HostLoader, ModuleFile, OUT_OF_REACH, Operation, corpus,
    on_every_architecture,
};
use object::SectionKind;
use std::sync::Arc;

fn errno(operation: Operation) -> Errno {
    match operation {
        Operation::Allocate | Operation::Protect => Errno::ENOMEM,
        Operation::CopyFromUser => Errno::EFAULT,
        Operation::Read => Errno::EIO,
    }
}

/// Calls `load` with the first operation failing, with the second, and so on, until nothing is
/// left that could fail. Returns how often it was rejected.
fn fail_each<A: Arch>(
    loader: &Arc<HostLoader<A>>,
    operation: Operation,
    load: impl Fn(&HostLoader<A>) -> Result<(), Errno>,
) -> usize {
    let kernel = loader.platform();
    let before = kernel.snapshot();
    // A load takes far fewer of any operation.
    for nth in 1..10_000 {
        let done = kernel.count(operation);
        kernel.fail(operation, nth);
        let result = load(loader);
        kernel.fail_nothing();
        if result.is_ok() {
            let reached = kernel.count(operation) - done;
            let unprotected = kernel.take_log().iter().any(|(level, _)| *level == Level::Warning);
            assert!(reached < nth || unprotected, "failure {nth} of {operation:?} went unnoticed");
            return nth - 1;
        }
        assert_eq!(result, Err(errno(operation)), "{operation:?} {nth}");
        assert_eq!(kernel.snapshot(), before, "{operation:?} {nth}");
    }
    panic!("{operation:?}: the load is rejected however late one fails")
}

fn unload<A: Arch>(loader: &HostLoader<A>) {
    let name = loader.platform().names().swap_remove(0);
    assert_eq!(loader.platform().look(&name, |module| module.state()), State::Live);
    let name = loader.platform().user_string(name);
    delete_module(loader, name, 0o1000).unwrap();
}

/// Lets everything fail in turn in both system calls that load a file.
fn survive<A: Arch>(loader: &Arc<HostLoader<A>>, file: &[u8]) -> [usize; Operation::ALL.len()] {
    let kernel = loader.platform();
    let before = kernel.snapshot();
    let arguments = kernel.user_string("x".repeat(200));
    let (image, length) = (kernel.user_put(file), file.len() as u64);
    let descriptor = kernel.put_file(FileKind::regular(file));
    let rejections = Operation::ALL.map(|operation| {
        let from_memory =
            fail_each(loader, operation, |loader| init_module(loader, image, length, arguments));
        unload(loader);
        let from_file =
            fail_each(loader, operation, |loader| finit_module(loader, descriptor, arguments, 0));
        unload(loader);
        from_memory + from_file
    });
    assert_eq!(kernel.snapshot(), before);
    rejections
}

/// Loads a file whose start fails, if it has one. Says whether it has.
fn init_fails<A: Arch>(loader: &Arc<HostLoader<A>>, file: &[u8]) -> bool {
    let kernel = loader.platform();
    let before = kernel.snapshot();
    let image = Image::<A>::check(file, u64::MAX >> 1).unwrap();
    let name = String::from_utf8(image.modinfo().get(b"name").unwrap().to_vec()).unwrap();
    kernel.on_init(&name, |_| -12);
    match loader.load(file) {
        Ok(module) => {
            drop(module);
            unload(loader)
        }
        Err(error) => {
            assert_eq!(error, LoadError::Init(-12));
            assert_eq!(kernel.snapshot(), before, "{name}");
            return true;
        }
    }
    assert_eq!(kernel.snapshot(), before, "{name}");
    false
}

on_every_architecture! {
    fn every_failure_in_a_load_is_undone<A>() {
        let provider = ModuleFile::<A>::new("provider").exports("f").build();
        let file = ModuleFile::<A>::new("m")
            .init()
            .exit()
            .imports("f")
            .exports("g")
            .section(".rodata", SectionKind::ReadOnlyData, b"x", 1)
            .section(".data..ro_after_init", SectionKind::Data, b"x", 1)
            .section(".init.rodata", SectionKind::ReadOnlyData, b"x", 1);
        let loader = HostKernel::<A>::new().boot();
        loader.load(&provider).unwrap();

        let [allocate, protect, copy, read] = survive(&loader, &file.build());
        assert_eq!(allocate, 2 * 2, "core and init, from memory and from a file");
        assert_eq!(protect, 2 * 4, "text and constants of both parts");
        assert_eq!(copy, (1 + 4) + 4, "the image, and the arguments in pieces");
        assert_eq!(read, 1);
    }

    fn every_failure_in_the_load_of_a_contiguous_module_is_undone<A>() {
        let file = ModuleFile::<A>::new("m").init().exit();
        let loader = HostKernel::<A>::new().boot();
        loader.platform().set_room(modlink::platform::Purpose::Init, &[OUT_OF_REACH]);
        let [allocate, ..] = survive(&loader, &file.build());
        assert_eq!(allocate, 2 * 3, "core, init, and both in one");
    }

    fn every_failure_in_the_load_of_a_real_module_is_undone<A>() {
        let mut paths: Vec<_> = corpus::files::<A>().into_values().collect();
        paths.sort();
        let every = paths.len().div_ceil(20);
        let mut failing_inits = 0;
        for path in paths.iter().step_by(every) {
            let file = std::fs::read(path).unwrap();
            let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
            let [allocate, protect, copy, read] = survive(&loader, &file);
            assert!(allocate >= 2 && protect >= 2 && copy >= 3 && read == 1, "{}", path.display());
            failing_inits += usize::from(init_fails(&loader, &file));
        }
        assert!(failing_inits >= 5, "{failing_inits} of 20 have an init function");
    }

    fn a_real_module_whose_init_fails_puts_its_provider<A>() {
        let (fat, vfat) = (corpus::module::<A>("fat"), corpus::module::<A>("vfat"));
        let from_fat = corpus::exported_symbols(&fat);
        let from_fat: Vec<_> = from_fat.iter().map(String::as_str).collect();
        let loader = HostKernel::<A>::new()
            .export_all_for(&fat, &[])
            .export_all_for(&vfat, &from_fat)
            .boot();
        loader.load(&fat).unwrap();
        survive(&loader, &vfat);

        let before = loader.platform().snapshot();
        loader.platform().on_init("vfat", |_| -12);
        loader.load(&vfat).unwrap_err();
        assert_eq!(loader.platform().snapshot(), before);
        loader.unload(b"fat", false).unwrap();
    }
}
