//! The modules that are loaded, and those that are about to be.
//!
//! Readers follow a [snapshot](snapshot) without lock and heap, from any context; changes publish
//! another one, and have to look again when one has come before them. No lock is held here at all.
//!
//! Invariants:
//! - A module's name is reserved before the module is listed, and no two that are not gone have one
//!   name.
//! - A module is removed once it is going; [`members`] says in which order.

mod files;
mod index;
#[cfg(feature = "proc")]
mod listing;
mod members;
pub(crate) mod ordered;
mod published;
mod readers;
mod retired;
mod snapshot;
mod waiting;

use crate::error::{LoadError, UnloadError};
use crate::heap::boxed;
use crate::module::{Content, Count, Module, Reference, State};
use crate::name::{ModuleName, Name};
use crate::platform::Platform;
use crate::symbols::Symbol;
use crate::sync::{AtomicPtr, AtomicU16, AtomicU32, Ordering};
pub use files::FileId;
pub(crate) use files::{Files, Others, Turn};
#[cfg(feature = "proc")]
pub(crate) use listing::Listing;
use members::{Member, Members};
use retired::Retire;
use snapshot::{Change, Entry, Snapshot};

pub(crate) struct Registry<P: Platform> {
    modules: Members<Snapshot<P>, Module<P>>,
    /// How many loads there have been. The highest value stays.
    loads: AtomicU32,
}

impl<P: Platform> Registry<P> {
    pub const fn new() -> Self {
        Self { modules: Members::new(), loads: AtomicU32::new(0) }
    }

    /// Another number of a load, from 1 on. Only the highest is that of several.
    pub fn number_of_load(&self) -> u32 {
        let more = |loads: u32| Some(loads.saturating_add(1));
        let before = self.loads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        before.unwrap_or_default().saturating_add(1)
    }

    /// A reference to the module of that name, unless it is being linked or going. For any context.
    #[must_use = "the module can be unloaded once the reference is dropped"]
    pub fn get(&self, name: &[u8]) -> Option<Reference<P>> {
        Reference::take(self.modules.pin().get()?.find(name)?)
    }

    /// What `look` makes of the symbol of that name that a listed module exports, and of the module.
    /// For any context in which `look` can be called.
    pub fn exporter<T>(
        &self,
        name: &[u8],
        look: impl FnOnce(&Symbol<'_>, &Module<P>) -> T,
    ) -> Option<T> {
        let pin = self.modules.pin();
        let (module, symbol) = pin.get()?.exporter(name)?;
        Some(look(&symbol, module))
    }

    /// Puts a reference that nothing but the count knows of, to the module in whose memory an address
    /// lies; says whether there was one. For any context.
    ///
    /// # Safety
    /// It is the caller's.
    pub unsafe fn put_at(&self, address: u64) -> bool {
        let pin = self.modules.pin();
        let located = pin.get().and_then(|snapshot| snapshot.locate(address));
        located.is_some_and(|(module, _)| module.count().put_counted())
    }

    /// The module in whose memory an address lies, and the offset from the start of its core or
    /// init part. For any context.
    pub fn locate(&self, address: u64) -> Option<(ModuleName, u64)> {
        let pin = self.modules.pin();
        let (module, start) = pin.get()?.locate(address)?;
        Some((ModuleName::from(module.name()), address.saturating_sub(start)))
    }

    /// What `look` makes of the module in whose memory an address lies. For any context in which `look`
    /// can be called.
    #[cfg(any(feature = "exceptions", feature = "kallsyms", feature = "parameters"))]
    pub fn module_at<T>(&self, address: u64, look: impl FnOnce(&Module<P>) -> T) -> Option<T> {
        let pin = self.modules.pin();
        let (module, _) = pin.get()?.locate(address)?;
        Some(look(module))
    }

    /// Calls `visit` for each module that is listed now, the one listed last first.
    pub fn visit(&self, visit: impl FnMut(&Module<P>)) {
        let pin = self.modules.pin();
        pin.get().into_iter().flat_map(|snapshot| snapshot.listed().rev()).for_each(visit);
    }

    /// What `look` makes of the modules that are listed now. For any context in which `look` can be
    /// called.
    #[cfg(feature = "proc")]
    pub fn listing<T>(&self, look: impl FnOnce(Listing<'_, P>) -> T) -> T {
        let pin = self.modules.pin();
        look(Listing(pin.get()))
    }

    /// Takes a name, so that no other module of that name can be loaded. If another load has it, that
    /// is waited for.
    ///
    /// # Errors
    /// [`LoadError::Exists`] if a module of that name is live, [`LoadError::Busy`] if one was
    /// coming or is going, [`LoadError::Interrupted`].
    pub fn reserve<'r>(
        &'r self,
        platform: &'r P,
        name: &[u8],
    ) -> Result<Reservation<'r, P>, LoadError> {
        self.reap();
        let kept = Name::whole(name)?;
        let entry = Entry::new(boxed(Module::named(kept))?);
        let error = match self.change(&Change::Reserve(entry)) {
            Ok(()) => return Ok(Reservation { registry: self, platform, entry }),
            Err(error) => error,
        };
        // SAFETY: it has not been published.
        unsafe { entry.discard() };
        Err(match error {
            LoadError::Busy(_) => self.taken(platform, name),
            error => error,
        })
    }

