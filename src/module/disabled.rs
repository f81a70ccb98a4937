//! A switch after which no module is loaded or unloaded any more (Linux: the sysctl
//! `kernel.modules_disabled`).

use crate::sync::{AtomicBool, Ordering};

/// The switch. It cannot be switched back.
#[derive(Debug)]
pub(crate) struct Disabled(AtomicBool);

impl Disabled {
    /// Not yet.
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// `error` once the switch is set.
    pub fn check<E>(&self, error: E) -> Result<(), E> {
        if self.is_set() { Err(error) } else { Ok(()) }
    }
}
