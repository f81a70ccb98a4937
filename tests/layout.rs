//! What holds of every layout, whatever sections a module has.

use modlink::arch::{Arch, Class, I386, M68k, X86_64};
use modlink::image::{Flags, Image, Section};
use modlink::link::{Block, Error, Layout, Location, MemoryType, Part, Plan};
use modlink_host::{ModuleFile, corpus, on_every_architecture};
use object::SectionKind;
use proptest::prelude::*;

const PAGE: u64 = 4096;
const LIMIT: u64 = 64 << 20;

/// A section that a module may have.
#[derive(Clone, Debug)]
struct Wish {
    name: &'static str,
    kind: SectionKind,
    size: usize,
    align: u64,
}

fn wish() -> impl Strategy<Value = Wish> {
    let kinds = prop::sample::select(vec![
        (".text.more", SectionKind::Text),
        (".exit.text", SectionKind::Text),
        (".rodata.more", SectionKind::ReadOnlyData),
        ("__bug_table", SectionKind::ReadOnlyData),
        (".data..ro_after_init", SectionKind::Data),
        ("__jump_table", SectionKind::Data),
        (".data.more", SectionKind::Data),
        (".bss.more", SectionKind::UninitializedData),
        (".init.text", SectionKind::Text),
        (".init.rodata", SectionKind::ReadOnlyData),
        (".init.data", SectionKind::Data),
        (".init.bss", SectionKind::UninitializedData),
        (".initcall", SectionKind::Data),
    ]);
    let size = prop_oneof![Just(0), 1..100_usize, 4000..4200_usize, 0..20_000_usize];
    let align = (0..=16_u32).prop_map(|power| 1 << power);
    (kinds, size, align).prop_map(|((name, kind), size, align)| Wish { name, kind, size, align })
}

/// A file with these sections. Its bytes are never 0, so that gaps can be told from contents.
fn file_with<A: Arch>(wishes: &[Wish]) -> Vec<u8> {
    let file = ModuleFile::<A>::new("m");
    let add = |file: ModuleFile<A>, wish: &Wish| {
        file.section(wish.name, wish.kind, &vec![0xee; wish.size], wish.align)
    };
    wishes.iter().fold(file, add).build()
}

/// The rule of Linux, said again: what is `.init…` goes, and is protected as its flags ask.
fn expected_type(section: &Section<'_>) -> (Part, MemoryType) {
    let part = if section.name().starts_with(b".init") { Part::Init } else { Part::Core };
    let ro_after_init = [&b".data..ro_after_init"[..], b"__jump_table"].contains(&section.name());
    let memory_type = match section.flags {
        flags if flags.contains(Flags::EXECUTE) => MemoryType::Text,
        _ if ro_after_init => MemoryType::ReadOnlyAfterInit,
        flags if !flags.contains(Flags::WRITE) => MemoryType::Rodata,
        _ if section.is_nobits() => MemoryType::Bss,
        _ => MemoryType::Data,
    };
    (part, memory_type)
}

fn layout(plan: &Plan, part: Part) -> &Layout {
    match part {
        Part::Core => &plan.core,
        Part::Init => &plan.init,
    }
}

fn check_sections<A: Arch>(image: &Image<'_, A>, plan: &Plan) {
    let mut taken: Vec<Location> = plan.got().into_iter().collect();
    for (index, section) in image.sections().iter().enumerate() {
        let Some(location) = plan.location(index) else {
            assert!(!section.loaded, "section {index} is loaded and has no place");
            continue;
        };
        assert!(section.loaded);
        assert_eq!(location.size, section.size);
        assert!(location.offset.is_multiple_of(section.align));
        let (part, memory_type) = expected_type(section);
        assert_eq!(location.part, part);
        let layout = layout(plan, part);
        let range = layout.range(memory_type);
        assert!(range.start <= location.offset && location.offset + location.size <= range.end);
        assert!(layout.align >= section.align);
        taken.push(location);
    }
    taken.retain(|location| location.size != 0);
    taken.sort_by_key(|location| (location.part as u8, location.offset));
    for pair in taken.windows(2) {
        let apart = pair[0].part != pair[1].part || pair[0].offset + pair[0].size <= pair[1].offset;
        assert!(apart, "{pair:x?} overlap");
    }
}

fn check_groups(plan: &Plan) {
    for layout in [&plan.core, &plan.init] {
        assert!(layout.size.is_multiple_of(PAGE));
        assert!(layout.align.is_power_of_two() && layout.align >= PAGE);
        let mut last_page = 0;
        let mut end = 0;
        for memory_type in MemoryType::ALL {
            let range = layout.range(memory_type);
            assert!(end <= range.start && range.start <= range.end);
            end = range.end;
            if range.is_empty() {
                continue;
            }
            // Zeroed and other data are both writable and may share a page.
            if memory_type != MemoryType::Bss {
                assert!(range.start >= last_page, "{memory_type:?} shares a page");
                assert!(range.start.is_multiple_of(PAGE));
            }
            if memory_type != MemoryType::Data {
                last_page = range.end.next_multiple_of(PAGE);
            }
        }
        assert!(end <= layout.size && layout.size - end < PAGE, "no page is without use");
    }
}

