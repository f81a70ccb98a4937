//! Whether a module may use symbols that are for GPL-compatible modules only.

use super::Taints;
use crate::error::ImportProblem;
use crate::image::ModInfo;
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

/// Whether a module states one of these.
pub(crate) fn is_stated(modinfo: &ModInfo<'_>) -> bool {
    GPL_COMPATIBLE.contains(&modinfo.get(b"license").unwrap_or_default())
}

/// The licence of a module that is being linked. Who uses symbols of a proprietary module counts as
/// proprietary too (Linux 5.9), so that nobody gets at symbols for the GPL through a third module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct License {
    /// Whether it states a compatible one.
    stated_compatible: bool,
    /// Whether it uses symbols that are for GPL-compatible modules only.
    uses_gpl_only: bool,
    /// Whether it uses symbols of proprietary modules.
    uses_proprietary: bool,
}

impl License {
    /// The one that the module states, as its taints have it.
    pub fn stated(taints: Taints) -> Self {
        let stated_compatible = !taints.contains(Taints::PROPRIETARY_MODULE);
        Self { stated_compatible, uses_gpl_only: false, uses_proprietary: false }
    }

    /// Whether it is compatible with the GPL, and so are those of the modules that it uses.
    pub fn is_gpl_compatible(self) -> bool {
        self.stated_compatible && !self.uses_proprietary
    }

    /// Takes note that the module uses this symbol.
    ///
    /// # Errors
    /// [`ImportProblem::GplOnly`] if it may not, whatever else it uses.
    pub fn uses(&mut self, symbol: &Symbol<'_>) -> Result<(), ImportProblem> {
        self.uses_gpl_only |= symbol.gpl_only;
        if symbol.gpl_only && !self.stated_compatible {
            return Err(ImportProblem::GplOnly);
        }
        Ok(())
    }

    /// Takes note that the module uses symbols of a module under this licence.
    pub fn inherit(&mut self, is_gpl_compatible: bool) {
        self.uses_proprietary |= !is_gpl_compatible;
    }

    /// Whether it uses what does not go together, whichever of both came first.
    pub fn is_violated(self) -> bool {
        self.stated_compatible && self.uses_gpl_only && self.uses_proprietary
    }
}
