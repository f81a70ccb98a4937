//! Where a module lies: apart or contiguous, within reach, aligned, and nothing on top of anything.

use modlink::arch::{Arch, X86_64};
use modlink::platform::{AllocateError, Purpose};
use modlink::{Errno, LoadError, Unreachable};
use modlink_host::{
    HostKernel, HostLoader, ModuleFile, OUT_OF_REACH, Operation, Step, address_in, corpus,
    on_every_architecture,
};
use object::SectionKind;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A module with several pages in each part.
fn with_init<A: Arch>() -> ModuleFile<A> {
    ModuleFile::new("m").init().exit().section(".init.bss", SectionKind::UninitializedData, b"x", 1)
}

fn purposes<A: Arch>(loader: &HostLoader<A>) -> Vec<Purpose> {
    loader.platform().requests().iter().map(|request| request.purpose).collect()
}

/// Loads a module that must be rejected for want of memory, and checks that nothing is left.
fn rejection<A: Arch>(loader: &Arc<HostLoader<A>>) -> AllocateError {
    let before = loader.platform().snapshot();
    let error = loader.load(&with_init::<A>().build()).unwrap_err();
    assert_eq!(error.errno(), Errno::ENOMEM);
    assert_eq!(loader.platform().snapshot(), before);
    match error {
        LoadError::Memory(error) => error,
        other => panic!("not for want of memory, but: {other}"),
    }
}

/// The addresses at which a module can lie, by the psABIs: x86-64's kernel code model has the
/// topmost 2 GiB but the last 16 MiB (section 3.5.1); 32-bit fields reach all of 32 bits.
fn code_model<A: Arch>() -> RangeInclusive<u64> {
    match A::NAME {
        "x86_64" => 0xffff_ffff_8000_0000..=0xffff_ffff_feff_ffff,
        _ => 0..=0xffff_ffff,
    }
}

