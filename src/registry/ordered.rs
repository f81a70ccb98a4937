//! A set in the order of its keys, whose values are used one after the other while others come and
//! leave: nothing is pinned while a value is used, and nobody waits.
//!
//! Invariants:
//! - A value is looked at with a reference, or by who has added it and not closed it; never with a pin
//!   alone. So it is dropped when there are no references and will be none, by whoever sees that first:
//!   who closes the member or who puts the last reference. That one is alone with it, and needs neither
//!   the heap nor a grace period.
//! - A member is there as long as its value, and is not touched by who has dropped that and said so.
//! - Whoever has added a member removes it, once. What is left of it is freed as [`members`](super::members)
//!   says.

use super::members::{Member, Members};
use super::retired::Retire;
use crate::heap::{OutOfMemory, boxed};
use crate::module::{Count, State};
use crate::sync::{AtomicPtr, AtomicU16, constructor};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::{self, NonNull};

/// The set.
pub(crate) struct Ordered<K: Ord + Copy, T: Send + Sync>(Members<Snapshot<K, T>, Node<T>>);

/// Why a value has not been added.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotAdded {
    /// There is one with that key.
    Exists,
    OutOfMemory,
}

/// One state of the set.
struct Snapshot<K, T> {
    next: AtomicPtr<Self>,
    retired: AtomicU16,
    /// How many values have been added up to now.
    added: u64,
    rows: Vec<Row<K, T>>,
}

struct Row<K, T> {
    key: K,
    node: NonNull<Node<T>>,
}

/// A member.
struct Node<T> {
    next: AtomicPtr<Self>,
    retired: AtomicU16,
    count: Count,
    value: UnsafeCell<ManuallyDrop<T>>,
}

/// A value in the set, for who has added it. Dropping it closes the member and takes it off.
#[must_use = "dropping it takes the value off"]
pub(crate) struct Added<'s, K: Ord + Copy, T: Send + Sync> {
    set: &'s Ordered<K, T>,
    node: NonNull<Node<T>>,
    is_closed: bool,
}

/// A reference to a value.
#[must_use = "dropping it puts the reference"]
pub(crate) struct Held<T>(NonNull<Node<T>>);

impl<K: Ord + Copy, T: Send + Sync> Ordered<K, T> {
    constructor! {
        pub fn new() -> Self {
            Self(Members::new())
        }
    }

    /// Adds a value. Its key is what `key` makes of the count of those that have been added before.
    ///
    /// # Errors
    /// [`NotAdded`]; the value is dropped.
    pub fn add(&self, value: T, key: impl Fn(u64) -> K) -> Result<Added<'_, K, T>, NotAdded> {
        self.reap();
        let node = NonNull::from(Box::leak(boxed(Node::new(value))?));
        let after = |old: Option<&Snapshot<K, T>>, _, _| {
            let none = Snapshot::new();
            let old = old.unwrap_or(&none);
            let key = key(old.added);
            if old.with_key(key).any(Node::is_open) {
                return Err(NotAdded::Exists);
            }
            Ok(Some(old.after(Some(Row { key, node }))?))
        };
        // SAFETY: what is made leaves out those that are gone.
        if let Err(error) = unsafe { self.0.change(after) } {
            // SAFETY: it has just been a box, and has not been published.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
            return Err(error);
        }
        Ok(Added { set: self, node, is_closed: false })
    }

    /// The value with that key. Neither waits nor allocates.
    pub fn get(&self, key: K) -> Option<Held<T>> {
        let pin = self.0.pin();
        pin.get()?.with_key(key).find_map(|node| Held::take(NonNull::from(node)))
    }

    /// Frees what is left of members that have been removed.
    // Out of line, which makes a loader smaller.
    #[inline(never)]
    pub fn reap(&self) {
        let purge = || {
            let after = |old: Option<&Snapshot<K, T>>, clean: bool, _| {
                let has_gone = |old: &&Snapshot<K, T>| old.rows.iter().any(Row::is_gone);
                let Some(old) = old.filter(|_| !clean).filter(has_gone) else { return Ok(None) };
                Ok::<_, OutOfMemory>(Some(old.after(None)?))
            };
            // SAFETY: as for `add`; if nothing is made, there are none that are gone.
            unsafe { self.0.change(after) }.is_ok()
        };
        // SAFETY: that makes a snapshot without them, if there is heap for it.
        unsafe { self.0.reap(purge) };
    }
}

