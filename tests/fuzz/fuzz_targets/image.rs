//! `Image::check`, the plan, and every look at what was accepted, on each architecture.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use modlink::arch::{Arch, I386, M68k, X86_64};
use modlink::image::Image;
use modlink::link::Plan;
use modlink_fuzz::{bounded, mutate};

fuzz_target!(|file: &[u8]| {
    look::<X86_64>(file);
    look::<I386>(file);
    look::<M68k>(file);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed)
});

fn look<A: Arch>(file: &[u8]) {
    let image = match bounded(file.len(), || Image::<A>::check(file, 64 << 20)) {
        Ok(image) => image,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let symbols = image.symbols();
    assert_eq!(symbols.iter().count(), symbols.len());
    for (index, symbol) in symbols.iter().enumerate() {
        let again = symbols.get(index).expect("it is there");
        assert!(again.is_named(symbol.name()) && again.value == symbol.value);
    }
    for table in image.relocations() {
        assert_eq!(table.iter().count(), table.len());
        let target = &image.sections()[table.target];
        assert!(target.loaded && (table.is_empty() || !target.is_nobits()));
    }
    let plan = bounded(file.len(), || Plan::new(&image, 4096)).expect("there is memory");
    for (index, section) in image.loaded_sections() {
        let location = plan.location(index).expect("it is loaded");
        assert!(location.size == section.size && location.offset.is_multiple_of(section.align));
    }
}
