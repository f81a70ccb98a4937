//! Who reads or sets the parameters of a module: one thread at a time, as Linux's `param_lock` has it.
//!
//! It is the module's lock, not the crate's: while a thread has it, functions of the module run, and
//! the module takes it too (`kernel_param_lock`). Who finds it taken waits by [`Platform::wait`].

use super::ParameterError;
use crate::platform::{Platform, WaitError};
use crate::sync::{AtomicU32, Ordering};

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may wait for it.
const AWAITED: u32 = 2;

/// Whether a thread has it.
#[derive(Debug)]
pub(crate) struct Lock(AtomicU32);

impl Lock {
    pub fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    /// Takes it, or says that somebody waits for it.
    pub fn try_take(&self) -> bool {
        let taken =
            self.0.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok();
        taken || self.0.swap(AWAITED, Ordering::Acquire) == FREE
    }

    pub fn is_free(&self) -> bool {
        self.0.load(Ordering::Relaxed) == FREE
    }

    /// Takes it once nobody else has it.
    ///
    /// # Errors
    /// [`ParameterError::Busy`], [`ParameterError::Interrupted`].
    pub fn take<'l, P: Platform>(
        &'l self,
        platform: &'l P,
    ) -> Result<Taken<'l, P>, ParameterError> {
        while !self.try_take() {
            platform.wait(&|| self.is_free(), None).map_err(ParameterError::from)?;
        }
        Ok(Taken { lock: self, platform })
    }

    /// Gives it back; whether somebody may wait for it, and is to be woken.
    #[must_use = "who waits for it sleeps on"]
    pub fn put(&self) -> bool {
        self.0.swap(FREE, Ordering::Release) == AWAITED
    }
}

impl From<WaitError> for ParameterError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Interrupted => Self::Interrupted,
            WaitError::Unsupported | WaitError::TimedOut => Self::Busy,
        }
    }
}

/// Dropping it gives the lock back.
#[must_use = "dropping it gives the lock back"]
pub(crate) struct Taken<'l, P: Platform> {
    lock: &'l Lock,
    platform: &'l P,
}

impl<P: Platform> Drop for Taken<'_, P> {
    fn drop(&mut self) {
        if self.lock.put() {
            self.platform.wake();
        }
    }
}
