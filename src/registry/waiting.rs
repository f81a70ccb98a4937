//! Waiting for another load: the one that has the same name, or the one whose module exports a
//! symbol that is needed; and for references to be put.
//!
//! Invariants:
//! - What is asked while a load waits neither waits nor allocates, so that the kernel can ask with
//!   a lock of its own held; nothing is pinned between two looks, unless by who called.
//! - Each change that somebody may wait for is followed by [`Platform::wake`], except that a reference is
//!   put, which may happen in any context: who waits for that asks by and by.

use super::Registry;
use crate::error::LoadError;
use crate::module::{Module, State};
use crate::platform::{Platform, WaitError};
use core::time::Duration;

/// How long a load waits for a module's init function to return, as in Linux.
const INIT_LIMIT: Duration = Duration::from_secs(30);

/// How long who waits for references to be put sleeps until it asks again.
const PERIOD: Duration = Duration::from_millis(50);

impl<P: Platform> Registry<P> {
    /// Why a name that is taken is not to be had, once the load that took it is done. Who is going
    /// is not waited for (Linux 6.2).
    #[cold]
    #[inline(never)]
    pub(super) fn taken(&self, platform: &P, name: &[u8]) -> LoadError {
        let state = || self.modules.pin().get()?.named(name).map(Module::state);
        let is_done = || state() != Some(State::Coming);
        let waited = if is_done() { Ok(()) } else { platform.wait(&is_done, None) };
        match (waited, state()) {
            (Err(WaitError::Interrupted), _) => LoadError::Interrupted(name.into()),
            (Ok(()), Some(State::Live)) => LoadError::Exists(name.into()),
            _ => LoadError::Busy(name.into()),
        }
    }

    /// Waits until the module that exports a symbol is not coming any more.
    #[cold]
    #[inline(never)]
    pub fn wait_for_exporter(&self, platform: &P, symbol: &[u8]) -> Result<(), WaitError> {
        let is_coming = || self.exporter(symbol, |_, module| module.state() == State::Coming);
        platform.wait(&|| is_coming() != Some(true), Some(INIT_LIMIT))
    }

    /// Waits until nobody has a reference to the module of that name, or it is not for that that it cannot
    /// be unloaded, with `force` or without; for no longer than `limit`.
    pub fn wait_for_references(
        &self,
        platform: &P,
        name: &[u8],
        force: bool,
        limit: Duration,
    ) -> Result<(), WaitError> {
        let is_held = |module: &Module<P>| {
            module.state() == State::Live
                && module.references() != 0
                && (force || !module.is_permanent())
        };
        let is_done = || {
            let pin = self.modules.pin();
            !pin.get().and_then(|snapshot| snapshot.find(name)).is_some_and(is_held)
        };
        let mut left = limit;
        while left != Duration::ZERO && !is_done() {
            let period = left.min(PERIOD);
            left = left.saturating_sub(period);
            match platform.wait(&is_done, Some(period)) {
                Err(WaitError::TimedOut) => {}
                waited => return waited,
            }
        }
        Ok(())
    }
}
