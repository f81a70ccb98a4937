//! What readers see of the registry: one state of it, which is not changed.
//!
//! Invariants:
//! - A module is in the first or in the second table of a snapshot if it is in any. Those are made
//!   first, so that one which becomes gone meanwhile is in one of them at most.
//! - Who reads looks whether a module is there before anything but its name. Who changes has left
//!   out those that are gone, or knows that there are none.

use super::index::after;
use super::retired::Retire;
use crate::error::LoadError;
use crate::heap::{OutOfMemory, boxed};
use crate::module::{Module, State};
use crate::name::Name;
use crate::platform::Platform;
use crate::symbols::{Index, Symbol, hash};
use crate::sync::{AtomicPtr, AtomicU16, Ordering};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::{self, NonNull};

/// One state of the registry. What is looked up here costs a bounded number of instructions.
pub(super) struct Snapshot<P: Platform> {
    /// The next that waits to be freed.
    next: AtomicPtr<Self>,
    /// The mark of when it was replaced.
    retired: AtomicU16,
    tables: Tables<P>,
    /// The names of the listed modules and what they export; null if there are none. It outlives
    /// this snapshot if its successor has the same.
    index: *mut Index,
    /// The index, once it is known that it goes with this snapshot.
    own: AtomicPtr<Index>,
    /// The index of the snapshot before this one.
    before: *mut Index,
}

/// The modules, each time in the order of their keys:
/// - those that are being linked, of which the name alone is known, in any;
/// - those that are listed, in that order, by the number of the name in the index;
/// - those by the address of the core part;
/// - those that may have an init part, by the address of that.
type Tables<P> = [Vec<Row<P>>; 4];

/// Which rows leave a table, if any can.
type Leaves<'l, P> = Option<&'l dyn Fn(&Row<P>) -> bool>;

/// A module that a snapshot has.
pub(super) struct Entry<P: Platform>(NonNull<Module<P>>);

/// A module, and what it is found by.
pub(super) struct Row<P: Platform> {
    pub key: u64,
    pub entry: Entry<P>,
}

/// What changes from one snapshot to the next, beside that modules leave which are gone.
pub(super) enum Change<P: Platform> {
    /// A name is taken.
    Reserve(Entry<P>),
    /// The module of which the name was taken is listed.
    List(Entry<P>),
    /// Nothing.
    Purge,
}

impl<P: Platform> Snapshot<P> {
    fn new() -> Self {
        Self {
            next: AtomicPtr::new(ptr::null_mut()),
            retired: AtomicU16::new(0),
            tables: [const { Vec::new() }; 4],
            index: ptr::null_mut(),
            own: AtomicPtr::new(ptr::null_mut()),
            before: ptr::null_mut(),
        }
    }

    /// The snapshot after this one; `clean` if no module in this one is gone. `None` if nothing
    /// would change. `late` is what has been made for the same change, which came too late: its
    /// index serves if the listed modules are the same, so that a large module is not kept from being
    /// listed by small loads that fail meanwhile. Their indices have not been freed since.
    ///
    /// # Errors
    /// That the name is taken; of a module that is listed [`ModInfoProblem::Collision`](crate::module::ModInfoProblem::Collision),
    /// [`LoadError::Duplicate`], if it exports a
    /// symbol twice, or one that another module exports, and
    /// [`ExportProblem::Collision`](crate::symbols::ExportProblem::Collision); that the heap is
    /// exhausted.
    pub fn after(
        old: Option<&Self>,
        change: &Change<P>,
        clean: bool,
        late: Option<Box<Self>>,
    ) -> Result<Option<Box<Self>>, LoadError> {
        let none = Self::new();
        let old = old.unwrap_or(&none);
        let [reserved, listed, ..] = &old.tables;
        let mut keys = [None; 4];
        let one = match *change {
            Change::Reserve(entry) => {
                let name = entry.named().name().as_bytes();
                if let Some(other) = old.named(name) {
                    let live = other.state() == State::Live;
                    return Err(if live { LoadError::Exists } else { LoadError::Busy }(
                        name.into(),
                    ));
                }
                keys = [Some(0), None, None, None];
                Some(entry)
            }
            Change::List(entry) => {
                let module = entry.named();
                let number = old.index().map_or(0, Index::len);
                let init = module.init().map(|init| init.start);
                keys = [None, Some(number.into()), Some(module.core().start), init];
                Some(entry)
            }
            Change::Purge
                if clean || ![reserved, listed].into_iter().flatten().any(Row::is_gone) =>
            {
                return Ok(None);
            }
            Change::Purge => None,
        };
        let mut new = old.with(one, &keys, clean)?;
        new.before = old.index;
        let [_, listed, ..] = &mut new.tables;
        new.index = match change {
            Change::List(_) => match late.and_then(|mut late| late.give_index(old.index, listed)) {
                Some(index) => index,
                None => Box::into_raw(after(old.index(), listed)?),
            },
            _ if listed.is_empty() => ptr::null_mut(),
            _ => old.index,
        };
        Ok(Some(new))
    }

