//! Whole loads of x86_64 modules.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use modlink::arch::X86_64;
use modlink_fuzz::{Target, mutate, run};

static TARGET: Target<X86_64> = Target::new();

fuzz_target!(|file: &[u8]| run(&TARGET, file));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed)
});
