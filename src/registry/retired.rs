//! What is out of use and waits to be freed: a stack through its members, which needs no heap.
//!
//! Invariants:
//! - Members are pushed one by one and taken all at once, so that no member can be on the stack
//!   again while somebody follows a pointer to it.
//! - Whoever has taken members is alone with them: a member is freed once.

use super::readers::Readers;
use crate::sync::{AtomicPtr, AtomicU16, Ordering, constructor};
use alloc::boxed::Box;
use core::ptr::NonNull;

/// What can be a member.
pub(crate) trait Retire: Sized {
    /// The member below this one.
    fn next(&self) -> &AtomicPtr<Self>;

    /// The mark of the moment from which on no reader finds it.
    fn retired(&self) -> &AtomicU16;

    /// Is called once when the value has been replaced by another, or by none, or has not come to
    /// be published for another.
    fn is_replaced_by(&self, successor: Option<&Self>) {
        let _ = successor;
    }
}

/// The stack.
pub(crate) struct Retired<T>(AtomicPtr<T>);

impl<T: Retire> Retired<T> {
    constructor! {
        pub fn new() -> Self {
            Self(AtomicPtr::new(core::ptr::null_mut()))
        }
    }

    /// Adds a member, once a box, which those who read from now on do not find.
    ///
    /// # Safety
    /// It is on no stack, and the caller leaves it to whoever takes it.
    pub unsafe fn retire(&self, member: NonNull<T>, readers: &Readers) {
        // SAFETY: the caller's promise.
        readers.mark(unsafe { member.as_ref() });
        // SAFETY: as above.
        unsafe { self.push(member) };
    }

    /// Adds a member.
    ///
    /// # Safety
    /// It is on no stack, and the caller leaves it to whoever takes it.
    unsafe fn push(&self, member: NonNull<T>) {
        let mut top = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: the caller's promise; nobody else has it before the exchange.
            unsafe { member.as_ref() }.next().store(top, Ordering::Relaxed);
            let new = member.as_ptr();
            match self.0.compare_exchange_weak(top, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Frees those of the `taken` members, once boxes, of which `is_free` says that nobody uses them,
    /// and adds the others.
    ///
    /// # Safety
    /// Nobody uses those.
    pub unsafe fn free(&self, mut taken: Taken<T>, is_free: impl Fn(&T) -> bool) {
        while let Some(member) = taken.pop() {
            // SAFETY: it is the caller's, since it has been taken.
            if is_free(unsafe { member.as_ref() }) {
                // SAFETY: as above, and nobody uses it.
                drop(unsafe { Box::from_raw(member.as_ptr()) });
            } else {
                // SAFETY: it goes back to where it was taken from.
                unsafe { self.push(member) };
            }
        }
    }

    /// Takes all members, which are then the caller's.
    pub fn take(&self) -> Taken<T> {
        // Most often there are none, and a load is enough to see that.
        if self.0.load(Ordering::Relaxed).is_null() {
            return Taken(None);
        }
        Taken(NonNull::new(self.0.swap(core::ptr::null_mut(), Ordering::Acquire)))
    }
}

/// Members that have been taken. Those that are not [popped](Self::pop) are forgotten.
#[must_use = "members that are neither freed nor added again are lost"]
pub(crate) struct Taken<T>(Option<NonNull<T>>);

impl<T: Retire> Taken<T> {
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub fn pop(&mut self) -> Option<NonNull<T>> {
        let member = self.0?;
        // SAFETY: it is valid, as its pusher has promised, and nobody else's.
        self.0 = NonNull::new(unsafe { member.as_ref() }.next().load(Ordering::Relaxed));
        Some(member)
    }

    /// The members, which stay here.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let mut next = self.0;
        core::iter::from_fn(move || {
            // SAFETY: as for `pop`; a member is popped through a mutable reference only.
            let member = unsafe { next?.as_ref() };
            next = NonNull::new(member.next().load(Ordering::Relaxed));
            Some(member)
        })
    }
}
