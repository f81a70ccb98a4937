//! The modules that are listed at one moment, for who tells of all of them.

use super::snapshot::Snapshot;
use crate::module::Module;
use crate::platform::Platform;

/// They, as long as they are pinned: none comes or leaves, though each may change its state.
pub(crate) struct Listing<'s, P: Platform>(pub(super) Option<&'s Snapshot<P>>);

impl<'s, P: Platform> Listing<'s, P> {
    /// All of them, the one listed last first.
    pub fn modules(&self) -> impl Iterator<Item = &'s Module<P>> + use<'s, P> {
        self.0.into_iter().flat_map(|snapshot| snapshot.listed().rev())
    }

    /// Whether a module exports a symbol of that name and address to every module.
    #[cfg(feature = "kallsyms")]
    pub fn is_exported(&self, module: &Module<P>, name: &[u8], address: u64) -> bool {
        self.0.and_then(|snapshot| snapshot.exporter(name)).is_some_and(|(exporter, symbol)| {
            core::ptr::eq(exporter, module) && symbol.address == address && !symbol.gpl_only
        })
    }

    /// Those of them that use a module, the one listed last first.
    pub fn users<'m>(
        &self,
        module: &'m Module<P>,
    ) -> impl Iterator<Item = &'s Module<P>> + use<'s, 'm, P> {
        self.modules().filter(|user| user.is_user_of(module))
    }
}