    /// Stops new references to the module of that name, so that it can be unloaded; with `force` even
    /// if it has an init and no exit function, or there are references, unless they may be of modules that
    /// use it. Whether it took force.
    pub fn begin_unload<'r>(
        &'r self,
        platform: &'r P,
        name: &[u8],
        force: bool,
    ) -> Result<(Listed<'r, P>, bool), UnloadError> {
        // What is gone and not free yet still uses others.
        self.reap();
        let pin = self.modules.pin();
        let found = pin.get().and_then(|snapshot| {
            let entry = snapshot.entry(name)?;
            Some((snapshot, *entry, entry.module()?))
        });
        let (snapshot, entry, module) = found.ok_or(UnloadError::NotFound)?;
        if let Some(user) = snapshot.listed().find(|user| user.is_user_of(module)) {
            return Err(UnloadError::UsedBy(user.name().clone()));
        }
        if module.state() != State::Live {
            return Err(UnloadError::Busy);
        }
        let is_permanent = module.is_permanent();
        if is_permanent && !force {
            return Err(UnloadError::Permanent);
        }
        let is_in_use = !module.count().stop_new_references();
        if is_in_use && !(force && self.close(snapshot, module)) {
            return Err(match module.state() {
                // The reference may just have been put.
                State::Live => UnloadError::Referenced(module.references().max(1)),
                // Another unload has begun.
                _ => UnloadError::Busy,
            });
        }
        let forced = is_permanent || is_in_use;
        Ok((Listed { registry: self, platform, entry, stays: false }, forced))
    }

    /// Stops new references to a live module, whatever references there are, unless one may be of a module
    /// that uses it or is being linked, as can be seen in a snapshot and in those since.
    #[cold]
    #[inline(never)]
    fn close(&self, before: &Snapshot<P>, module: &Module<P>) -> bool {
        if before.is_linking() || !module.count().close() {
            return false;
        }
        // Who has taken a reference by now had its name before that, and is in this snapshot.
        let pin = self.modules.pin();
        let is_used = pin
            .get()
            .is_none_or(|now| now.is_linking() || now.listed().any(|user| user.is_user_of(module)));
        if is_used {
            module.count().reopen();
        }
        !is_used
    }

    /// Publishes the snapshot after the current one, if it differs from that.
    // Out of line, which makes a loader smaller.
    #[inline(never)]
    fn change(&self, change: &Change<P>) -> Result<(), LoadError> {
        let after = |old: Option<&_>, clean, late| Snapshot::after(old, change, clean, late);
        // SAFETY: unless it is clean, what is made next leaves out those that are gone.
        unsafe { self.modules.change(after) }
    }

    /// Frees what was kept because somebody was reading it or referred to it. Not from an
    /// interrupt.
    // Out of line, which makes a loader smaller.
    #[inline(never)]
    pub fn reap(&self) {
        // SAFETY: that makes a snapshot without them, if there is heap for it.
        unsafe { self.modules.reap(|| self.change(&Change::Purge).is_ok()) };
    }

    /// Removes a module that nobody can get a reference to any more.
    // Out of line, which makes a loader smaller.
    #[inline(never)]
    fn remove(&self, platform: &P, entry: Entry<P>) {
        // SAFETY: whoever had the module reserved or listed leaves it here.
        unsafe { self.modules.remove(entry.pointer(), Module::put_uses) };
        self.reap();
        platform.wake();
    }
}

