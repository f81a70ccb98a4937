//! What a module is reached through: its count, and its content as long as that is there.
//!
//! Invariants:
//! - The content is there while the count says so (`FILLED`). It may be looked at with a reference,
//!   or with a pin of the registry if the count does not say that it is gone.
//! - It is dropped by who removes the module, once it is going, there are no references, and
//!   everybody is done who has pinned before it was gone.
//! - The header itself is there for as long as a handle, which looks at the count alone.

use super::count::Count;
use crate::sync::{AtomicU16, Ordering};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

/// A module's count and its content.
#[derive(Debug)]
pub(crate) struct Header<T> {
    pub count: Count,
    /// How many handles there are. The highest value stays: the header is then never freed.
    handles: AtomicU16,
    /// The mark of the moment from which on no reader finds it.
    pub retired: AtomicU16,
    content: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the content is shared as a reference, and dropped by one who is alone with it.
unsafe impl<T: Send + Sync> Sync for Header<T> {}

impl<T> Header<T> {
    /// One without content.
    pub fn new() -> Self {
        Self {
            count: Count::new(),
            handles: AtomicU16::new(0),
            retired: AtomicU16::new(0),
            content: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Puts the content in.
    ///
    /// # Safety
    /// There is none, and nobody looks at it yet.
    pub unsafe fn fill(&self, content: T) {
        // SAFETY: the caller's promise.
        unsafe { (*self.content.get()).write(content) };
        self.count.fill(true);
    }

    /// Takes the content out.
    ///
    /// # Safety
    /// Nobody has looked at it, or can.
    pub unsafe fn take_back(&self) -> Option<T> {
        self.count.is_filled().then(|| {
            self.count.fill(false);
            // SAFETY: it is there, and nobody else has it.
            unsafe { (*self.content.get()).assume_init_read() }
        })
    }

    /// The content.
    ///
    /// # Safety
    /// It is there for as long as the result, by a reference or by a pin.
    pub unsafe fn content(&self) -> &T {
        // SAFETY: the caller's promise.
        unsafe { (*self.content.get()).assume_init_ref() }
    }

    /// Drops the content, unless somebody has a reference. Whether nothing but the header is left
    /// and nobody has a handle to that.
    ///
    /// # Safety
    /// The module is gone, and who has pinned before that is done.
    pub unsafe fn empty(&self) -> bool {
        if self.count.references() != 0 {
            return false;
        }
        // SAFETY: there are no references and will be none.
        drop(unsafe { self.take_back() });
        // After the count: a handle is made from a reference.
        self.handles.load(Ordering::Acquire) == 0
    }

    /// Counts another handle, for somebody who has a reference or a handle.
    pub fn add_handle(&self) {
        self.change_handles(|handles| handles.wrapping_add(1), Ordering::Relaxed);
    }

    /// Counts a handle no more. The header is not touched afterwards.
    pub fn drop_handle(&self) {
        self.change_handles(|handles| handles.wrapping_sub(1), Ordering::Release);
    }

    fn change_handles(&self, to: impl Fn(u16) -> u16, success: Ordering) {
        let mut handles = self.handles.load(Ordering::Relaxed);
        while handles != u16::MAX {
            let exchange = self.handles.compare_exchange_weak(
                handles,
                to(handles),
                success,
                Ordering::Relaxed,
            );
            match exchange {
                Ok(_) => return,
                Err(now) => handles = now,
            }
        }
    }
}

impl<T> Drop for Header<T> {
    fn drop(&mut self) {
        // SAFETY: it is borrowed for good.
        drop(unsafe { self.take_back() });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_free_without_handles_unless_there_were_too_many_to_count() {
        for (handles, is_free) in [(1, true), (u16::MAX - 1, true), (u16::MAX, false)] {
            let header = Header::<()>::new();
            (0..handles).for_each(|_| header.add_handle());
            header.count.leave();
            // SAFETY: nobody looks at it.
            assert!(!unsafe { header.empty() });
            (0..handles).for_each(|_| header.drop_handle());
            // SAFETY: as above.
            assert_eq!(unsafe { header.empty() }, is_free);
        }
    }
}
