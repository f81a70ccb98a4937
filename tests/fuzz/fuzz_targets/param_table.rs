//! Tables of parameters, with all the constants that they refer to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use modlink::arch::{I386, M68k, X86_64};
use modlink_fuzz::parameters::{Table, load};

static OF_X86_64: Table<X86_64> = Table::new();
static OF_I386: Table<I386> = Table::new();
static OF_M68K: Table<M68k> = Table::new();

fuzz_target!(|input: &[u8]| {
    let Some((which, constants)) = input.split_first() else { return };
    match which % 3 {
        0 => load(&OF_X86_64, constants),
        1 => load(&OF_I386, constants),
        _ => load(&OF_M68K, constants),
    }
});