/// For who uses all values, one after the other.
#[cfg(any(loom, test, feature = "notifiers"))]
impl<K: Ord + Copy, T: Send + Sync> Ordered<K, T> {
    /// How many values have been added up to now. Neither waits nor allocates.
    pub fn count_added(&self) -> u64 {
        self.0.pin().get().map_or(0, |snapshot| snapshot.added)
    }

    /// The first value after that key, or of all, whose key is wanted. Neither waits nor allocates.
    pub fn after(&self, key: Option<K>, wanted: impl Fn(K) -> bool) -> Option<(K, Held<T>)> {
        let pin = self.0.pin();
        let rows = &pin.get()?.rows;
        let before = rows.partition_point(|row| Some(row.key) <= key);
        let mut rows = rows.get(before..)?.iter().filter(|row| wanted(row.key));
        rows.find_map(|row| Some((row.key, Held::take(row.node)?)))
    }
}

impl<K: Ord + Copy, T: Send + Sync> Drop for Ordered<K, T> {
    /// Frees what has been removed. Who has added a value and forgotten it has left it here for ever.
    fn drop(&mut self) {
        self.reap();
    }
}

impl<K: Ord + Copy, T> Snapshot<K, T> {
    fn new() -> Self {
        let next = AtomicPtr::new(ptr::null_mut());
        Self { next, retired: AtomicU16::new(0), added: 0, rows: Vec::new() }
    }

    /// The members with that key: one that is open at most.
    fn with_key(&self, key: K) -> impl Iterator<Item = &Node<T>> {
        let before = self.rows.partition_point(|row| row.key < key);
        let rows = self.rows.get(before..).unwrap_or_default();
        rows.iter().take_while(move |row| row.key == key).map(Row::node)
    }

    /// The snapshot after this one: without the members that are gone, and with one more.
    // Out of line, which makes a loader smaller.
    #[inline(never)]
    fn after(&self, one: Option<Row<K, T>>) -> Result<Box<Self>, OutOfMemory> {
        let mut new = boxed(Self::new())?;
        new.added = self.added.saturating_add(one.is_some().into());
        new.rows.try_reserve_exact(self.rows.len().saturating_add(one.is_some().into()))?;
        let mut push = |row: &Row<K, T>| {
            // There is room for all that are taken.
            if new.rows.len() < new.rows.capacity() {
                new.rows.push(Row { ..*row });
            }
        };
        let split =
            self.rows.partition_point(|row| one.as_ref().is_some_and(|one| row.key <= one.key));
        let (before, after) = self.rows.split_at_checked(split).unwrap_or_default();
        before.iter().filter(|row| !row.is_gone()).for_each(&mut push);
        one.iter().for_each(&mut push);
        after.iter().filter(|row| !row.is_gone()).for_each(&mut push);
        Ok(new)
    }
}

impl<K, T> Row<K, T> {
    fn node(&self) -> &Node<T> {
        // SAFETY: it is freed when no snapshot has it and nobody reads one that did.
        unsafe { self.node.as_ref() }
    }

    fn is_gone(&self) -> bool {
        self.node().count.is_gone()
    }
}

impl<K, T> Retire for Snapshot<K, T> {
    fn next(&self) -> &AtomicPtr<Self> {
        &self.next
    }

    fn retired(&self) -> &AtomicU16 {
        &self.retired
    }
}

impl<T> Node<T> {
    fn new(value: T) -> Self {
        let count = Count::new();
        count.fill(true);
        Self {
            next: AtomicPtr::new(ptr::null_mut()),
            retired: AtomicU16::new(0),
            count,
            value: UnsafeCell::new(ManuallyDrop::new(value)),
        }
    }

    fn is_open(&self) -> bool {
        self.count.state() != State::Going
    }

    /// The value.
    ///
    /// # Safety
    /// There is a reference, or the member has not been closed.
    unsafe fn value(&self) -> &T {
        // SAFETY: the caller's promise.
        unsafe { &*self.value.get() }
    }

