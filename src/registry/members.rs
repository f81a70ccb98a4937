//! Who is a member as readers see it, and how one leaves.
//!
//! Invariants:
//! - A member leaves in this order: it is counted, becomes gone, is retired, leaves the snapshot; its
//!   content goes when nobody reads or refers to it, itself when it has left the snapshot and has no
//!   handles either. Only leaving the snapshot needs the heap: without that it waits for the next
//!   who reaps.
//! - While no snapshot that is current has a member which is gone, whoever makes the next one may
//!   look at the content of all that it has.

use super::published::{Pin, Published};
use super::retired::{Retire, Retired};
use crate::module::Count;
use crate::sync::{AtomicU32, Ordering, constructor};
use alloc::boxed::Box;
use core::ptr::NonNull;

/// What can be a member.
pub(crate) trait Member: Retire {
    /// Who uses it, and whether it is there.
    fn count(&self) -> &Count;

    /// Drops the content, unless somebody has a reference. Whether nothing but itself is left and
    /// nobody has a handle to that.
    ///
    /// # Safety
    /// It is gone, and who has pinned before that is done.
    unsafe fn empty(&self) -> bool;
}

/// The members, of which there is a snapshot.
pub(crate) struct Members<S: Retire, M: Member> {
    current: Published<S>,
    /// The members that are gone.
    gone: Retired<M>,
    /// How many of those, at least, a snapshot has that is or was current.
    listed_gone: AtomicU32,
}

impl<S: Retire, M: Member> Members<S, M> {
    constructor! {
        pub fn new() -> Self {
            let listed_gone = AtomicU32::new(0);
            Self { current: Published::new(), gone: Retired::new(), listed_gone }
        }
    }

    /// Pins the current snapshot. Neither waits nor allocates; for any context.
    #[inline]
    pub fn pin(&self) -> Pin<'_, S> {
        self.current.pin()
    }

    /// Publishes what `after` makes of the current snapshot, unless that is nothing. It is told
    /// whether no member in that is gone, and called again when another change has come first, with
    /// what it has made before.
    ///
    /// # Safety
    /// What `after` makes has no member that was gone when it was called; with nothing it says that the
    /// current snapshot has none.
    #[inline]
    pub unsafe fn change<E>(
        &self,
        mut after: impl FnMut(Option<&S>, bool, Option<Box<S>>) -> Result<Option<Box<S>>, E>,
    ) -> Result<(), E> {
        self.current.change(|pin, late| {
            // Members are counted before they are gone, and until they have left the current
            // snapshot. If this is that one, and was when there were none, none that it has was gone
            // then, and the content of who goes now is there for as long as the pin. Looked at the
            // other way round, they could have left it, and their contents with them.
            let clean = self.listed_gone.load(Ordering::Acquire) == 0 && pin.is_current();
            after(pin.get(), clean, late)
        })
    }

    /// Lets a member go, which is freed when somebody [reaps](Self::reap) and nobody uses it. `leave` is
    /// called when nobody can get a reference any more, and its content is there still.
    ///
    /// # Safety
    /// It was a box, and the caller leaves it here, once.
    #[inline]
    pub unsafe fn remove(&self, member: NonNull<M>, leave: impl FnOnce(&M)) {
        self.listed_gone.fetch_add(1, Ordering::AcqRel);
        // SAFETY: it is the caller's.
        let gone = unsafe { member.as_ref() };
        gone.count().leave();
        leave(gone);
        // SAFETY: the caller's promise.
        unsafe { self.gone.retire(member, self.current.readers()) };
    }

    /// Frees what was kept because somebody was reading it or referred to it. `purge` publishes a
    /// snapshot without those that are gone, and says whether it has.
    ///
    /// # Safety
    /// If it says so, the current snapshot has no member that was gone when it was called.
    #[inline]
    pub unsafe fn reap(&self, purge: impl FnOnce() -> bool) {
        let gone = self.gone.take();
        let is_listed = |member: &M| member.count().is_listed();
        if gone.iter().any(is_listed) && purge() {
            for member in gone.iter().filter(|member| is_listed(member)) {
                member.count().unlist();
                self.current.readers().mark(member);
                self.listed_gone.fetch_sub(1, Ordering::AcqRel);
            }
        }
        let replaced = self.current.take_replaced();
        if gone.is_empty() && replaced.is_empty() {
            return;
        }
        // Not before both have been taken: what is retired from now on has a later mark.
        let now = self.current.readers().after_grace_period();
        // SAFETY: as the line above says.
        unsafe { self.current.free(replaced, now) };
        let is_free = |member: &M| {
            // SAFETY: everybody is done who could find it when it became gone.
            now.is_past(member) && unsafe { member.empty() } && !is_listed(member)
        };
        // SAFETY: it has no references and handles, and no snapshot that somebody reads has it.
        unsafe { self.gone.free(gone, is_free) };
    }
}
