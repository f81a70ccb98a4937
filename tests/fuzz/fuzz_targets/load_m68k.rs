//! Whole loads of m68k modules.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use modlink::arch::M68k;
use modlink_fuzz::{Target, mutate, run};

static TARGET: Target<M68k> = Target::new();

fuzz_target!(|file: &[u8]| run(&TARGET, file));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed)
});
