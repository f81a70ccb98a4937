//! Which symbols a module may use, and what it then holds on to.

use crate::error::{ImportProblem, LoadError};
use crate::heap::{OutOfMemory, exact};
use crate::image::Binding;
use crate::link::ResolveError;
#[cfg(feature = "versions")]
use crate::module::Compared;
use crate::module::{License, LinkStatistics, Module, Namespaces, Reference, State, Taints, Uses};
use crate::name::Name;
use crate::platform::{Platform, WaitError};
use crate::registry::Registry;
use crate::symbols::{KsymtabError, Symbol};
use alloc::vec::Vec;

/// Looks up the undefined symbols of a module that is being linked.
pub(crate) struct Imports<'l, P: Platform> {
    platform: &'l P,
    registry: &'l Registry<P>,
    namespaces: &'l Namespaces<'l>,
    #[cfg(feature = "versions")]
    versions: Compared<'l, P>,
    /// The number of the load.
    load: u32,
    license: License,
    uses: Vec<Reference<P>>,
    statistics: LinkStatistics,
}

/// Why a symbol could not be looked up.
pub(crate) enum ImportError {
    Problem(ImportProblem),
    Ksymtab(KsymtabError),
    OutOfMemory,
}

impl From<ImportProblem> for ImportError {
    fn from(problem: ImportProblem) -> Self {
        Self::Problem(problem)
    }
}

impl From<KsymtabError> for ImportError {
    #[cold]
    fn from(error: KsymtabError) -> Self {
        Self::Ksymtab(error)
    }
}

impl From<OutOfMemory> for ImportError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<ResolveError<ImportError>> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(error: ResolveError<ImportError>) -> Self {
        match error {
            ResolveError::Unknown(symbols) => Self::UnknownSymbols(symbols),
            ResolveError::Lookup { symbol, error: ImportError::Problem(problem) } => {
                Self::Import { symbol, problem }
            }
            ResolveError::Lookup { error: ImportError::Ksymtab(error), .. } => error.into(),
            ResolveError::Lookup { error: ImportError::OutOfMemory, .. }
            | ResolveError::OutOfMemory => Self::OutOfMemory,
        }
    }
}

impl<'l, P: Platform> Imports<'l, P> {
    /// For a module with these taints of its own.
    pub fn new(
        platform: &'l P,
        registry: &'l Registry<P>,
        taints: Taints,
        namespaces: &'l Namespaces<'l>,
        #[cfg(feature = "versions")] versions: Compared<'l, P>,
    ) -> Self {
        let license = License::stated(taints);
        let (uses, statistics) = (Vec::new(), LinkStatistics::default());
        let load = registry.number_of_load();
        Self {
            platform,
            registry,
            namespaces,
            #[cfg(feature = "versions")]
            versions,
            load,
            license,
            uses,
            statistics,
        }
    }

    /// The address of the symbol of that name, the kernel's before any module's. A module that
    /// provides one is held from then on. A weak symbol that the module may not see for its
    /// licence is as good as undefined.
    pub fn find(&mut self, name: &[u8], binding: Binding) -> Result<Option<u64>, ImportError> {
        let found = match self.find_exported(name) {
            Err(ImportError::Problem(ImportProblem::Coming(owner))) => {
                self.find_waiting(name, owner)
            }
            found => found,
        };
        match found {
            Err(ImportError::Problem(ImportProblem::GplOnly)) if binding == Binding::Weak => {
                Ok(None)
            }
            Ok(_) if self.license.is_violated() => Err(self.proprietary().into()),
            found => found,
        }
    }

    /// As [`find_exported`](Self::find_exported), once the init function of the module that exports
    /// it has returned.
    #[cold]
    #[inline(never)]
    fn find_waiting(&mut self, symbol: &[u8], owner: Name) -> Result<Option<u64>, ImportError> {
        match self.registry.wait_for_exporter(self.platform, symbol) {
            Ok(()) => self.find_exported(symbol),
            Err(WaitError::Interrupted) => Err(ImportProblem::Interrupted(owner).into()),
            Err(WaitError::Unsupported | WaitError::TimedOut) => {
                Err(ImportProblem::Coming(owner).into())
            }
        }
    }

    #[cold]
    fn proprietary(&self) -> ImportProblem {
        let owner = self.uses.iter().find(|used| !used.is_gpl_compatible());
        ImportProblem::Proprietary(owner.map_or((&b""[..]).into(), |owner| owner.name().clone()))
    }

    // Out of line, as `hash` is: together that makes a loader 0.7 KiB smaller.
    #[inline(never)]
    fn find_exported(&mut self, name: &[u8]) -> Result<Option<u64>, ImportError> {
        let Self { platform, registry, .. } = *self;
        if let Some(symbol) = platform.symbol(name)? {
            self.may_use(&symbol)?;
            let from_kernel = &mut self.statistics.from_kernel;
            *from_kernel = from_kernel.saturating_add(1);
            return Ok(Some(symbol.address));
        }
        let found = registry.exporter(name, |symbol, module| {
            self.may_use(symbol)?;
            self.hold(module)?;
            let from_modules = &mut self.statistics.from_modules;
            *from_modules = from_modules.saturating_add(1);
            Ok(symbol.address)
        });
        found.transpose()
    }

    fn may_use(&mut self, symbol: &Symbol<'_>) -> Result<(), ImportProblem> {
        self.license.uses(symbol)?;
        #[cfg(feature = "versions")]
        self.versions.may_use(symbol)?;
        self.namespaces.may_use(symbol.namespace)
    }

    /// Whether the module and all that it uses are GPL-compatible.
    pub fn is_gpl_compatible(&self) -> bool {
        self.license.is_gpl_compatible()
    }

    /// Whether the module was loaded though it lacks what it is compared by.
    #[cfg(feature = "versions")]
    pub fn is_forced(&self) -> bool {
        self.versions.is_forced()
    }

    /// What has been used: the modules, held, and how many symbols.
    pub fn into_uses(self) -> Result<(Uses<P>, LinkStatistics), OutOfMemory> {
        Ok((Uses::new(exact(self.uses)?), self.statistics))
    }

    /// Holds a module, whether or not it is held already.
    fn hold(&mut self, module: &Module<P>) -> Result<(), ImportError> {
        let name = || module.name().clone();
        if module.state() == State::Coming {
            return Err(ImportProblem::Coming(name()).into());
        }
        let reference = Reference::take(module).ok_or_else(|| match module.state() {
            State::Faulted => ImportProblem::Faulted(name()),
            _ => ImportProblem::Going(name()),
        })?;
        self.license.inherit(module.is_gpl_compatible());
        let is_held = || self.uses.iter().any(|used| used.is_to(module));
        if module.is_new_to(self.load).unwrap_or_else(|| !is_held()) {
            self.uses.try_reserve(1).map_err(OutOfMemory::from)?;
            self.uses.push(reference);
        }
        Ok(())
    }
}