/// A loader in a kernel that is at `kernel` and lets modules lie at `modules`, with all room in
/// `room`; and what comes of loading a real module, which refers to the kernel's symbols by 32-bit
/// distances.
fn load_beside(
    kernel: RangeInclusive<u64>,
    modules: RangeInclusive<u64>,
    room: &[RangeInclusive<u64>],
) -> (Arc<HostLoader<X86_64>>, Result<(), LoadError>) {
    let file = corpus::module::<X86_64>("crc7");
    let loader = HostKernel::<X86_64>::new()
        .with_kernel_at(kernel)
        .with_modules_at(modules)
        .export_all_for(&file, &[])
        .boot();
    loader.platform().set_region(room);
    let result = loader.load(&file).map(drop);
    (loader, result)
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TOP: RangeInclusive<u64> = 0xffff_ffff_8000_0000..=0xffff_ffff_feff_ffff;
const EVERYWHERE: RangeInclusive<u64> = 0..=u64::MAX;

#[test]
fn a_kernel_at_2_mib_loads_modules_into_the_topmost_2_gib() {
    let kernel = 2 * MIB..=18 * MIB - 1;
    let low = (18 * MIB - 1).wrapping_sub(0x7fff_ffff);
    let room = 0xffff_ffff_c000_0000..=0xffff_ffff_c0ff_ffff;
    let (loader, result) = load_beside(kernel.clone(), TOP, std::slice::from_ref(&room));
    result.unwrap();
    let requests = loader.platform().requests();
    assert_eq!(requests[0].window, low..=*TOP.end());
    assert!(room.contains(&loader.find(b"crc7").unwrap().core().start));

    // What is below the window is too far from the kernel's last byte.
    let (_, result) = load_beside(kernel, TOP, &[*TOP.start()..=low - 1]);
    let error = result.unwrap_err();
    assert_eq!(error, LoadError::Memory(AllocateError::OutOfReach));
}

#[test]
fn a_kernel_at_the_lower_end_of_the_topmost_2_gib_loads_modules_anywhere_there() {
    let kernel = *TOP.start()..=TOP.start() + 16 * MIB - 1;
    for room in [TOP.start() + 16 * MIB..=TOP.start() + 17 * MIB, TOP.end() - MIB..=*TOP.end()] {
        let (loader, result) = load_beside(kernel.clone(), TOP, &[room]);
        result.unwrap();
        assert_eq!(loader.platform().requests()[0].window, TOP);
    }
}

#[test]
fn a_window_that_goes_around_zero_is_asked_for_in_two_parts() {
    let kernel = 2 * MIB..=18 * MIB - 1;
    let low = (18 * MIB - 1).wrapping_sub(0x7fff_ffff);
    let windows = [low..=u64::MAX, 0..=2 * MIB + 0x7fff_ffff];
    let above = GIB..=GIB + 16 * MIB;
    let below = 0_u64.wrapping_sub(GIB)..=0_u64.wrapping_sub(GIB) + 16 * MIB;
    for (room, asked) in [(below.clone(), 1), (above.clone(), 2)] {
        let (loader, result) = load_beside(kernel.clone(), EVERYWHERE, std::slice::from_ref(&room));
        result.unwrap();
        let core: Vec<_> = loader
            .platform()
            .requests()
            .into_iter()
            .filter(|request| request.purpose == Purpose::Core)
            .map(|request| request.window)
            .collect();
        assert_eq!(core, windows[..asked]);
        assert!(room.contains(&loader.find(b"crc7").unwrap().core().start));
    }

    // Core on the one side of zero and init on the other, each within reach of the other.
    let file = with_init::<X86_64>().build();
    let loader =
        HostKernel::<X86_64>::new().with_kernel_at(kernel).with_modules_at(EVERYWHERE).boot();
    loader.platform().set_room(Purpose::Core, &[0_u64.wrapping_sub(MIB)..=u64::MAX]);
    loader.platform().set_room(Purpose::Init, &[above]);
    loader.load(&file).unwrap();
    assert!(!loader.find(b"m").unwrap().statistics().contiguous);
    let init = loader.platform().requests().pop().unwrap();
    assert_eq!(init.purpose, Purpose::Init);
    assert!(init.window.end() < &(2 * MIB + 0x7fff_ffff), "core is below the kernel: {init:x?}");

    loader.unload(b"m", false).unwrap();
    loader.platform().set_room(Purpose::Init, &[2 * GIB - MIB..=2 * GIB + MIB]);
    loader.platform().set_room(Purpose::Contiguous, &[below]);
    loader.load(&file).unwrap();
    assert!(
        loader.find(b"m").unwrap().statistics().contiguous,
        "init would reach the kernel, not core"
    );
}

#[test]
fn a_kernel_that_no_module_reaches_is_named_with_where_modules_may_lie() {
    let kernel = 1 << 46..=(1 << 46) + 16 * MIB - 1;
    let (_, result) = load_beside(kernel.clone(), TOP, &[TOP]);
    let error = result.unwrap_err();
    assert_eq!(error, LoadError::Unreachable(Unreachable { kernel, modules: TOP }));
    assert_eq!(
        error.to_string(),
        "the kernel at 0x400000000000..=0x400000ffffff is out of reach of modules, which may lie \
         at 0xffffffff80000000..=0xfffffffffeffffff"
    );
    let (_, result) = load_beside(2 * MIB..=5 * GIB, EVERYWHERE, &[EVERYWHERE]);
    let error = result.unwrap_err();
    assert!(matches!(error, LoadError::Unreachable(_)), "too large for any: {error}");
}

#[test]
fn a_kernel_in_the_middle_has_its_modules_where_it_says_that_they_lie() {
    let kernel = 1 << 46..=(1 << 46) + 16 * MIB - 1;
    let modules = (1 << 46) + GIB..=(1 << 46) + 4 * GIB;
    let loader = HostKernel::<X86_64>::new()
        .with_kernel_at(kernel.clone())
        .with_modules_at(modules.clone())
        .boot();
    loader.platform().set_region(std::slice::from_ref(&modules));
    loader.load(&with_init::<X86_64>().build()).unwrap();
    let window = &loader.platform().requests()[0].window;
    assert_eq!(*window, *modules.start()..=kernel.start() + 0x7fff_ffff);
}

on_every_architecture! {
    fn core_and_init_lie_apart_where_both_are_within_reach<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        let window = code_model::<A>();
        let high = *window.end() - 0xf_ffff..=*window.end();
        let low = *window.start()..=*window.start() + 0xf_ffff;
        kernel.set_room(Purpose::Core, std::slice::from_ref(&high));
        kernel.set_room(Purpose::Init, std::slice::from_ref(&low));

        let expected = low.clone();
        kernel.on_init("m", move |loader| {
            loader.platform().look("m", |module| {
                assert!(expected.contains(&module.init().unwrap().start));
            });
            0
        });
        loader.load(&with_init::<A>().build()).unwrap();

        assert_eq!(purposes(&loader), [Purpose::Core, Purpose::Init]);
        let module = loader.find(b"m").unwrap();
        assert!(!module.statistics().contiguous);
        assert!(high.contains(&module.core().start));
    }

    fn the_window_is_what_the_code_model_and_the_kernel_allow<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.load(&with_init::<A>().build()).unwrap();
        for request in loader.platform().requests() {
            assert_eq!(request.window, code_model::<A>(), "{request:x?}");
        }
    }

    fn init_is_contiguous_with_core_where_it_is_out_of_reach<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        kernel.set_room(Purpose::Init, &[OUT_OF_REACH]);
        let file = with_init::<A>().section(".init.data", SectionKind::Data, &[7; 100], 64).build();
        let before = kernel.snapshot();
        loader.load(&file).unwrap();

        assert_eq!(purposes(&loader), [Purpose::Core, Purpose::Init, Purpose::Contiguous]);
        let trace = kernel.take_trace();
        let core_is_given_back_first = [
            Step::Allocated(Purpose::Core),
            Step::Freed(Purpose::Core),
            Step::Allocated(Purpose::Contiguous),
        ];
        assert_eq!(trace[..3], core_is_given_back_first);

        let module = loader.find(b"m").unwrap();
        let figures = module.statistics();
        assert!(figures.contiguous);
        assert_eq!(kernel.snapshot().bytes(), figures.core + figures.init);
        let (core, init) = (module.core(), module.init().expect("it stays"));
        assert_eq!(core.end, init.start);
        let data = address_in(&module, &file, ".init.data");
        assert_eq!(kernel.peek(data, 100), Ok(vec![7; 100]));
        assert_eq!(loader.locate(data).unwrap().1, data - init.start);
        drop(module);

        loader.unload(b"m", false).unwrap();
        assert_eq!(kernel.snapshot(), before);
        assert_eq!(kernel.take_trace().last(), Some(&Step::Freed(Purpose::Contiguous)));
    }

    fn the_init_function_of_a_contiguous_module_can_fail<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        kernel.set_room(Purpose::Init, &[OUT_OF_REACH]);
        kernel.on_init("m", |_| -19);
        let before = kernel.snapshot();
        loader.load(&with_init::<A>().build()).unwrap_err();
        assert_eq!(kernel.snapshot(), before);
    }

    fn a_core_that_is_out_of_reach_is_rejected<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().set_region(&[OUT_OF_REACH]);
        assert_eq!(rejection(&loader), AllocateError::OutOfReach);
        assert_eq!(purposes(&loader), [Purpose::Core]);
    }

    fn no_memory_at_all_is_rejected<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().set_region(&[]);
        assert_eq!(rejection(&loader), AllocateError::Exhausted);
        assert_eq!(purposes(&loader), [Purpose::Core]);
    }

    fn no_memory_for_init_is_no_reason_to_join<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().set_room(Purpose::Init, &[]);
        assert_eq!(rejection(&loader), AllocateError::Exhausted);
        assert_eq!(purposes(&loader), [Purpose::Core, Purpose::Init]);
    }

    fn no_memory_for_a_contiguous_block_is_rejected<A>() {
        for (room, expected) in
            [(vec![], AllocateError::Exhausted), (vec![OUT_OF_REACH], AllocateError::OutOfReach)]
        {
            let loader = HostKernel::<A>::new().boot();
            loader.platform().set_room(Purpose::Init, &[OUT_OF_REACH]);
            loader.platform().set_room(Purpose::Contiguous, &room);
            assert_eq!(rejection(&loader), expected);
            assert_eq!(purposes(&loader), [Purpose::Core, Purpose::Init, Purpose::Contiguous]);
        }
    }

    fn memory_outside_of_the_window_is_rejected<A>() {
        let loader = HostKernel::<A>::new().boot();
        let kernel = loader.platform();
        kernel.ignore_window();
        let outside = [OUT_OF_REACH];
        let window = code_model::<A>();
        let across = [window.end() - 0xfff..=window.end() + 0x1_0000];

        kernel.set_room(Purpose::Core, &outside);
        assert_eq!(rejection(&loader), AllocateError::OutOfReach);
        kernel.set_room(Purpose::Core, &across);
        assert_eq!(rejection(&loader), AllocateError::OutOfReach, "its end is outside");
        if let Some(below) = window.start().checked_sub(0x1000) {
            kernel.set_room(Purpose::Core, &[below..=below + 0x1_0000]);
            assert_eq!(rejection(&loader), AllocateError::OutOfReach, "its start is outside");
        }

        kernel.set_room(Purpose::Core, std::slice::from_ref(&window));
        kernel.set_room(Purpose::Contiguous, &outside);
        for init in [&outside, &across] {
            kernel.set_room(Purpose::Init, init);
            assert_eq!(rejection(&loader), AllocateError::OutOfReach);
        }
        kernel.set_room(Purpose::Contiguous, &[window]);
        loader.load(&with_init::<A>().build()).unwrap();
        assert!(loader.find(b"m").unwrap().statistics().contiguous);
    }

    fn memory_that_can_be_had_after_a_failure_is_used<A>() {
        let loader = HostKernel::<A>::new().boot();
        for nth in [1, 2] {
            loader.platform().fail(Operation::Allocate, nth);
            assert_eq!(rejection(&loader), AllocateError::Exhausted);
        }
        loader.load(&with_init::<A>().build()).unwrap();
    }

    fn the_strictest_alignment_is_kept<A>() {
        for align in [1, 16, 4096, 8192, 0x1_0000] {
            let loader = HostKernel::<A>::new().boot();
            let kernel = loader.platform();
            let window = code_model::<A>();
            kernel.set_region(&[*window.end() - 0x7f_efff..=*window.end()]);
            let file = with_init::<A>()
                .section(".data.aligned", SectionKind::Data, b"x", align)
                .section(".init.data", SectionKind::Data, b"x", align)
                .build();
            kernel.on_event(move |_, _, module| {
                let start = module.init().map(|init| init.start);
                assert!(start.is_none_or(|start| start.is_multiple_of(align)));
            });
            loader.load(&file).unwrap();
            let module = loader.find(b"m").unwrap();
            let address = address_in(&module, &file, ".data.aligned");
            assert!(address.is_multiple_of(align), "{address:#x} for {align:#x}");
            assert!(kernel.requests().iter().all(|request| request.align >= align));
        }
    }

    fn a_contiguous_init_part_is_aligned_too<A>() {
        let loader = HostKernel::<A>::new().boot();
        loader.platform().set_room(Purpose::Init, &[OUT_OF_REACH]);
        let file =
            with_init::<A>().section(".init.data", SectionKind::Data, b"x", 0x1_0000).build();
        loader.load(&file).unwrap();
        let module = loader.find(b"m").unwrap();
        assert!(address_in(&module, &file, ".init.data").is_multiple_of(0x1_0000));
    }

    fn a_module_may_end_with_the_address_space<A>() {
        let loader = HostKernel::<A>::new().boot();
        let last = *code_model::<A>().end();
        loader.platform().set_region(&[last - 0x3fff..=last]);
        loader.load(&ModuleFile::<A>::new("m").build()).unwrap();

        let full = ModuleFile::<A>::new("full").section(
            ".bss",
            SectionKind::UninitializedData,
            &[0; 0x2000],
            1,
        );
        let error = loader.load(&full.build()).unwrap_err();
        assert_eq!(error, LoadError::Memory(AllocateError::Exhausted));
    }

    fn real_modules_are_linked_at_both_ends_of_the_window<A>() {
        let window = code_model::<A>();
        let size = 0xff_ffff;
        let low = *window.start()..=window.start() + size;
        let high = window.end() - size..=*window.end();
        let module_size = 0x100_0000;
        for name in ["crc7", "libdes", "lz4_compress", "fat"] {
            let file = corpus::module::<A>(name);
            for (kernel_at, core, init) in [
                (&low, &high, &high),
                (&low, &high, &low),
                (&high, &low, &low),
                (&high, &low, &high),
            ] {
                let loader = HostKernel::<A>::new()
                    .with_kernel_at(kernel_at.clone())
                    .export_all_for(&file, &[])
                    .boot();
                let kernel = loader.platform();
                let beside = |range: &RangeInclusive<u64>| match range == &low {
                    true => range.start() + module_size..=range.end() + module_size,
                    false => range.start() - module_size..=range.end() - module_size,
                };
                kernel.set_room(Purpose::Core, &[beside(core)]);
                kernel.set_room(Purpose::Init, &[beside(init)]);
                loader.load(&file).unwrap();
                assert!(!loader.find(name.as_bytes()).unwrap().statistics().contiguous);
            }
        }
    }
}