    /// Gives its index away, with the numbers of these modules in it, if it is made of that index and
    /// of these modules, and its own.
    fn give_index(&mut self, before: *mut Index, listed: &mut Vec<Row<P>>) -> Option<*mut Index> {
        let [_, own, ..] = &mut self.tables;
        fn entries<P: Platform>(rows: &[Row<P>]) -> impl Iterator<Item = NonNull<Module<P>>> {
            rows.iter().map(|row| row.entry.0)
        }
        if before != self.before || !entries(own).eq(entries(listed)) {
            return None;
        }
        let index = self.own.swap(ptr::null_mut(), Ordering::Relaxed);
        if index.is_null() {
            return None;
        }
        *listed = core::mem::take(own);
        Some(index)
    }

    /// A snapshot with one more module by these keys, without those that are gone and without an
    /// index.
    fn with(
        &self,
        one: Option<Entry<P>>,
        keys: &[Option<u64>; 4],
        clean: bool,
    ) -> Result<Box<Self>, OutOfMemory> {
        // One that is listed is reserved no more.
        let reserved = |row: &Row<P>| row.is_gone() || one.is_some_and(|one| one.0 == row.entry.0);
        let inits = |row: &Row<P>| !row.has_init();
        let gone: Leaves<'_, P> = if clean { None } else { Some(&Row::is_gone) };
        let leaves: [Leaves<'_, P>; 4] = [Some(&reserved), gone, gone, Some(&inits)];
        let mut new = boxed(Self::new())?;
        for (((to, from), key), leaves) in
            new.tables.iter_mut().zip(&self.tables).zip(keys).zip(&leaves)
        {
            let one = one.zip(*key).map(|(entry, key)| Row { key, entry });
            *to = changed(from, one, *leaves).ok_or(OutOfMemory)?;
        }
        Ok(new)
    }

    /// The module of that name, unless it is being linked.
    pub fn find(&self, name: &[u8]) -> Option<&Module<P>> {
        self.entry(name)?.module()
    }

    /// The same, in a way in which it can be freed one day: a pointer that comes from a reference
    /// to the module does not allow that.
    pub fn entry(&self, name: &[u8]) -> Option<&Entry<P>> {
        if name.len() > Name::MAX {
            return None;
        }
        let [_, listed, ..] = &self.tables;
        let mut found = None;
        self.index()?.find(hash_of_module(name), &mut |number| {
            found = owner(listed, number)
                .filter(|(entry, number)| *number == 0 && entry.named().name().as_bytes() == name);
            found.is_some()
        });
        found.map(|(entry, _)| entry)
    }

    /// The module that has taken this name, of which there may be no more than that.
    pub fn named(&self, name: &[u8]) -> Option<&Module<P>> {
        let [reserved, ..] = &self.tables;
        self.find(name).or_else(|| {
            let reserved = reserved.iter().filter(|row| !row.is_gone());
            let mut reserved = reserved.map(|row| row.entry.named());
            reserved.find(|module| module.name().as_bytes() == name)
        })
    }

    /// Whether any module is being linked: it may have references by then to modules that it will use.
    pub fn is_linking(&self) -> bool {
        let [reserved, ..] = &self.tables;
        reserved.iter().any(|row| !row.is_gone())
    }

    /// The modules that are listed, in that order.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Module<P>> {
        let [_, listed, ..] = &self.tables;
        listed.iter().filter_map(|row| row.entry.module())
    }

    /// The module in whose memory an address lies, and the first address of its core or init part.
    pub fn locate(&self, address: u64) -> Option<(&Module<P>, u64)> {
        let [.., cores, inits] = &self.tables;
        let core = Row::before(cores, address, |module| Some(module.core()));
        core.or_else(|| Row::before(inits, address, Module::init))
    }

    /// The symbol of that name that a module exports, and the module.
    pub fn exporter(&self, name: &[u8]) -> Option<(&Module<P>, Symbol<'_>)> {
        let [_, listed, ..] = &self.tables;
        exporter(self.index()?, listed, name, hash(name))
    }

    fn index(&self) -> Option<&Index> {
        // SAFETY: it is freed with the last snapshot that has it.
        unsafe { self.index.as_ref() }
    }
}

/// The hash of the name of a module, which is another than that of an export.
pub(super) fn hash_of_module(name: &[u8]) -> u32 {
    !hash(name)
}

/// The symbol of that name and hash that one of these modules exports, and the module.
// Out of line, which makes a loader smaller.
#[inline(never)]
pub(super) fn exporter<'m, P: Platform>(
    index: &Index,
    listed: &'m [Row<P>],
    name: &[u8],
    hash: u32,
) -> Option<(&'m Module<P>, Symbol<'m>)> {
    let mut found = None;
    index.find(hash, &mut |number| {
        found = owner(listed, number).and_then(|(entry, number)| {
            let module = entry.module()?;
            Some((module, module.export_named(number.checked_sub(1)?, name)?))
        });
        found.is_some()
    });
    found
}

