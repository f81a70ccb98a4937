//! The modules whose symbols a module uses.

use super::{Module, Reference};
use crate::platform::Platform;
use crate::sync::{AtomicPtr, Ordering};
use alloc::boxed::Box;
use core::ptr;

/// References to them, one to each. They are put when the module leaves, as Linux does, and not when
/// the last reader of it is done: what it has used can be unloaded right after it. Then there is null
/// in their stead.
pub(crate) struct Uses<P: Platform>(Box<[AtomicPtr<Module<P>>]>);

impl<P: Platform> Uses<P> {
    pub fn new(references: Box<[Reference<P>]>) -> Self {
        let references = Box::into_raw(references) as *mut [AtomicPtr<Module<P>>];
        // SAFETY: it has just been a box, a reference is a pointer to a module and nothing else, and
        // so is what holds it from now on.
        Self(unsafe { Box::from_raw(references) })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Module<P>> {
        self.0.iter().filter_map(|used| {
            // SAFETY: it is there while the reference has not been put, and for who has the registry
            // pinned after that.
            unsafe { used.load(Ordering::Acquire).as_ref() }
        })
    }

    /// Puts the references.
    ///
    /// # Safety
    /// Nobody has a reference to the module that uses them, or can get one: who looks at it has the
    /// registry pinned.
    pub unsafe fn put(&self) {
        for used in &self.0 {
            // SAFETY: it has not been put.
            if let Some(used) = unsafe { used.swap(ptr::null_mut(), Ordering::AcqRel).as_ref() } {
                used.count().put();
            }
        }
    }
}

impl<P: Platform> Drop for Uses<P> {
    fn drop(&mut self) {
        // SAFETY: it is borrowed for good.
        unsafe { self.put() };
    }
}