    /// Drops the value, and then says that it has.
    ///
    /// # Safety
    /// The caller is the one who has seen that there are no references and will be none. The member is
    /// not touched afterwards, unless the caller has added it and not removed it.
    // No reference to the member itself lives through this, since the member need not.
    unsafe fn empty(node: NonNull<Self>) {
        // SAFETY: it is there as long as the value.
        let Self { count, value, .. } = unsafe { node.as_ref() };
        // SAFETY: the caller is alone with it, and does this once.
        unsafe { ManuallyDrop::drop(&mut *value.get()) };
        count.fill(false);
    }
}

impl<T> Drop for Node<T> {
    fn drop(&mut self) {
        if self.count.is_filled() {
            // SAFETY: it is borrowed for good.
            unsafe { Self::empty(NonNull::from(self)) };
        }
    }
}

impl<T> Retire for Node<T> {
    fn next(&self) -> &AtomicPtr<Self> {
        &self.next
    }

    fn retired(&self) -> &AtomicU16 {
        &self.retired
    }
}

impl<T> Member for Node<T> {
    fn count(&self) -> &Count {
        &self.count
    }

    unsafe fn empty(&self) -> bool {
        !self.count.is_filled()
    }
}

impl<K: Ord + Copy, T: Send + Sync> Added<'_, K, T> {
    /// The value, unless the member has been closed.
    pub fn value(&self) -> Option<&T> {
        // SAFETY: it has not been closed, nor can be while that is borrowed.
        (!self.is_closed).then(|| unsafe { self.node().value() })
    }

    /// Lets nobody get a reference any more. The value is dropped now if there are none, and else by
    /// who puts the last.
    pub fn close(&mut self) {
        self.is_closed = true;
        if self.node().count.close_last() {
            // SAFETY: there were no references, and it has not been removed.
            unsafe { Node::empty(self.node) };
        }
    }

    /// Whether the value has been dropped, which nobody uses then.
    #[cfg(any(loom, test, feature = "notifiers"))]
    pub fn is_empty(&self) -> bool {
        !self.node().count.is_filled()
    }

    fn node(&self) -> &Node<T> {
        // SAFETY: it has not been removed.
        unsafe { self.node.as_ref() }
    }
}

// SAFETY: it is a pointer to what is shared.
unsafe impl<K: Ord + Copy, T: Send + Sync> Send for Added<'_, K, T> {}
// SAFETY: as above.
unsafe impl<K: Ord + Copy, T: Send + Sync> Sync for Added<'_, K, T> {}

impl<K: Ord + Copy, T: Send + Sync> Drop for Added<'_, K, T> {
    fn drop(&mut self) {
        self.close();
        // SAFETY: it was a box, and this is the one who has added it.
        unsafe { self.set.0.remove(self.node, |_| ()) };
        self.set.reap();
    }
}

impl<T> Held<T> {
    /// Takes one to a member that the caller keeps from being freed, unless that has been closed.
    fn take(node: NonNull<Node<T>>) -> Option<Self> {
        // SAFETY: the caller's promise.
        // Not before it has been taken: to drop it is to put it.
        unsafe { node.as_ref() }.count.take().then(|| Self(node))
    }

    /// Puts it. Whether the value has been dropped by that.
    #[cfg(any(loom, test, feature = "notifiers"))]
    pub fn put(self) -> bool {
        let was_last = self.release();
        core::mem::forget(self);
        was_last
    }

    fn release(&self) -> bool {
        let was_last = self.node().count.put_last();
        if was_last {
            // SAFETY: this was the last reference, and the member has been closed.
            unsafe { Node::empty(self.0) };
        }
        was_last
    }

    fn node(&self) -> &Node<T> {
        // SAFETY: it is there as long as the value, and that as long as a reference.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this is a reference.
        unsafe { self.node().value() }
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        self.release();
    }
}

impl From<OutOfMemory> for NotAdded {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::{AtomicU32, Ordering};
    use alloc::sync::Arc;
    extern crate std;
    use std::thread;

    /// Counts how often one of these is dropped, and fails if it is used afterwards.
    struct Value {
        is_dropped: AtomicU32,
        drops: Arc<AtomicU32>,
    }

    impl Value {
        fn look(&self) {
            assert_eq!(self.is_dropped.load(Ordering::Relaxed), 0);
        }
    }

