//! A bound for the work that an input makes.
//!
//! Nearly all files take less than 2.5 [basic blocks](modlink_host::work) a byte. The most are 10.0 in
//! an i386 file of nothing but symbols, 16 bytes each, that all have one name, as long as a name may
//! be ([dense files](crate::dense)); a million inputs that fuzzing made were not
//! more. The bound is twice as much.
//! Work that grows with the square of what a file holds passes it: each of 1,500 symbols compared
//! with each before it are 45 blocks a byte.

use modlink_host::work;
pub use modlink_host::work::done;
use std::sync::Once;

/// Basic blocks that any input may take, four times as many as the smallest modules.
const CONSTANT: u64 = 10_000;

/// Basic blocks that it may take for each of its bytes beside those.
const PER_BYTE: u64 = 20;

/// Runs something whose work an input of `bytes` bytes decides.
///
/// # Panics
/// As [`check`].
pub fn bounded<T>(bytes: usize, run: impl FnOnce() -> T) -> T {
    let before = work::done();
    let result = run();
    check(bytes, work::done() - before);
    result
}

/// Checks how much work an input of `bytes` bytes was. Says so once, where nobody can count it.
///
/// # Panics
/// If it was more than such an input may be, or nothing is counted.
pub fn check(bytes: usize, blocks: u64) {
    check_against(bytes, blocks, PER_BYTE, CONSTANT);
}

/// As [`check`], against another bound.
///
/// # Panics
/// As [`check`].
pub fn check_against(bytes: usize, blocks: u64, per_byte: u64, constant: u64) {
    if !work::CAN_BE_COUNTED {
        static SAID: Once = Once::new();
        SAID.call_once(|| eprintln!("nobody counts the work of an input on this machine"));
        return;
    }
    assert!(
        work::done() > 0,
        "nothing is counted: tests/fuzz/run compiles the targets so that it is"
    );
    let most = constant + per_byte * bytes as u64;
    assert!(blocks <= most, "{bytes} bytes take {blocks} basic blocks, {most} at most");
}
