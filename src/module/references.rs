//! How many users a module has, and whether it may have more.

use super::Module;
use crate::platform::Platform;
use alloc::sync::Arc;
use core::ops::Deref;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// Where a module is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Linked, and starting.
    Coming,
    /// Started.
    Live,
    /// Stopping: nobody gets a reference any more.
    Going,
}

/// The count of references and the state of a module.
#[derive(Debug)]
pub(crate) struct References {
    /// The count; with [`CLOSED`] nobody gets another reference.
    count: AtomicU32,
    state: AtomicU8,
}

const CLOSED: u32 = 1 << 31;

impl References {
    /// Those of a module that is coming.
    pub const fn new() -> Self {
        Self { count: AtomicU32::new(0), state: AtomicU8::new(State::Coming as u8) }
    }

    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            state if state == State::Coming as u8 => State::Coming,
            state if state == State::Live as u8 => State::Live,
            _ => State::Going,
        }
    }

    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire) & !CLOSED
    }

    pub fn go_live(&self) {
        self.state.store(State::Live as u8, Ordering::Release);
    }

    /// Stops further references if there are none now; says whether there were none.
    fn close(&self) -> bool {
        let closed =
            self.count.compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if closed {
            self.state.store(State::Going as u8, Ordering::Release);
        }
        closed
    }

    /// Stops further references, whatever those that there are.
    pub fn fail(&self) {
        self.count.fetch_or(CLOSED, Ordering::AcqRel);
        self.state.store(State::Going as u8, Ordering::Release);
    }

    fn take(&self) -> bool {
        self.count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                count.checked_add(1).filter(|more| *more < CLOSED)
            })
            .is_ok()
    }

    fn give_back(&self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A reference to a module, with which it cannot be unloaded. Dropping it gives it back (Linux:
/// `module_put`).
pub struct Reference<P: Platform>(Arc<Module<P>>);

impl<P: Platform> Drop for Reference<P> {
    fn drop(&mut self) {
        self.0.references.give_back();
    }
}

impl<P: Platform> Reference<P> {
    /// Takes one, unless the module is going (Linux: `try_module_get`).
    pub(crate) fn take(module: &Arc<Module<P>>) -> Option<Self> {
        module.references.take().then(|| Self(module.clone()))
    }

    /// Stops further references to a module if nobody has one; says whether nobody had. To be
    /// called with the registry locked, which hands them out and holds the module.
    pub(crate) fn close(module: &Arc<Module<P>>) -> bool {
        // A reference that is being dropped leaves the count before it lets go of the module. Who
        // takes the module out has to be the last to hold it.
        let held_by_registry_alone = Arc::strong_count(module) == 1;
        held_by_registry_alone && module.references.close()
    }

    /// Whether both are references to one module.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn is_to(&self, module: &Module<P>) -> bool {
        core::ptr::eq(self.0.as_ref(), module)
    }
}

impl<P: Platform> Deref for Reference<P> {
    type Target = Module<P>;

    fn deref(&self) -> &Module<P> {
        &self.0
    }
}

impl<P: Platform> core::fmt::Debug for Reference<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Reference").field(&self.0.name).finish()
    }
}
