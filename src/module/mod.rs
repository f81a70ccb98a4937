//! A loaded module: the memory that it owns, its state, who uses it and whom it uses.

pub(crate) mod denied;
mod disabled;
mod entry;
mod identity;
mod ignored;
mod license;
mod memory;
pub(crate) mod namespace;
mod parts;
mod reach;
mod references;

pub(crate) use disabled::Disabled;
pub(crate) use entry::EntryPoints;
pub use entry::EntryProblem;
pub(crate) use identity::Identity;
pub use identity::{IdentityProblem, max_name};
pub(crate) use ignored::Ignored;
pub(crate) use license::License;
pub(crate) use memory::Room;
pub use namespace::MAX_NAMESPACES;
pub(crate) use namespace::Namespaces;
pub(crate) use parts::Parts;
pub use references::{Reference, State};

use crate::image::KnownSection;
use crate::name::Name;
use crate::platform::{Platform, Protected, ProtectedMemory};
use crate::symbols::{ExportTables, Exports, Symbol};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
pub(crate) use references::References;

/// What a load did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes that stay for as long as the module is loaded.
    pub core: u64,
    /// Bytes that are needed until it has started.
    pub init: u64,
    /// Whether both parts are one block, so that the init part stays.
    pub joined: bool,
    /// Relocations that were applied.
    pub relocations: usize,
    /// Symbols that the kernel provides to it.
    pub from_kernel: usize,
    /// Symbols that other modules provide to it.
    pub from_modules: usize,
}

/// What linking a module came to; no more of either than entries in a file of 4 GiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    pub relocations: u32,
    pub from_kernel: u32,
    pub from_modules: u32,
}

/// A module in the registry.
pub struct Module<P: Platform> {
    pub(crate) name: Name,
    pub(crate) arguments: Vec<u8>,
    pub(crate) gpl_compatible: bool,
    /// Whether it has a start.
    pub(crate) starts: bool,
    /// Where its exit function is, as an offset in its core part.
    pub(crate) exit: Option<u32>,
    pub(crate) ignored: Ignored,
    pub(crate) work: Work,
    pub(crate) exports: Exports<P::Arch>,
    pub(crate) uses: Box<[Reference<P>]>,
    pub(crate) references: References,
    pub(crate) parts: Parts<Protected<P>>,
}

impl<P: Platform> Module<P> {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The arguments that it was loaded with.
    pub fn arguments(&self) -> &[u8] {
        &self.arguments
    }

    /// The address of its exit function, if it has one.
    pub(crate) fn exit(&self) -> Option<u64> {
        self.exit.map(|offset| self.core().start.wrapping_add(offset.into()))
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.references.state()
    }

    /// How many references to it there are: one for each module that uses it, and those that
    /// somebody got from the loader.
    pub fn references(&self) -> u32 {
        self.references.count()
    }

    /// The modules whose symbols it uses.
    pub fn uses(&self) -> impl Iterator<Item = &Module<P>> {
        self.uses.iter().map(|used| &**used)
    }

    /// What its load did.
    pub fn figures(&self) -> Figures {
        let Work { relocations, from_kernel, from_modules } = self.work;
        Figures {
            core: self.parts.core_size.into(),
            init: self.parts.init_size.into(),
            joined: self.parts.joined,
            relocations: relocations as usize,
            from_kernel: from_kernel as usize,
            from_modules: from_modules as usize,
        }
    }

    /// Whether its licence is compatible with the GPL, and so are those of the modules that it
    /// uses.
    pub fn is_gpl_compatible(&self) -> bool {
        self.gpl_compatible
    }

    /// The sections that it has and that nobody does anything about, by their names in the
    /// [table](crate::image::KnownSection::name).
    pub fn ignored_sections(&self) -> impl Iterator<Item = &'static str> {
        self.ignored.all().map(KnownSection::name)
    }

    /// The addresses of its core part.
    pub fn core(&self) -> Range<u64> {
        self.parts.core_range()
    }

    /// The addresses of its init part, while it is there.
    pub fn init(&self) -> Option<Range<u64>> {
        self.parts.init_range()
    }

    /// The symbol of that name that it exports.
    pub fn export(&self, name: &[u8]) -> Option<Symbol<'_>> {
        self.export_tables().find(name)
    }

    /// The symbol of that number among those that it exports, if this is its name.
    pub(crate) fn export_named(&self, number: usize, name: &[u8]) -> Option<Symbol<'_>> {
        self.export_tables().named(number, name)
    }

    /// All symbols that it exports, in the order of their numbers.
    pub fn exports(&self) -> impl Iterator<Item = Symbol<'_>> {
        self.export_tables().into_iter()
    }

    /// Whether it uses a symbol of `other`.
    pub fn is_user_of(&self, other: &Self) -> bool {
        self.uses.iter().any(|used| used.is_to(other))
    }

    fn export_tables(&self) -> ExportTables<'_, P::Arch> {
        let constants = self.exports.constants();
        let core = &self.parts.core;
        let address = core.address().wrapping_add(constants.start as u64);
        self.exports.tables(core.read_only(constants).unwrap_or_default(), address)
    }
}

impl<P: Platform> core::fmt::Debug for Module<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name)
            .field("state", &self.state())
            .field("references", &self.references())
            .field("figures", &self.figures())
            .finish_non_exhaustive()
    }
}
