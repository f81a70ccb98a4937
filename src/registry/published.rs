//! A value that is read without waiting, and that is replaced as a whole.
//!
//! Invariants:
//! - Readers pin, and only then follow the pointer. They change nothing else, so that one may
//!   interrupt anything: another reader, or a change by its own CPU.
//! - What has been published is not changed any more, but for atomics in it.
//! - What was replaced is freed after a grace period ([`Readers`]): those who could have seen it are
//!   done, and whoever comes sees what replaced it.
//! - Who replaces a value has it pinned: nothing else can have come to its address meanwhile.

use super::readers::{Phase, Reader, Readers};
use super::retired::{Retire, Retired, Taken};
use crate::sync::{AtomicPtr, Ordering, constructor};
use alloc::boxed::Box;
use core::ptr::{self, NonNull};

/// The value, none at first, and those that it replaced and that somebody may still read.
pub(crate) struct Published<T: Retire> {
    current: AtomicPtr<T>,
    readers: Readers,
    replaced: Retired<T>,
}

/// The value that was current when this was made; it is not freed while this lives.
#[must_use = "the value may be freed once it is dropped"]
pub(crate) struct Pin<'p, T: Retire> {
    published: &'p Published<T>,
    current: *mut T,
    _reader: Reader<'p>,
}

impl<T: Retire> Published<T> {
    constructor! {
        pub fn new() -> Self {
            let current = AtomicPtr::new(ptr::null_mut());
            Self { current, readers: Readers::new(), replaced: Retired::new() }
        }
    }

    /// Pins the current value. Neither waits nor allocates; for any context.
    #[inline]
    pub fn pin(&self) -> Pin<'_, T> {
        let _reader = self.readers.enter();
        Pin { published: self, current: self.current.load(Ordering::Acquire), _reader }
    }

    /// Those who read.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Replaces the value by what `build` makes of it, unless that is nothing. `build` is called
    /// again when another change has come first, and gets what it has made before.
    pub fn change<E>(
        &self,
        mut build: impl FnMut(&Pin<'_, T>, Option<Box<T>>) -> Result<Option<Box<T>>, E>,
    ) -> Result<(), E> {
        let mut late = None;
        loop {
            let pin = self.pin();
            let Some(new) = build(&pin, late.take())? else { return Ok(()) };
            let (old, new) = (pin.current, Box::into_raw(new));
            let exchange =
                self.current.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed);
            if exchange.is_err() {
                // SAFETY: it has just been a box, and nobody has seen it.
                let new = unsafe { Box::from_raw(new) };
                new.is_replaced_by(pin.get());
                late = Some(new);
                continue;
            }
            let Some(old) = NonNull::new(old) else { return Ok(()) };
            // SAFETY: both are pinned: one by `pin`, the other since it replaced that.
            unsafe { old.as_ref().is_replaced_by(Some(&*new)) };
            // SAFETY: whoever has replaced a value leaves it here, once.
            unsafe { self.replaced.retire(old, &self.readers) };
            return Ok(());
        }
    }

    /// Takes what was replaced, to be [freed](Self::free).
    pub fn take_replaced(&self) -> Taken<T> {
        self.replaced.take()
    }

    /// Frees what of that is past its grace period at that phase, and keeps the rest.
    ///
    /// # Safety
    /// It was taken before the phase was read: what is marked later would pass for very old.
    pub unsafe fn free(&self, replaced: Taken<T>, now: Phase) {
        // SAFETY: whoever could find it is done, as the caller's promise makes sure.
        unsafe { self.replaced.free(replaced, |value| now.is_past(value)) };
    }
}

impl<T: Retire> Drop for Published<T> {
    fn drop(&mut self) {
        let current = self.current.swap(ptr::null_mut(), Ordering::Acquire);
        if !current.is_null() {
            // SAFETY: it was a box, and whoever could read it would borrow this.
            let current = unsafe { Box::from_raw(current) };
            current.is_replaced_by(None);
        }
        // SAFETY: as above.
        unsafe { self.replaced.free(self.replaced.take(), |_| true) };
    }
}

impl<T: Retire> Pin<'_, T> {
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: it has been published, and this is a pin.
        unsafe { self.current.as_ref() }
    }

    /// Whether the value is current still. Then it has been since it was pinned: no value comes back.
    pub fn is_current(&self) -> bool {
        self.published.current.load(Ordering::Acquire) == self.current
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::{AtomicU16, AtomicU32};

    struct Value<'d> {
        next: AtomicPtr<Self>,
        retired: AtomicU16,
        drops: &'d AtomicU32,
    }

    impl Retire for Value<'_> {
        fn next(&self) -> &AtomicPtr<Self> {
            &self.next
        }

        fn retired(&self) -> &AtomicU16 {
            &self.retired
        }
    }

    impl Drop for Value<'_> {
        fn drop(&mut self) {
            self.drops.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn replace<'d>(published: &Published<Value<'d>>, drops: &'d AtomicU32) {
        let replaced = published.change(|_, _| {
            let (next, retired) = (AtomicPtr::new(ptr::null_mut()), AtomicU16::new(0));
            Ok::<_, ()>(Some(Box::new(Value { next, retired, drops })))
        });
        assert_eq!(replaced, Ok(()));
    }

    fn reap(published: &Published<Value<'_>>) {
        let replaced = published.take_replaced();
        let now = published.readers().after_grace_period();
        // SAFETY: it has been taken before.
        unsafe { published.free(replaced, now) };
    }

    #[test]
    fn who_stalls_before_freeing_frees_nothing_that_is_replaced_meanwhile() {
        let drops = AtomicU32::new(0);
        let published = Published::new();
        replace(&published, &drops);
        replace(&published, &drops);
        let replaced = published.take_replaced();
        let now = published.readers().after_grace_period();
        // Somebody else reaps, reads and replaces.
        reap(&published);
        let pin = published.pin();
        replace(&published, &drops);
        // SAFETY: it has been taken before the phase was read.
        unsafe { published.free(replaced, now) };
        assert_eq!(drops.load(Ordering::Relaxed), 1, "the first is free, the second pinned");
        assert!(pin.get().is_some());
        drop(pin);
        reap(&published);
        assert_eq!(drops.load(Ordering::Relaxed), 2);
    }
}
