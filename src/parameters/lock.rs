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
/// Nobody gets it any more: the module's functions are called no more.
const CLOSED: u32 = 3;

/// Whether a thread has it.
#[derive(Debug)]
pub(crate) struct Lock(AtomicU32);

impl Lock {
    pub fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    /// Takes it, or says that somebody waits for it.
    pub fn try_take(&self) -> Try {
        let change = |word| match word {
            FREE => Some(TAKEN),
            TAKEN => Some(AWAITED),
            _ => None,
        };
        match self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, change) {
            Ok(FREE) => Try::Taken,
            Err(CLOSED) => Try::Closed,
            _ => Try::Wait,
        }
    }

    /// Whether who waits for it is to try again. It may have been taken by another thread meanwhile, who
    /// does not know that somebody waits unless that one tries.
    pub fn is_to_be_tried(&self) -> bool {
        self.0.load(Ordering::Relaxed) != AWAITED
    }

    /// Takes it once nobody else has it.
    ///
    /// # Errors
    /// [`ParameterError::Busy`], [`ParameterError::Interrupted`], unless `patience` is that of who has no
    /// way to give up; [`ParameterError::Gone`].
    pub fn take<'l, P: Platform>(
        &'l self,
        platform: &'l P,
        patience: Patience,
    ) -> Result<Taken<'l, P>, ParameterError> {
        loop {
            match self.try_take() {
                Try::Taken => return Ok(Taken { lock: self, platform }),
                Try::Closed => return Err(ParameterError::Gone),
                Try::Wait => match platform.wait(&|| self.is_to_be_tried(), None) {
                    Err(_) if patience == Patience::Endless => core::hint::spin_loop(),
                    waited => waited.map_err(ParameterError::from)?,
                },
            }
        }
    }

    /// Lets nobody take it any more, once nobody has it.
    pub fn close<P: Platform>(&self, platform: &P) {
        if let Ok(taken) = self.take(platform, Patience::Endless) {
            core::mem::forget(taken);
            if self.0.swap(CLOSED, Ordering::AcqRel) == AWAITED {
                platform.wake();
            }
        }
    }

    /// Gives it back; whether somebody may wait for it, and is to be woken.
    #[must_use = "who waits for it sleeps on"]
    pub fn put(&self) -> bool {
        self.0.swap(FREE, Ordering::Release) == AWAITED
    }
}

/// What has come of trying to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
    Taken,
    Wait,
    Closed,
}

/// Whether who cannot wait, or is interrupted, gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    GivesUp,
    /// As of a load, which Linux lets no signal end here either. Where the kernel cannot wait, the
    /// processor does.
    Endless,
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
