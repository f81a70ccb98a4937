//! Whether a module may use symbols that are for GPL-compatible modules only.

use super::Module;
use crate::error::ImportProblem;
use crate::image::ModInfo;
use crate::name::Name;
use crate::platform::Platform;
use crate::symbols::Symbol;

/// The licences that Linux takes as compatible with the GPL (`license_is_gpl_compatible`).
const GPL_COMPATIBLE: [&[u8]; 6] = [
    b"GPL",
    b"GPL v2",
    b"GPL and additional rights",
    b"Dual BSD/GPL",
    b"Dual MIT/GPL",
    b"Dual MPL/GPL",
];

/// The licence of a module that is being linked. Who uses symbols of a proprietary module counts as
/// proprietary too (Linux 5.9), so that nobody gets at symbols for the GPL through a third module.
#[derive(Debug)]
pub(crate) struct License {
    stated_compatible: bool,
    uses_gpl_only: bool,
    /// A proprietary module whose symbols it uses though it states a compatible licence itself.
    inherited_from: Option<Name>,
}

impl License {
    /// The one that the module states.
    pub fn stated(modinfo: &ModInfo<'_>) -> Self {
        let license = modinfo.get(b"license").unwrap_or_default();
        let stated_compatible = GPL_COMPATIBLE.contains(&license);
        Self { stated_compatible, uses_gpl_only: false, inherited_from: None }
    }

    /// Whether it is compatible with the GPL, and so are those of the modules that it uses.
    pub fn is_gpl_compatible(&self) -> bool {
        self.stated_compatible && self.inherited_from.is_none()
    }

    /// Whether the module may use a symbol.
    ///
    /// # Errors
    /// [`ImportProblem::GplOnly`] and [`ImportProblem::Proprietary`].
    pub fn may_use(&mut self, symbol: &Symbol<'_>) -> Result<(), ImportProblem> {
        if !symbol.gpl_only {
            return Ok(());
        }
        if !self.stated_compatible {
            return Err(ImportProblem::GplOnly);
        }
        self.uses_gpl_only = true;
        self.check()
    }

    /// Takes over the licence of a module whose symbols are used, if that is proprietary.
    ///
    /// # Errors
    /// [`ImportProblem::Proprietary`].
    pub fn inherit<P: Platform>(&mut self, owner: &Module<P>) -> Result<(), ImportProblem> {
        if owner.is_gpl_compatible() || !self.is_gpl_compatible() {
            return Ok(());
        }
        self.inherited_from = Some(owner.name().clone());
        self.check()
    }

    /// Whichever of both is used first, they do not go together.
    fn check(&self) -> Result<(), ImportProblem> {
        match &self.inherited_from {
            Some(owner) if self.uses_gpl_only => Err(ImportProblem::Proprietary(owner.clone())),
            _ => Ok(()),
        }
    }
}