/// The module that has this number in the index, and which of its numbers it is: the first is its
/// name's, the others are its exports'. A number of a module that has left is past those of the one
/// before it.
fn owner<P: Platform>(listed: &[Row<P>], number: u32) -> Option<(&Entry<P>, usize)> {
    let number = u64::from(number);
    let count = listed.partition_point(|row| row.key <= number);
    let row = listed.get(count.checked_sub(1)?)?;
    Some((&row.entry, number.checked_sub(row.key)? as usize))
}

impl<P: Platform> Retire for Snapshot<P> {
    fn next(&self) -> &AtomicPtr<Self> {
        &self.next
    }

    fn retired(&self) -> &AtomicU16 {
        &self.retired
    }

    fn is_replaced_by(&self, successor: Option<&Self>) {
        if successor.is_none_or(|successor| successor.index != self.index) {
            self.own.store(self.index, Ordering::Relaxed);
        }
    }
}

impl<P: Platform> Drop for Snapshot<P> {
    fn drop(&mut self) {
        let own = self.own.swap(ptr::null_mut(), Ordering::Relaxed);
        if !own.is_null() {
            // SAFETY: it was a box, and no snapshot after this one has it.
            drop(unsafe { Box::from_raw(own) });
        }
    }
}

impl<P: Platform> Entry<P> {
    pub fn new(module: Box<Module<P>>) -> Self {
        // SAFETY: a box is not null.
        Self(unsafe { NonNull::new_unchecked(Box::into_raw(module)) })
    }

    /// The module, of which there may be no more than the name.
    pub fn named(&self) -> &Module<P> {
        // SAFETY: it is freed when no snapshot has it and nobody reads one that did, and there is
        // neither a reservation nor a listing of it.
        unsafe { self.0.as_ref() }
    }

    /// The module, unless it is gone or the name alone is known.
    pub fn module(&self) -> Option<&Module<P>> {
        let module = self.named();
        module.count().is_there().then_some(module)
    }

    pub fn pointer(self) -> NonNull<Module<P>> {
        self.0
    }

    /// Frees the module.
    ///
    /// # Safety
    /// It is in no snapshot.
    pub unsafe fn discard(self) {
        // SAFETY: it was a box, and is the caller's.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl<P: Platform> Clone for Entry<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Platform> Copy for Entry<P> {}

impl<P: Platform> Row<P> {
    /// The module of the last of these parts at or before an address, if that is in it, and where
    /// the part starts.
    fn before(
        rows: &[Self],
        address: u64,
        range: impl Fn(&Module<P>) -> Option<Range<u64>>,
    ) -> Option<(&Module<P>, u64)> {
        let count = rows.partition_point(|row| row.key <= address);
        // One that is there no more may stand in the way until the next change.
        let mut before = rows.get(..count)?.iter().rev().filter_map(|row| {
            let module = row.entry.module()?;
            Some((module, range(module)?))
        });
        let (module, range) = before.next()?;
        range.contains(&address).then_some((module, range.start))
    }

    /// How many numbers the module has in an index. It has content.
    pub fn numbers(&self) -> usize {
        self.entry.named().content().export_count().saturating_add(1)
    }

    fn is_gone(&self) -> bool {
        self.entry.named().count().is_gone()
    }

    fn has_init(&self) -> bool {
        self.entry.module().is_some_and(|module| module.init().is_some())
    }
}

impl<P: Platform> Clone for Row<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Platform> Copy for Row<P> {}

/// These rows without those that `leaves` says, and with one more in its position; `None` if the heap
/// does not have the room.
// Out of line, which makes a loader smaller.
#[inline(never)]
fn changed<P: Platform>(
    rows: &[Row<P>],
    one: Option<Row<P>>,
    leaves: Leaves<'_, P>,
) -> Option<Vec<Row<P>>> {
    let mut changed = Vec::new();
    changed.try_reserve_exact(rows.len().saturating_add(one.is_some().into())).ok()?;
    let mut extend = |rows: &[Row<P>]| {
        // There is room for all that are taken here and below.
        let has_room = rows.len() <= changed.capacity().saturating_sub(changed.len());
        has_room.then(|| changed.extend_from_slice(rows))
    };
    let key = one.map_or(0, |one| one.key);
    let (before, after) = rows.split_at_checked(rows.partition_point(|row| row.key <= key))?;
    for (rows, then) in [(before, one.as_slice()), (after, &[])] {
        match leaves {
            None => extend(rows)?,
            Some(leaves) => {
                let mut stay = rows.iter().filter(|row| !leaves(row));
                stay.try_for_each(|row| extend(core::slice::from_ref(row)))?;
            }
        }
        extend(then)?;
    }
    Some(changed)
}
