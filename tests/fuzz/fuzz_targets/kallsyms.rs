//! The names of symbols of modules, on every architecture.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use modlink::arch::{I386, M68k, X86_64};
use modlink_fuzz::{Target, mutate, run_with_names};

static TARGETS: (Target<X86_64>, Target<I386>, Target<M68k>) =
    (Target::new(), Target::new(), Target::new());

fuzz_target!(|file: &[u8]| {
    let (x86_64, i386, m68k) = &TARGETS;
    run_with_names(x86_64, file);
    run_with_names(i386, file);
    run_with_names(m68k, file);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed)
});
