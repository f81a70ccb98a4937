//! Which symbols a module may use, and what it then holds on to.

use crate::error::ImportProblem;
use crate::image::Binding;
use crate::module::{Identity, License, Namespaces, Reference, Work};
use crate::platform::Platform;
use crate::registry::{Holder, Registry};
use crate::symbols::Symbol;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Looks up the undefined symbols of a module that is being linked.
pub(crate) struct Imports<'l, P: Platform> {
    platform: &'l P,
    registry: &'l Registry<P>,
    namespaces: &'l Namespaces<'l>,
    license: License,
    uses: Vec<Reference<P>>,
    work: Work,
}

impl<'l, P: Platform> Imports<'l, P> {
    pub fn new(
        platform: &'l P,
        registry: &'l Registry<P>,
        identity: &Identity<'l>,
        namespaces: &'l Namespaces<'l>,
    ) -> Self {
        let license = License::stated(&identity.modinfo);
        let (uses, work) = (Vec::new(), Work::default());
        Self { platform, registry, namespaces, license, uses, work }
    }

    /// The address of the symbol of that name, the kernel's before any module's. A module that
    /// provides one is held from then on. A weak symbol that the module may not see for its
    /// licence is as good as undefined.
    pub fn find(&mut self, name: &[u8], binding: Binding) -> Result<Option<u64>, ImportProblem> {
        match self.find_exported(name) {
            Err(ImportProblem::GplOnly) if binding == Binding::Weak => Ok(None),
            Ok(_) if self.license.is_violated() => Err(self.proprietary()),
            found => found,
        }
    }

    #[cold]
    fn proprietary(&self) -> ImportProblem {
        let owner = self.uses.iter().find(|used| !used.is_gpl_compatible());
        ImportProblem::Proprietary(owner.map_or((&b""[..]).into(), |owner| owner.name().clone()))
    }

    // Out of line, as `hash` is: together that makes a loader 0.7 KiB smaller.
    #[inline(never)]
    fn find_exported(&mut self, name: &[u8]) -> Result<Option<u64>, ImportProblem> {
        let Self { platform, registry, namespaces, license, .. } = self;
        let mut may_use = |symbol: &Symbol<'_>| {
            license.uses(symbol)?;
            namespaces.may_use(symbol.namespace)
        };
        if let Some(symbol) = platform.symbol(name) {
            may_use(&symbol)?;
            self.work.from_kernel = self.work.from_kernel.saturating_add(1);
            return Ok(Some(symbol.address));
        }
        let Some(export) = registry.exporter(name, may_use)? else {
            return Ok(None);
        };
        self.hold(export.holder)?;
        self.work.from_modules = self.work.from_modules.saturating_add(1);
        Ok(Some(export.address))
    }

    /// Whether the module and all that it uses are GPL-compatible.
    pub fn is_gpl_compatible(&self) -> bool {
        self.license.is_gpl_compatible()
    }

    /// What has been used: the modules, held, and the numbers of symbols.
    pub fn into_uses(self) -> (Box<[Reference<P>]>, Work) {
        (self.uses.into_boxed_slice(), self.work)
    }

    fn hold(&mut self, holder: Holder<P>) -> Result<(), ImportProblem> {
        let reference = match holder {
            Holder::Coming(name) => return Err(ImportProblem::Coming(name)),
            Holder::Going(name) => return Err(ImportProblem::Going(name)),
            Holder::Live(reference) => reference,
        };
        self.license.inherit(reference.is_gpl_compatible());
        if !self.uses.iter().any(|used| used.is_same(&reference)) {
            self.uses.try_reserve_exact(1).map_err(|_| ImportProblem::OutOfMemory)?;
            self.uses.push(reference);
        }
        Ok(())
    }
}
