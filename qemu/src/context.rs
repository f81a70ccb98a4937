//! Whether the kernel is in its timer's interrupt, and what is forbidden there.

use crate::machine::{Machine, This};
use core::sync::atomic::{AtomicBool, Ordering};
use spin::Mutex;

static IN_INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Runs what an interrupt has to do. Interrupts are off meanwhile, so that there is one at a time.
pub fn in_interrupt(what: impl FnOnce()) {
    assert!(!IN_INTERRUPT.swap(true, Ordering::Relaxed), "an interrupt within an interrupt");
    what();
    IN_INTERRUPT.store(false, Ordering::Relaxed);
}

/// Whether an interrupt is being handled.
pub fn is_in_interrupt() -> bool {
    IN_INTERRUPT.load(Ordering::Relaxed)
}

/// Panics in an interrupt, which must not use `what`.
pub fn forbid_in_interrupt(what: &str) {
    assert!(!IN_INTERRUPT.load(Ordering::Relaxed), "an interrupt used {what}");
}

/// A value that interrupts may look at too: they stay off while it is in use.
pub struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    /// Shares it.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Uses the value. Nothing can be in its midst: there is one processor.
    pub fn with<R>(&self, what: impl FnOnce(&mut T) -> R) -> R {
        This::without_interrupts(|| {
            what(&mut self.0.try_lock().expect("nobody else uses a value with interrupts off"))
        })
    }
}
