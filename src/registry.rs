//! The modules that are loaded, and those that are about to be.

use crate::error::{LoadError, UnloadError};
use crate::link;
use crate::module::{Module, Reference, State};
use crate::name::Name;
use crate::platform::Platform;
use crate::symbols::{ExportProblem, Symbol, hash};
use alloc::sync::Arc;
use alloc::vec::Vec;
use spin::{Mutex, MutexGuard};

pub(crate) struct Registry<P: Platform>(Mutex<Vec<Entry<P>>>);

enum Entry<P: Platform> {
    /// A name that is taken by a module that is being linked.
    Reserved(Name),
    /// A module that others can see.
    Listed(Arc<Module<P>>),
}

impl<P: Platform> Entry<P> {
    fn name(&self) -> &Name {
        match self {
            Self::Reserved(name) => name,
            Self::Listed(module) => module.name(),
        }
    }

    fn module(&self) -> Option<&Arc<Module<P>>> {
        match self {
            Self::Reserved(_) => None,
            Self::Listed(module) => Some(module),
        }
    }
}

impl<P: Platform> Registry<P> {
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Takes a name, so that no other module of that name can be loaded. The module is to have the
    /// name that is returned.
    ///
    /// # Errors
    /// [`LoadError::Exists`] if a module of that name is live, [`LoadError::Busy`] if one is
    /// coming or going.
    pub fn reserve(&self, name: &[u8]) -> Result<(Reservation<'_, P>, Name), LoadError> {
        let mut entries = self.0.lock();
        if let Some(entry) = entries.iter().find(|entry| entry.name().as_bytes() == name) {
            let live = entry.module().is_some_and(|module| module.state() == State::Live);
            return Err(if live { LoadError::Exists } else { LoadError::Busy }(name.into()));
        }
        let [listed, ours, modules] = [(); 3].map(|()| Name::from(name));
        let complete = [&listed, &ours, &modules].iter().all(|kept| kept.as_bytes() == name);
        if !complete || entries.try_reserve_exact(1).is_err() {
            return Err(link::Error::OutOfMemory.into());
        }
        entries.push(Entry::Reserved(listed));
        Ok((Reservation { registry: self, name: ours }, modules))
    }

    /// A reference to the module of that name, unless it is going.
    pub fn get(&self, name: &[u8]) -> Option<Reference<P>> {
        let entries = self.0.lock();
        let module = listed(&entries).find(|module| module.name().as_bytes() == name)?;
        Reference::take(module)
    }

    /// The symbol of that name that a listed module exports, if `may_use` lets it pass.
    pub fn exporter<E>(
        &self,
        name: &[u8],
        may_use: impl FnOnce(&Symbol<'_>) -> Result<(), E>,
    ) -> Result<Option<Export<P>>, E> {
        let entries = self.0.lock();
        let hash = hash(name);
        let found =
            listed(&entries).find_map(|module| Some((module, module.export_hashed(name, hash)?)));
        let Some((module, symbol)) = found else { return Ok(None) };
        may_use(&symbol)?;
        Ok(Some(Export { address: symbol.address, holder: Holder::of(module) }))
    }

    /// Calls `visit` for each listed module, the one loaded last first, with the registry locked.
    pub fn visit(&self, visit: impl FnMut(&Module<P>)) {
        listed(&self.0.lock()).rev().map(Arc::as_ref).for_each(visit);
    }

    /// Calls `visit` for each listed module unless the registry is locked; says whether it did.
    pub fn try_visit(&self, mut visit: impl FnMut(&Arc<Module<P>>)) -> bool {
        let Some(entries) = self.0.try_lock() else {
            return false;
        };
        listed(&entries).for_each(&mut visit);
        true
    }

    /// Stops the module of that name from being used, so that it can be taken out; with `force`
    /// even if it has a start and no stop.
    pub fn close(&self, name: &[u8], force: bool) -> Result<Listed<'_, P>, UnloadError> {
        let entries = self.0.lock();
        let module = listed(&entries)
            .find(|module| module.name().as_bytes() == name)
            .ok_or(UnloadError::NotFound)?;
        if let Some(user) = listed(&entries).find(|user| user.is_user_of(module)) {
            return Err(UnloadError::UsedBy(user.name().clone()));
        }
        if module.state() != State::Live {
            return Err(UnloadError::Busy);
        }
        if module.entry.init.is_some() && module.entry.exit.is_none() && !force {
            return Err(UnloadError::Permanent);
        }
        if !module.references.close() {
            return Err(UnloadError::Referenced(module.references()));
        }
        Ok(Listed { registry: self, module: module.clone(), stays: false })
    }

