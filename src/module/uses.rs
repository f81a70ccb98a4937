//! The modules whose symbols a module uses.

use super::{Module, Reference};
use crate::platform::Platform;
use crate::sync::{AtomicBool, Ordering};
use alloc::boxed::Box;
use core::mem::ManuallyDrop;

/// References to them, one to each. They are put when the module leaves, as Linux does, and not when
/// the last reader of it is done: what it has used can be unloaded right after it.
pub(crate) struct Uses<P: Platform> {
    references: Box<[ManuallyDrop<Reference<P>>]>,
    are_put: AtomicBool,
}

impl<P: Platform> Uses<P> {
    pub fn new(references: Box<[Reference<P>]>) -> Self {
        let references = Box::into_raw(references) as *mut [ManuallyDrop<Reference<P>>];
        // SAFETY: it has just been a box, and `ManuallyDrop` changes no layout.
        let references = unsafe { Box::from_raw(references) };
        Self { references, are_put: AtomicBool::new(false) }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Module<P>> {
        self.references.iter().map(|used| &***used)
    }

    /// Puts the references. Who looks at the modules from then on has the registry pinned, which
    /// keeps them from being freed.
    ///
    /// # Safety
    /// Nobody has a reference to the module that uses them, or can get one.
    pub unsafe fn put(&self) {
        if !self.are_put.swap(true, Ordering::AcqRel) {
            self.iter().for_each(|used| used.count().put());
        }
    }
}

impl<P: Platform> Drop for Uses<P> {
    fn drop(&mut self) {
        // SAFETY: it is borrowed for good.
        unsafe { self.put() };
    }
}
