//! Real modules that are cut off or damaged anywhere: whatever the change, there is an answer and
//! no panic, and the kernel gets back what it gave.

use crate::edit::*;
use crate::real::{Architecture, with_arch};
use modlink::arch::Arch;
use modlink_host::{HostKernel, HostLoader};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many damaged modules are tried on each architecture.
const SAMPLES: usize = 3000;

#[test]
fn a_module_that_is_cut_off_anywhere_is_rejected() {
    for architecture in Architecture::ALL {
        with_arch!(architecture, A => {
            let target = Target::<A>::new(architecture);
            let file = architecture.module().into_bytes();
            for length in 0..file.len() {
                let accepted = target.try_load(&file[..length], &format!("{length} bytes"));
                assert!(!accepted, "{architecture:?}: {length} bytes of {} accepted", file.len());
            }
        });
    }
}

#[test]
fn every_change_of_a_header_byte_that_matters_is_rejected() {
    for architecture in Architecture::ALL {
        let real = architecture.module();
        let free = places_that_do_not_matter(&real);
        let names = real.place(Header("e_shstrndx"));
        let mut file = real.bytes().to_vec();
        for place in 0..real.header_size() {
            let original = file[place];
            for value in (0..=255).filter(|value| *value != original) {
                file[place] = value;
                let accepted = architecture.link(&file).is_ok();
                // Section names that are taken from another string table are names after all.
                let other_names = names.contains(&place) && names_are_strings(&file);
                let may_pass = free.contains(&place) || other_names;
                assert!(!accepted || may_pass, "{architecture:?}: {place:#x}: {value:#x} accepted");
                assert!(
                    accepted || !free.contains(&place),
                    "{architecture:?}: {place:#x}: {value:#x} rejected"
                );
            }
            file[place] = original;
        }
    }
}

#[test]
fn a_damaged_byte_anywhere_gets_an_answer() {
    damage_everywhere(1);
}

#[test]
fn several_damaged_bytes_anywhere_get_an_answer() {
    damage_everywhere(6);
}

/// Bytes of the header that say nothing about a relocatable file.
fn places_that_do_not_matter(file: &Edit) -> BTreeSet<usize> {
    let fields = ["e_entry", "e_phoff", "e_flags", "e_phentsize", "e_phnum"];
    let fields = fields.into_iter().flat_map(|field| file.place(Header(field)));
    (7..16).chain(fields).collect()
}

fn names_are_strings(file: &[u8]) -> bool {
    let file = Edit::new(file);
    let names = file.get(Header("e_shstrndx")) as usize;
    names < file.section_count() && file.get(Section(names, "sh_type")) == SHT_STRTAB
}

fn damage_everywhere(bytes: usize) {
    for architecture in Architecture::ALL {
        with_arch!(architecture, A => {
            let target = Target::<A>::new(architecture);
            let mut random = ChaCha8Rng::seed_from_u64(20020915);
            let (mut accepted, mut rejected) = (0, 0);
            for _ in 0..SAMPLES {
                let mut file = architecture.module().into_bytes();
                let mut changes = Vec::new();
                for _ in 0..bytes {
                    let place = random.random_range(0..file.len());
                    file[place] = interesting(&mut random);
                    changes.push(format!("{place:#x} = {:#x}", file[place]));
                }
                if target.try_load(&file, &changes.join(", ")) {
                    accepted += 1;
                } else {
                    rejected += 1;
                }
            }
            assert!(accepted > 0 && rejected > 0, "{architecture:?}: {accepted}, {rejected}");
        });
    }
}

/// A byte; those at the ends of ranges come often.
fn interesting(random: &mut ChaCha8Rng) -> u8 {
    match random.random_range(0..4) {
        0 => [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
        _ => random.random(),
    }
}

/// A kernel to load damaged modules into.
struct Target<A: Arch> {
    loader: Arc<HostLoader<A>>,
}

impl<A: Arch> Target<A> {
    fn new(on: Architecture) -> Self {
        let kernel = HostKernel::new().export_all_for(on.signed_module(), &[]);
        Self { loader: kernel.boot() }
    }

    /// Loads a file and, if that succeeds, unloads it. Says whether it succeeded.
    fn try_load(&self, file: &[u8], what: &str) -> bool {
        let kernel = self.loader.platform();
        let before = kernel.snapshot();
        let said = SayIfPanicking(what);
        let accepted = self.loader.load(file).is_ok();
        let mut loaded = Vec::new();
        self.loader.for_each(|module| loaded.push(module.name().clone()));
        assert_eq!(loaded.len(), usize::from(accepted), "{what}");
        for name in loaded {
            assert_eq!(self.loader.unload(name.as_bytes(), true), Ok(()), "{what}");
        }
        assert_eq!(kernel.snapshot(), before, "{what}");
        drop(said);
        accepted
    }
}

/// Says on a panic which file it was.
struct SayIfPanicking<'w>(&'w str);

impl Drop for SayIfPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("panic at: {}", self.0);
        }
    }
}
