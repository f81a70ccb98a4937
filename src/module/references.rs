//! References to a module, and handles that one can be had from.

use super::Module;
use crate::platform::Platform;
use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;

/// A reference to a module, with which it cannot be unloaded. It can be cloned and dropped in any
/// context: neither waits, allocates or frees (Linux: `__module_get`, `module_put`).
///
/// More references than the count can hold, 2²⁶, keep the module loaded for ever.
#[repr(transparent)]
pub struct Reference<P: Platform>(NonNull<Module<P>>);

/// What a [`Reference`] can be had from for as long as the module is not going; it does not keep
/// the module from being unloaded. Can be cloned, used and dropped in any context.
///
/// What is left of a module that has been unloaded, a name and some 100 bytes, is freed once its
/// handles are dropped; if there have been more than 65,534 at a time, never.
#[must_use = "dropping it gives up the way to a reference"]
pub struct Handle<P: Platform>(NonNull<Module<P>>);

// SAFETY: modules are shared, and all that these change are their counts.
unsafe impl<P: Platform> Send for Reference<P> {}
// SAFETY: as above.
unsafe impl<P: Platform> Sync for Reference<P> {}
// SAFETY: as above.
unsafe impl<P: Platform> Send for Handle<P> {}
// SAFETY: as above.
unsafe impl<P: Platform> Sync for Handle<P> {}

impl<P: Platform> Reference<P> {
    /// Takes one, unless the module is going (Linux: `try_module_get`).
    #[must_use = "the module can be unloaded once the reference is dropped"]
    pub(crate) fn take(module: &Module<P>) -> Option<Self> {
        module.count().take().then(|| Self(NonNull::from(module)))
    }

    /// Takes one to a module that the caller keeps from being freed.
    #[must_use = "the module can be unloaded once the reference is dropped"]
    pub(crate) fn again(module: &Module<P>) -> Self {
        module.count().again();
        Self(NonNull::from(module))
    }

    /// A handle to the module.
    pub fn handle(&self) -> Handle<P> {
        self.header.add_handle();
        Handle(self.0)
    }

    pub(crate) fn is_to(&self, module: &Module<P>) -> bool {
        core::ptr::eq(self.0.as_ptr(), module)
    }
}

impl<P: Platform> Handle<P> {
    /// A reference to the module, unless it is going (Linux: `try_module_get`). Neither waits nor
    /// allocates; for any context.
    #[inline]
    #[must_use = "the module can be unloaded once the reference is dropped"]
    pub fn try_get(&self) -> Option<Reference<P>> {
        // SAFETY: the header is there as long as a handle.
        let count = unsafe { self.0.as_ref() }.count();
        count.take().then(|| Reference(self.0))
    }
}

impl<P: Platform> Deref for Reference<P> {
    type Target = Module<P>;

    fn deref(&self) -> &Module<P> {
        // SAFETY: the module is there as long as a reference.
        unsafe { self.0.as_ref() }
    }
}

impl<P: Platform> Clone for Reference<P> {
    fn clone(&self) -> Self {
        Self::again(self)
    }
}

impl<P: Platform> Drop for Reference<P> {
    fn drop(&mut self) {
        self.count().put();
    }
}

impl<P: Platform> Clone for Handle<P> {
    fn clone(&self) -> Self {
        // SAFETY: the header is there as long as a handle.
        unsafe { self.0.as_ref() }.header.add_handle();
        Self(self.0)
    }
}

impl<P: Platform> Drop for Handle<P> {
    fn drop(&mut self) {
        // SAFETY: the header is there as long as a handle.
        unsafe { self.0.as_ref() }.header.drop_handle();
    }
}

impl<P: Platform> fmt::Debug for Reference<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reference").field(self.name()).finish()
    }
}

impl<P: Platform> fmt::Debug for Handle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
