//! How long the last system call or called function took.

use crate::machine::{Machine, This};
use spin::Mutex;

static LAST: Mutex<Option<u64>> = Mutex::new(None);

/// Runs `what` and remembers how long it took.
pub fn timed<R>(what: impl FnOnce() -> R) -> R {
    let start = This::clock();
    let result = what();
    let end = This::clock();
    *LAST.lock() = Some(end - start);
    result
}

/// How long what was [`timed`] last took, in units of [`Machine::clock`]; it is forgotten then.
pub fn take() -> Option<u64> {
    LAST.lock().take()
}