    impl Drop for Value {
        fn drop(&mut self) {
            self.is_dropped.store(1, Ordering::Relaxed);
            self.drops.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn value(drops: &Arc<AtomicU32>) -> Value {
        Value { is_dropped: AtomicU32::new(0), drops: drops.clone() }
    }

    fn keys(set: &Ordered<(i32, u64), u32>) -> Vec<(i32, u64, u32)> {
        let (mut keys, mut last) = (Vec::new(), None);
        while let Some((key, held)) = set.after(last, |_| true) {
            keys.push((key.0, key.1, *held));
            last = Some(key);
        }
        keys
    }

    #[test]
    fn values_are_in_the_order_of_their_keys_whatever_the_order_in_which_they_come() {
        let set = Ordered::new();
        assert_eq!((keys(&set), set.count_added()), (Vec::new(), 0));
        let one = set.add(1, |number| (5, number)).unwrap();
        let two = set.add(2, |number| (-5, number)).unwrap();
        let three = set.add(3, |number| (5, number)).unwrap();
        assert_eq!(keys(&set), [(-5, 1, 2), (5, 0, 1), (5, 2, 3)]);
        drop(one);
        assert_eq!(keys(&set), [(-5, 1, 2), (5, 2, 3)]);
        let four = set.add(4, |number| (5, number)).unwrap();
        assert_eq!(keys(&set), [(-5, 1, 2), (5, 2, 3), (5, 3, 4)]);
        let later = set.after(Some((-5, 1)), |(_, number)| number != 2).unwrap();
        assert_eq!(later.0, (5, 3));
        drop((later, two, three, four));
        assert_eq!((keys(&set), set.count_added()), (Vec::new(), 4));
    }

    #[test]
    fn a_key_is_free_once_its_value_has_left_and_not_before() {
        let set = Ordered::new();
        let one = set.add(1, |_| 7).unwrap();
        assert!(matches!(set.add(2, |_| 7), Err(NotAdded::Exists)));
        let held = set.get(7).unwrap();
        assert!(set.get(6).is_none());
        drop(one);
        assert!(set.get(7).is_none());
        let two = set.add(2, |_| 7).unwrap();
        assert_eq!((*held, set.get(7).map(|held| *held)), (1, Some(2)));
        assert!(held.put(), "it was the last");
        assert!(!set.get(7).unwrap().put(), "it is there");
        drop(two);
    }

    #[test]
    fn a_value_is_dropped_by_the_last_who_has_it_and_its_member_then_empty() {
        let (set, drops) = (Ordered::new(), Arc::new(AtomicU32::new(0)));
        let count = || drops.load(Ordering::Relaxed);
        let mut added = set.add(value(&drops), |_| 0).unwrap();
        let held = set.get(0).unwrap();
        added.close();
        assert!(added.value().is_none() && !added.is_empty());
        assert!(set.get(0).is_none() && set.after(None, |_| true).is_none());
        held.look();
        assert_eq!(count(), 0, "who does not get one puts none");
        assert!(held.put() && added.is_empty());
        assert_eq!(count(), 1);
        added.close();
        drop(added);
        assert_eq!(count(), 1);
        let mut added = set.add(value(&drops), |_| 0).unwrap();
        added.value().unwrap().look();
        added.close();
        assert!(added.is_empty());
        drop(set.get(0));
        drop(added);
        assert!(matches!(set.add(value(&drops), |_| 1).map(drop), Ok(())));
        assert_eq!(count(), 3);
    }

    #[test]
    fn values_that_come_and_leave_while_others_use_them_are_dropped_once() {
        const ROUNDS: u32 = if cfg!(miri) { 20 } else { 20_000 };
        let (set, drops) = (Ordered::new(), Arc::new(AtomicU32::new(0)));
        thread::scope(|scope| {
            for thread in 0..2_u64 {
                let (set, drops) = (&set, &drops);
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        drop(set.add(value(drops), |number| (thread, number)).unwrap());
                    }
                });
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        let mut last = None;
                        while let Some((key, held)) = set.after(last, |_| true) {
                            held.look();
                            last = Some(key);
                        }
                        set.reap();
                    }
                });
            }
        });
        assert_eq!(drops.load(Ordering::Relaxed), 2 * ROUNDS);
        assert!(set.after(None, |_| true).is_none());
    }
}