impl<P: Platform> Drop for Registry<P> {
    /// Frees what is gone. What is listed stays for ever: its code may be running.
    fn drop(&mut self) {
        self.reap();
    }
}

impl<P: Platform> Retire for Module<P> {
    fn next(&self) -> &AtomicPtr<Self> {
        &self.next
    }

    fn retired(&self) -> &AtomicU16 {
        self.retirement()
    }
}

impl<P: Platform> Member for Module<P> {
    fn count(&self) -> &Count {
        Module::count(self)
    }

    unsafe fn empty(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { Module::empty(self) }
    }
}

/// A name that is taken. Dropping it frees the name, unless a module is listed under it.
#[must_use = "dropping it frees the name"]
pub(crate) struct Reservation<'r, P: Platform> {
    registry: &'r Registry<P>,
    platform: &'r P,
    entry: Entry<P>,
}

impl<'r, P: Platform> Reservation<'r, P> {
    /// Lists the module under its name.
    ///
    /// # Errors
    /// [`LoadError::Duplicate`] if it exports a symbol that the kernel or another module
    /// exports, or exports it twice; [`ExportProblem::Collision`](crate::symbols::ExportProblem::Collision).
    pub fn list(self, content: Content<P>) -> Result<Listed<'r, P>, LoadError> {
        let Self { registry, platform, entry } = &self;
        let (registry, platform, entry) = (*registry, *platform, *entry);
        compare_with_kernel(platform, &content)?;
        // SAFETY: all that others see of a reserved module is its name.
        unsafe { entry.named().fill(content) };
        {
            // What an index is made of keeps its address, so that it is known again.
            let _pin = registry.modules.pin();
            // If that fails, it leaves with its content, which others may have seen by its name.
            registry.change(&Change::List(entry))?;
        }
        core::mem::forget(self);
        registry.reap();
        Ok(Listed { registry, platform, entry, stays: false })
    }
}

/// Rejects a module that exports what the kernel exports.
fn compare_with_kernel<P: Platform>(platform: &P, content: &Content<P>) -> Result<(), LoadError> {
    for symbol in content.export_tables().into_iter() {
        if platform.symbol(symbol.name)?.is_some() {
            return Err(LoadError::Duplicate { symbol: symbol.name.into(), owner: None });
        }
    }
    Ok(())
}

impl<P: Platform> Drop for Reservation<'_, P> {
    fn drop(&mut self) {
        self.registry.remove(self.platform, self.entry);
    }
}

/// A module in the registry. Dropping it removes the module, which is going then, unless it
/// [stays](Self::stay).
#[must_use = "dropping it removes the module"]
pub(crate) struct Listed<'r, P: Platform> {
    registry: &'r Registry<P>,
    platform: &'r P,
    entry: Entry<P>,
    stays: bool,
}

impl<P: Platform> Listed<'_, P> {
    pub fn module(&self) -> &Module<P> {
        self.entry.named()
    }

    /// A reference to the module.
    #[must_use = "the module can be unloaded once the reference is dropped"]
    pub fn hold(&self) -> Reference<P> {
        Reference::again(self.module())
    }

    /// Leaves the module in the registry.
    pub fn stay(mut self) {
        self.stays = true;
    }
}

impl<P: Platform> Drop for Listed<'_, P> {
    fn drop(&mut self) {
        if !self.stays {
            self.registry.remove(self.platform, self.entry);
        }
    }
}
