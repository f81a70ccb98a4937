//! Which symbols a module may use, and what it then holds on to.

use crate::error::ImportProblem;
use crate::image::Binding;
use crate::module::{Figures, Identity, Reference};
use crate::name::Name;
use crate::platform::Platform;
use crate::registry::{Holder, Registry};
use alloc::vec::Vec;

/// Looks up the undefined symbols of a module that is being linked.
pub(crate) struct Imports<'l, P: Platform> {
    platform: &'l P,
    registry: &'l Registry<P>,
    identity: Identity<'l>,
    uses: Vec<Reference<P>>,
    from_kernel: usize,
    from_modules: usize,
}

impl<'l, P: Platform> Imports<'l, P> {
    pub fn new(platform: &'l P, registry: &'l Registry<P>, identity: Identity<'l>) -> Self {
        Self { platform, registry, identity, uses: Vec::new(), from_kernel: 0, from_modules: 0 }
    }

    /// The address of the symbol of that name, the kernel's before any module's. A module that
    /// provides one is held from then on. A weak symbol that the module may not see for its
    /// licence is as good as undefined.
    pub fn find(&mut self, name: &[u8], binding: Binding) -> Result<Option<u64>, ImportProblem> {
        match self.find_exported(name) {
            Err(ImportProblem::GplOnly) if binding == Binding::Weak => Ok(None),
            found => found,
        }
    }

    fn find_exported(&mut self, name: &[u8]) -> Result<Option<u64>, ImportProblem> {
        if let Some(symbol) = self.platform.symbol(name) {
            self.may_use(symbol.gpl_only, symbol.namespace)?;
            self.from_kernel = self.from_kernel.saturating_add(1);
            return Ok(Some(symbol.address));
        }
        let Some(export) = self.registry.exporter(name) else {
            return Ok(None);
        };
        let namespace = export.namespace.as_ref().map_or(&b""[..], Name::as_bytes);
        self.may_use(export.gpl_only, namespace)?;
        self.hold(export.holder)?;
        self.from_modules = self.from_modules.saturating_add(1);
        Ok(Some(export.address))
    }

    /// What has been used: the modules, held, and the numbers of symbols.
    pub fn into_uses(self, figures: &mut Figures) -> Vec<Reference<P>> {
        figures.from_kernel = self.from_kernel;
        figures.from_modules = self.from_modules;
        self.uses
    }

    fn may_use(&self, gpl_only: bool, namespace: &[u8]) -> Result<(), ImportProblem> {
        if gpl_only && !self.identity.gpl_compatible {
            return Err(ImportProblem::GplOnly);
        }
        if !namespace.is_empty() && !self.identity.imports_namespace(namespace) {
            return Err(ImportProblem::Namespace(namespace.into()));
        }
        Ok(())
    }

    fn hold(&mut self, holder: Holder<P>) -> Result<(), ImportProblem> {
        let reference = match holder {
            Holder::Coming(name) => return Err(ImportProblem::Coming(name)),
            Holder::Going(name) => return Err(ImportProblem::Going(name)),
            Holder::Live(reference) => reference,
        };
        if !self.uses.iter().any(|used| used.is_same(&reference)) {
            self.uses.try_reserve(1).map_err(|_| ImportProblem::OutOfMemory)?;
            self.uses.push(reference);
        }
        Ok(())
    }
}
