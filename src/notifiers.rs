//! Who is told, beside the kernel itself, what becomes of modules (feature `notifiers`; Linux: the module
//! notifier chain).
//!
//! Nothing is held or pinned while a listener is called, but a reference to the listener itself. So it may
//! load, unload, register and take others off; and one that is taken off meanwhile is not called again, nor
//! freed before its call is done.

use crate::errno::Errno;
use crate::heap::OutOfMemory;
use crate::module::Module;
use crate::platform::{Event, Level, Platform, WaitError};
use crate::registry::ordered::{Added, NotAdded, Ordered};
use alloc::boxed::Box;
use core::cmp::Reverse;
use core::fmt;

/// Who listens to what becomes of modules. Each closure of that form does.
pub trait Notifier<P: Platform>: Send + Sync {
    /// Is told what has become of a module, on the thread that loads or unloads it, with no lock held.
    ///
    /// One registered with [`Loader::register_notifier`](crate::Loader::register_notifier) is told after the
    /// kernel ([`Platform::notify`]), and of [`Event::Going`] before it. It hears of what happens to modules
    /// that were there before it too; but not of an event that others were being told when it came.
    ///
    /// # Errors
    /// At [`Event::Coming`] an error rejects the module, whose init function is not called then: those
    /// who have been told that it is coming are told that it is going (Linux:
    /// `notifier_call_chain_robust`), the one who has rejected it is not, and the load fails with
    /// [`LoadError::Notifier`](crate::LoadError::Notifier). At any other event an error is logged and
    /// changes nothing: the others are told (in Linux they are not, and nobody hears of it).
    fn notify(&self, event: Event, module: &Module<P>) -> Result<(), Errno>;
}

impl<P, F> Notifier<P> for F
where
    P: Platform,
    F: Fn(Event, &Module<P>) -> Result<(), Errno> + Send + Sync,
{
    fn notify(&self, event: Event, module: &Module<P>) -> Result<(), Errno> {
        self(event, module)
    }
}

/// Keeps a listener registered. Dropping it takes that off and does not wait: it is not called again, and
/// is freed when no call of it is under way, by the thread whose call was the last.
///
/// From a thread: what is left of the listener is freed, or by who registers, takes off or tells next.
#[must_use = "dropping it takes the listener off"]
pub struct Registration<'l, P: Platform> {
    platform: &'l P,
    added: Added<'l, Key, Listener<P>>,
}

/// A listener could not be waited for. It is not called again, but a call of it may be under way.
pub struct StillCalled<'l, P: Platform> {
    /// Why not.
    pub reason: WaitError,
    /// What the listener was registered by.
    pub registration: Registration<'l, P>,
}

/// Higher priorities come first, and then who has come first.
type Key = (Reverse<i32>, u64);

type Listener<P> = Box<dyn Notifier<P>>;

/// The listeners.
pub(crate) struct Notifiers<P: Platform>(Ordered<Key, Listener<P>>);

/// The one who has rejected a module.
struct Rejected {
    by: Key,
    errno: Errno,
}

impl<P: Platform> Notifiers<P> {
    pub const fn new() -> Self {
        Self(Ordered::new())
    }

    pub fn register<'l>(
        &'l self,
        platform: &'l P,
        notifier: Listener<P>,
        priority: i32,
    ) -> Result<Registration<'l, P>, OutOfMemory> {
        match self.0.add(notifier, |number| (Reverse(priority), number)) {
            Ok(added) => Ok(Registration { platform, added }),
            // No two have one number, unless 2⁶⁴ have come.
            Err(NotAdded::OutOfMemory | NotAdded::Exists) => Err(OutOfMemory),
        }
    }

    /// Tells that a module is coming; and, if one of them rejects it, those who have heard of it that it
    /// is going, once `reject` is done.
    pub fn admit(
        &self,
        platform: &P,
        module: &Module<P>,
        reject: impl FnOnce(),
    ) -> Result<(), Errno> {
        let came = self.0.count_added();
        let told = self.tell(platform, Event::Coming, module, &|(_, number)| number < came);
        let Err(Rejected { by, errno }) = told else { return Ok(()) };
        reject();
        let was_told = |key: Key| key < by && key.1 < came;
        let _ = self.tell(platform, Event::Going, module, &was_told);
        Err(errno)
    }

    /// Frees what is left of listeners that have been taken off.
    pub fn reap(&self) {
        self.0.reap();
    }

    /// Tells of another event.
    pub fn notify(&self, platform: &P, event: Event, module: &Module<P>) {
        let came = self.0.count_added();
        let _ = self.tell(platform, event, module, &|(_, number)| number < came);
    }

    /// Tells those whose key is wanted, one after the other, until one rejects the module.
    #[inline(never)]
    fn tell(
        &self,
        platform: &P,
        event: Event,
        module: &Module<P>,
        wanted: &dyn Fn(Key) -> bool,
    ) -> Result<(), Rejected> {
        let mut last = None;
        while let Some((key, listener)) = self.0.after(last, wanted) {
            let result = listener.notify(event, module);
            if listener.put() {
                // It has been taken off meanwhile, which somebody may wait for.
                platform.wake();
                self.0.reap();
            }
            match result {
                Err(errno) if event == Event::Coming => return Err(Rejected { by: key, errno }),
                Err(errno) => platform.log(
                    Level::Warning,
                    format_args!(
                        "module {}: a notifier has failed with {errno} at {event:?}, which changes nothing",
                        module.name()
                    ),
                ),
                Ok(()) => {}
            }
            last = Some(key);
        }
        Ok(())
    }
}

impl<'l, P: Platform> Registration<'l, P> {
    /// Takes the listener off, and waits ([`Platform::wait`]) until it has been dropped: no call of it is
    /// under way then, nor will be, so that a module whose code it is may go. From a thread, but not from
    /// a call of that listener, which would wait for itself: there, drop the registration.
    ///
    /// # Errors
    /// [`StillCalled`], with the registration, if the kernel cannot wait or was interrupted. The listener
    /// has been taken off, and this can be called again.
    pub fn unregister(mut self) -> Result<(), StillCalled<'l, P>> {
        self.added.close();
        let Self { platform, added } = &self;
        let is_done = || added.is_empty();
        let waited = if is_done() { Ok(()) } else { platform.wait(&is_done, None) };
        match waited {
            Err(reason) if !is_done() => Err(StillCalled { reason, registration: self }),
            _ => Ok(()),
        }
    }
}

impl<P: Platform> fmt::Debug for Registration<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").finish_non_exhaustive()
    }
}

impl<P: Platform> fmt::Debug for StillCalled<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StillCalled").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<P: Platform> fmt::Display for StillCalled<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call of the notifier may be under way")
    }
}

impl<P: Platform> core::error::Error for StillCalled<'_, P> {}
