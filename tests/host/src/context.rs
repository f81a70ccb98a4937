//! In which context a thread is: what an interrupt may do is less.
//!
//! A test whose interrupts are signals says so by [`interrupt`]. From then on the kernel's methods
//! that need a thread end the test, and so may an allocator that asks [`is_interrupt`].

use std::cell::Cell;

thread_local! {
    static INTERRUPT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `handler` as an interrupt of the calling thread, or of an interrupt of that.
pub fn interrupt<T>(handler: impl FnOnce() -> T) -> T {
    let before = INTERRUPT.replace(true);
    let result = handler();
    INTERRUPT.set(before);
    result
}

/// Whether the calling thread runs an interrupt.
pub fn is_interrupt() -> bool {
    INTERRUPT.get()
}

/// Ends the test if the calling thread runs an interrupt.
///
/// # Panics
/// In that case.
pub fn needs_a_thread(what: &str) {
    if INTERRUPT.replace(false) {
        panic!("{what} in an interrupt");
    }
}