    fn remove(&self, is_it: impl Fn(&Entry<P>) -> bool) {
        let removed = {
            let mut entries = self.0.lock();
            entries.extract_if(.., |entry| is_it(entry)).next()
        };
        // Dropping a module gives back memory and references: not with the lock held.
        drop(removed);
    }
}

/// A symbol that a module exports.
pub(crate) struct Export<P: Platform> {
    pub address: u64,
    pub holder: Holder<P>,
}

/// The module that exports a symbol, held if it is live.
pub(crate) enum Holder<P: Platform> {
    Coming(Name),
    Live(Reference<P>),
    Going(Name),
}

impl<P: Platform> Holder<P> {
    fn of(module: &Arc<Module<P>>) -> Self {
        let name = || module.name().clone();
        match module.state() {
            State::Coming => Self::Coming(name()),
            _ => Reference::take(module).map_or_else(|| Self::Going(name()), Self::Live),
        }
    }
}

/// A name that is taken. Dropping it frees the name, unless a module has been listed under it.
pub(crate) struct Reservation<'r, P: Platform> {
    registry: &'r Registry<P>,
    name: Name,
}

impl<'r, P: Platform> Reservation<'r, P> {
    /// Lists the module under its name.
    ///
    /// # Errors
    /// [`ExportProblem::Duplicate`] if it exports a symbol that the kernel or another module
    /// exports.
    pub fn list(self, platform: &P, module: Module<P>) -> Result<Listed<'r, P>, ExportProblem> {
        let module = Arc::new(module);
        {
            let mut entries = self.registry.0.lock();
            no_duplicates(platform, &entries, &module)?;
            if let Some(entry) = entries.iter_mut().find(|entry| self.is_for(entry)) {
                *entry = Entry::Listed(module.clone());
            }
        }
        Ok(Listed { registry: self.registry, module, stays: false })
    }

    fn is_for(&self, entry: &Entry<P>) -> bool {
        matches!(entry, Entry::Reserved(name) if *name == self.name)
    }
}

impl<P: Platform> Drop for Reservation<'_, P> {
    fn drop(&mut self) {
        self.registry.remove(|entry| self.is_for(entry));
    }
}

/// A module in the registry. Dropping it takes the module out, unless it [stays](Self::stay).
pub(crate) struct Listed<'r, P: Platform> {
    registry: &'r Registry<P>,
    module: Arc<Module<P>>,
    stays: bool,
}

impl<P: Platform> Listed<'_, P> {
    pub fn module(&self) -> &Module<P> {
        &self.module
    }

    /// A reference to the module; `None` if it is going.
    pub fn hold(&self) -> Option<Reference<P>> {
        Reference::take(&self.module)
    }

    /// Leaves the module in the registry.
    pub fn stay(mut self) {
        self.stays = true;
    }
}

impl<P: Platform> Drop for Listed<'_, P> {
    fn drop(&mut self) {
        if !self.stays {
            self.registry.remove(|entry| {
                entry.module().is_some_and(|module| Arc::ptr_eq(module, &self.module))
            });
        }
    }
}

fn listed<'e, P: Platform>(
    entries: &'e MutexGuard<'_, Vec<Entry<P>>>,
) -> impl DoubleEndedIterator<Item = &'e Arc<Module<P>>> {
    entries.iter().filter_map(Entry::module)
}

fn no_duplicates<P: Platform>(
    platform: &P,
    entries: &MutexGuard<'_, Vec<Entry<P>>>,
    module: &Module<P>,
) -> Result<(), ExportProblem> {
    for symbol in module.exports() {
        let hash = hash(symbol.name);
        let elsewhere = platform.symbol(symbol.name).is_some()
            || listed(entries).any(|other| other.export_hashed(symbol.name, hash).is_some());
        if elsewhere {
            return Err(ExportProblem::Duplicate(symbol.name.into()));
        }
    }
    Ok(())
}
