//! The modules that are loaded, and those that are about to be.

mod modules;

use crate::error::{LoadError, UnloadError};
use crate::module::{Module, Reference, State};
use crate::name::Name;
use crate::platform::Platform;
use crate::symbols::Symbol;
use alloc::sync::Arc;
use modules::Modules;
use spin::Mutex;

pub(crate) struct Registry<P: Platform>(Mutex<Modules<P>>);

impl<P: Platform> Registry<P> {
    pub const fn new() -> Self {
        Self(Mutex::new(Modules::new()))
    }

    /// Takes a name, so that no other module of that name can be loaded. The module is to have the
    /// name that is returned.
    ///
    /// # Errors
    /// [`LoadError::Exists`] if a module of that name is live, [`LoadError::Busy`] if one is
    /// coming or going.
    pub fn reserve<'r>(&'r self, name: &'r [u8]) -> Result<(Reservation<'r, P>, Name), LoadError> {
        let kept = self.0.lock().reserve(name)?;
        Ok((Reservation { registry: self, name }, kept))
    }

    /// A reference to the module of that name, unless it is going.
    pub fn get(&self, name: &[u8]) -> Option<Reference<P>> {
        Reference::take(self.0.lock().find(name)?)
    }

    /// The symbol of that name that a listed module exports, if `may_use` lets it pass.
    pub fn exporter<E>(
        &self,
        name: &[u8],
        may_use: impl FnOnce(&Symbol<'_>) -> Result<(), E>,
    ) -> Result<Option<Export<P>>, E> {
        let modules = self.0.lock();
        let Some((module, symbol)) = modules.exporter(name) else { return Ok(None) };
        may_use(&symbol)?;
        Ok(Some(Export { address: symbol.address, holder: Holder::of(module) }))
    }

    /// Calls `visit` for each listed module, the one loaded last first, with the registry locked.
    pub fn visit(&self, visit: impl FnMut(&Module<P>)) {
        self.0.lock().listed().rev().map(Arc::as_ref).for_each(visit);
    }

    /// Calls `visit` for each listed module unless the registry is locked; says whether it did.
    pub fn try_visit(&self, mut visit: impl FnMut(&Arc<Module<P>>)) -> bool {
        let Some(modules) = self.0.try_lock() else {
            return false;
        };
        modules.listed().for_each(&mut visit);
        true
    }

    /// Stops the module of that name from being used, so that it can be taken out; with `force`
    /// even if it has a start and no stop.
    pub fn close(&self, name: &[u8], force: bool) -> Result<Listed<'_, P>, UnloadError> {
        let modules = self.0.lock();
        let module = modules.find(name).ok_or(UnloadError::NotFound)?;
        if let Some(user) = modules.listed().find(|user| user.is_user_of(module)) {
            return Err(UnloadError::UsedBy(user.name().clone()));
        }
        if module.state() != State::Live {
            return Err(UnloadError::Busy);
        }
        if module.starts && module.exit.is_none() && !force {
            return Err(UnloadError::Permanent);
        }
        if !Reference::close(module) {
            // One that is being dropped may be out of the count already.
            return Err(UnloadError::Referenced(module.references().max(1)));
        }
        Ok(Listed { registry: self, module: module.clone(), stays: false })
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

/// A name that is taken. Dropping it frees the name, unless a module is listed under it.
pub(crate) struct Reservation<'r, P: Platform> {
    registry: &'r Registry<P>,
    name: &'r [u8],
}

impl<'r, P: Platform> Reservation<'r, P> {
    /// Lists the module under its name.
    ///
    /// # Errors
    /// [`LoadError::Duplicate`] if it exports a
    /// symbol that the kernel or another module exports, or exports it twice.
    pub fn list(self, platform: &P, module: Module<P>) -> Result<Listed<'r, P>, LoadError> {
        let module = Arc::new(module);
        self.registry.0.lock().list(platform, &module)?;
        Ok(Listed { registry: self.registry, module, stays: false })
    }
}

impl<P: Platform> Drop for Reservation<'_, P> {
    fn drop(&mut self) {
        self.registry.0.lock().free(self.name);
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
            let removed = self.registry.0.lock().unlist(&self.module);
            // Dropping a module gives back memory and references: not with the lock held.
            drop(removed);
        }
    }
}