fn check_contiguous(plan: &Plan) {
    let contiguous = plan.contiguous();
    assert!(contiguous.init_offset >= plan.core.size);
    assert!(contiguous.init_offset - plan.core.size < plan.init.align);
    assert!(contiguous.init_offset.is_multiple_of(plan.init.align));
    assert_eq!(contiguous.size, contiguous.init_offset + plan.init.size);
    assert!(contiguous.align >= plan.core.align && contiguous.align >= plan.init.align);
    assert!(contiguous.align == plan.core.align || contiguous.align == plan.init.align);
}

/// Places a module over garbage: its sections' bytes are in place and all others are clear.
fn check_placed<A: Arch>(image: &Image<'_, A>, plan: &Plan) {
    let mut core = vec![0xa5; plan.core.size as usize];
    let mut init = vec![0xa5; plan.init.size as usize];
    let at = |address| address & !(plan.core.align.max(plan.init.align) - 1);
    let core_block = Block { address: at(0xc800_0000), bytes: &mut core };
    let init_block = Block { address: at(0xd000_0000), bytes: &mut init };
    plan.place(image, core_block, init_block).unwrap();

    let (mut expected_core, mut expected_init) = (vec![0; core.len()], vec![0; init.len()]);
    for (index, section) in image.loaded_sections() {
        let location = plan.location(index).unwrap();
        let expected = match location.part {
            Part::Core => &mut expected_core,
            Part::Init => &mut expected_init,
        };
        let start = location.offset as usize;
        expected[start..start + section.data.len()].copy_from_slice(section.data);
    }
    assert!(core == expected_core, "core");
    assert!(init == expected_init, "init");
}

fn check<A: Arch>(file: &[u8]) {
    let image = Image::<A>::check(file, LIMIT).unwrap();
    let plan = Plan::new(&image, PAGE).unwrap();
    check_sections(&image, &plan);
    check_groups(&plan);
    check_contiguous(&plan);
    check_placed(&image, &plan);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_sections_are_laid_out_soundly(wishes in prop::collection::vec(wish(), 0..30)) {
        check::<X86_64>(&file_with::<X86_64>(&wishes));
        check::<I386>(&file_with::<I386>(&wishes));
        check::<M68k>(&file_with::<M68k>(&wishes));
    }
}

on_every_architecture! {
    fn real_modules_are_laid_out_soundly<A>() {
        let mut paths: Vec<_> = corpus::files::<A>().into_values().collect();
        paths.sort();
        let every = paths.len().div_ceil(100);
        for path in paths.iter().step_by(every) {
            let file = std::fs::read(path).unwrap();
            check::<A>(&file);
            let image = Image::<A>::check(&file, LIMIT).unwrap();
            assert_eq!(Plan::new(&image, PAGE).unwrap().got(), None, "no module asks for a table");
        }
    }

    fn sections_that_are_too_large_together_are_rejected<A>() {
        let file = ModuleFile::<A>::new("m");
        let size = LIMIT as usize / 8 + 1;
        let file = (0..8).fold(file, |file, _| {
            file.section(".bss.more", SectionKind::UninitializedData, &vec![0; size], 1)
        });
        let file = file.build();
        let error = Image::<A>::check(&file, LIMIT).unwrap_err();
        let modlink::image::Error::Section { section, problem } = &error else { panic!("{error}") };
        assert_eq!(section.name.as_bytes(), b".bss.more");
        assert_eq!(*problem, modlink::image::SectionProblem::TooLarge(LIMIT));
        assert_eq!(error.errno(), modlink::Errno::ENOMEM);
    }

    fn blocks_that_do_not_suit_the_layout_are_rejected<A>() {
        let wish = |name| Wish { name, kind: SectionKind::Data, size: 10, align: 0x2000 };
        let file = file_with::<A>(&[wish(".data.more"), wish(".init.data")]);
        let image = Image::<A>::check(&file, LIMIT).unwrap();
        let plan = Plan::new(&image, PAGE).unwrap();
        let (core_size, init_size) = (plan.core.size as usize, plan.init.size as usize);
        let last = match A::CLASS {
            Class::Elf64 => u64::MAX,
            Class::Elf32 => u64::from(u32::MAX),
        };
        let place = |core: (u64, usize), init: (u64, usize)| {
            let (mut core_bytes, mut init_bytes) = (vec![0; core.1], vec![0; init.1]);
            let core = Block { address: core.0, bytes: &mut core_bytes };
            let init = Block { address: init.0, bytes: &mut init_bytes };
            plan.place(&image, core, init).map(drop)
        };
        let (core, init) = ((0xc000_0000, core_size), (0xd000_0000, init_size));
        assert_eq!(place(core, init), Ok(()));
        let wrapping = (last - 0x1fff, core_size.max(init_size));
        for unsuitable in
            [(core.0, core.1 - 1), (core.0 + 0x1000, core.1), (core.0 + 1, core.1), wrapping]
        {
            assert_eq!(place(unsuitable, init), Err(Error::Block(Part::Core)), "{unsuitable:x?}");
        }
        for unsuitable in [(init.0, init.1 - 1), (init.0 + 0x1000, init.1)] {
            assert_eq!(place(core, unsuitable), Err(Error::Block(Part::Init)), "{unsuitable:x?}");
        }
    }
}
