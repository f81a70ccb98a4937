//! A loaded module: the memory that it owns, its state, who uses it and whom it uses.

mod core_memory;
mod count;
pub(crate) mod denied;
mod disabled;
mod entry;
#[cfg(feature = "exceptions")]
mod exceptions;
mod header;
#[cfg(feature = "proc")]
mod identity;
mod ignored;
#[cfg(feature = "kallsyms")]
mod kallsyms;
mod license;
mod memory;
pub(crate) mod modinfo;
pub(crate) mod namespace;
mod options;
mod reach;
mod references;
mod sections;
mod state;
mod taints;
mod uses;
#[cfg(feature = "versions")]
pub(crate) mod vermagic;
#[cfg(feature = "versions")]
mod versions;

pub(crate) use core_memory::CoreMemory;
pub(crate) use count::Count;
pub(crate) use disabled::Disabled;
pub(crate) use entry::EntryPoints;
pub use entry::EntryProblem;
#[cfg(feature = "exceptions")]
pub(crate) use exceptions::Exceptions;
#[cfg(feature = "proc")]
pub(crate) use identity::Identity;
#[cfg(feature = "proc")]
pub use identity::MAX_IDENTITY;
pub(crate) use ignored::Ignored;
#[cfg(feature = "kallsyms")]
pub(crate) use kallsyms::KeptSymbols;
#[cfg(feature = "kallsyms")]
pub use kallsyms::{Kallsym, Kallsyms, Symbolized};
pub(crate) use license::License;
pub(crate) use memory::Memory;
pub use modinfo::{ModInfoProblem, max_name};
pub use namespace::MAX_NAMESPACES;
pub(crate) use namespace::Namespaces;
pub use options::LoadOptions;
pub use references::{Handle, Reference};
pub use sections::LoadedSection;
pub(crate) use sections::Sections;
pub use state::State;
pub(crate) use taints::Marks;
pub use taints::Taints;
pub(crate) use uses::Uses;
#[cfg(feature = "versions")]
pub(crate) use versions::Compared;
#[cfg(feature = "versions")]
pub use versions::{Unversioned, Versions, VersionsProblem};

use crate::image::KnownSection;
use crate::name::Name;
#[cfg(feature = "parameters")]
use crate::parameters::Parameters;
use crate::platform::{Platform, Protected, ProtectedMemory};
use crate::symbols::{ExportTables, Exports, Symbol};
use crate::sync::{AtomicPtr, AtomicU16, AtomicU32, Ordering};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::ops::Range;
use core::ptr;
use header::Header;

/// What a load came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes that stay for as long as the module is loaded.
    pub core: u64,
    /// Bytes that are needed until its init function has returned.
    pub init: u64,
    /// Whether both parts are one block, so that the init part stays.
    pub contiguous: bool,
    /// Relocations that were applied.
    pub relocations: usize,
    /// Symbols that the kernel provides to it.
    pub from_kernel: usize,
    /// Symbols that other modules provide to it.
    pub from_modules: usize,
}

/// What linking a module came to; no more of either than entries in a file of 4 GiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LinkStatistics {
    pub relocations: u32,
    pub from_kernel: u32,
    pub from_modules: u32,
}

/// A module in the registry.
///
/// Who has one from outside of `registry` and this file has a reference to it, or the registry
/// pinned: its content is there.
pub struct Module<P: Platform> {
    /// The next that waits to be freed.
    pub(crate) next: AtomicPtr<Self>,
    header: Header<Content<P>>,
    name: Name,
}

/// What there is of a module from when it is listed until it is out of use.
pub(crate) struct Content<P: Platform> {
    pub extra: Option<Box<Extra>>,
    /// Its taints, and whether it has an init function.
    pub marks: Marks,
    /// Where its exit function is, as an offset in its core part plus 1, which a part has room for:
    /// half the size of an offset that may not be there.
    pub exit: Option<NonZeroU32>,
    pub ignored: Ignored,
    pub statistics: LinkStatistics,
    /// None if it exports nothing.
    pub exports: Option<Box<Exports<P::Arch>>>,
    pub uses: Uses<P>,
    #[cfg(feature = "parameters")]
    pub parameters: Parameters,
    /// The highest number of a load that has used it.
    pub last_load: AtomicU32,
    pub core: CoreMemory<Protected<P>>,
    #[cfg(feature = "kallsyms")]
    pub kallsyms: KeptSymbols,
}

/// What few modules have.
pub(crate) struct Extra {
    pub arguments: Vec<u8>,
    pub sections: Sections,
    #[cfg(feature = "exceptions")]
    pub exceptions: Exceptions,
    /// Every module has this.
    #[cfg(feature = "proc")]
    pub identity: Identity,
}

impl Extra {
    /// Whether there is anything of it.
    pub fn is_needed(&self) -> bool {
        #[cfg(feature = "exceptions")]
        if !self.exceptions.is_empty() {
            return true;
        }
        cfg!(feature = "proc") || !self.arguments.is_empty() || !self.sections.is_empty()
    }
}

impl<P: Platform> Module<P> {
    /// A module of which the name alone is known.
    pub(crate) fn named(name: Name) -> Self {
        Self { next: AtomicPtr::new(ptr::null_mut()), header: Header::new(), name }
    }

    /// Room for the mark of the moment from which on no reader finds it.
    pub(crate) fn retirement(&self) -> &AtomicU16 {
        &self.header.retired
    }

    /// What all can see who see the name.
    pub(crate) fn count(&self) -> &Count {
        &self.header.count
    }

    pub(crate) fn content(&self) -> &Content<P> {
        // SAFETY: it is there for whoever has a module.
        unsafe { self.header.content() }
    }

    /// Puts the content in.
    ///
    /// # Safety
    /// There is none, and nobody looks at it yet.
    pub(crate) unsafe fn fill(&self, content: Content<P>) {
        // SAFETY: the caller's promise.
        unsafe { self.header.fill(content) };
    }

    /// Puts the references to the modules that it uses, unless somebody has a reference to it. It is
    /// gone: nobody gets one any more.
    pub(crate) fn put_uses(&self) {
        if self.count().is_filled() && self.count().references() == 0 {
            // SAFETY: it is closed, so that there will be no references.
            unsafe { self.content().uses.put() };
        }
    }

    /// Drops the content, unless somebody has a reference. Whether nobody has a reference or a
    /// handle.
    ///
    /// # Safety
    /// The module is gone, and who has pinned before that is done.
    pub(crate) unsafe fn empty(&self) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.header.empty() }
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The arguments that it was loaded with.
    pub fn arguments(&self) -> &[u8] {
        self.content().extra.as_ref().map_or(&[][..], |extra| &extra.arguments)
    }

    /// The address of its exit function, if it has one.
    pub(crate) fn exit(&self) -> Option<u64> {
        let offset = self.content().exit?.get().wrapping_sub(1);
        Some(self.core().start.wrapping_add(offset.into()))
    }

    /// Whether it has an init and no exit function, so that it is here to stay.
    pub(crate) fn is_permanent(&self) -> bool {
        let Content { marks, exit, .. } = self.content();
        marks.has_init() && exit.is_none()
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.count().state()
    }

    /// How many references to it there are: one for each module that uses it, and those that
    /// somebody got from the loader.
    pub fn references(&self) -> u32 {
        self.count().references()
    }

    /// The modules whose symbols it uses.
    pub fn uses(&self) -> impl Iterator<Item = &Module<P>> {
        self.content().uses.iter()
    }

    /// What its load did.
    pub fn statistics(&self) -> Statistics {
        let Content { statistics, core: memory, .. } = self.content();
        let LinkStatistics { relocations, from_kernel, from_modules } = *statistics;
        Statistics {
            core: memory.size.into(),
            init: memory.init_size.into(),
            contiguous: memory.contiguous,
            relocations: relocations as usize,
            from_kernel: from_kernel as usize,
            from_modules: from_modules as usize,
        }
    }

    /// Whether its licence is compatible with the GPL, and so are those of the modules that it
    /// uses.
    pub fn is_gpl_compatible(&self) -> bool {
        !self.taints().contains(Taints::PROPRIETARY_MODULE)
    }

    /// Why it is not beyond suspicion.
    pub fn taints(&self) -> Taints {
        self.content().marks.taints()
    }

    /// Whether it was loaded though it lacks something that the kernel is compared by
    /// ([`Platform::force_load`]; Linux: taint `F`).
    #[cfg(feature = "versions")]
    pub fn is_forced(&self) -> bool {
        self.taints().contains(Taints::FORCED_MODULE)
    }

    /// The sections that it has and that nobody does anything about, by their names in the
    /// [table](crate::image::KnownSection::name).
    pub fn ignored_sections(&self) -> impl Iterator<Item = &'static str> {
        self.content().ignored.all().map(KnownSection::name)
    }

    /// The sections that the kernel has said it [provides](crate::platform::Provision::Provided) for,
    /// or all that are loaded if it [keeps all](Platform::keep_all_sections), in the order of their
    /// headers; those of the init part while that is there. Not those that the loader alone reads,
    /// such as `.modinfo`; and none with a name of more than 255 bytes, the longest of a file in Linux.
    pub fn sections(&self) -> impl Iterator<Item = LoadedSection<'_>> {
        let Content { extra, core, .. } = self.content();
        let (core, init) = (core.range().start, core.init_range().map(|init| init.start));
        extra.iter().flat_map(move |extra| extra.sections.iter(core, init))
    }

    /// The first of [these](Self::sections) that has that name.
    pub fn section(&self, name: &[u8]) -> Option<LoadedSection<'_>> {
        self.sections().find(|section| section.name == name)
    }

    /// What it calls its version (`.modinfo`: `version=`), of a long one the first [`MAX_IDENTITY`]
    /// bytes.
    #[cfg(feature = "proc")]
    pub fn version(&self) -> Option<&[u8]> {
        self.identity(b"version")
    }

    /// The hash of its sources that it was built with (`srcversion=`).
    #[cfg(feature = "proc")]
    pub fn srcversion(&self) -> Option<&[u8]> {
        self.identity(b"srcversion")
    }

    /// The licence that it states (`license=`), whatever the modules that it uses state.
    #[cfg(feature = "proc")]
    pub fn license(&self) -> Option<&[u8]> {
        self.identity(b"license")
    }

    /// The namespaces of symbols that it imports (`import_ns=`): the first [`MAX_NAMESPACES`] that it names.
    #[cfg(feature = "proc")]
    pub fn imported_namespaces(&self) -> impl Iterator<Item = &[u8]> {
        let identity = self.content().extra.as_ref().map(|extra| &extra.identity);
        identity.into_iter().flat_map(|identity| identity.all(b"import_ns"))
    }

    #[cfg(feature = "proc")]
    fn identity(&self, key: &[u8]) -> Option<&[u8]> {
        self.content().extra.as_ref()?.identity.get(key)
    }

    /// The bytes of its core part.
    #[cfg(feature = "proc")]
    pub(crate) fn core_size(&self) -> u64 {
        self.content().core.size.into()
    }

    /// The bytes of its init part, while it is there.
    #[cfg(feature = "proc")]
    pub(crate) fn init_size(&self) -> u64 {
        self.init().map_or(0, |init| init.end.saturating_sub(init.start))
    }

    /// The addresses of its core part.
    pub fn core(&self) -> Range<u64> {
        self.content().core.range()
    }

    /// The addresses of its init part, while it is there.
    pub fn init(&self) -> Option<Range<u64>> {
        self.content().core.init_range()
    }

    /// The symbol of that name that it exports.
    pub fn export(&self, name: &[u8]) -> Option<Symbol<'_>> {
        self.exports().find(|symbol| symbol.name == name)
    }

    /// The symbol of that index among those that it exports, if this is its name.
    pub(crate) fn export_named(&self, index: usize, name: &[u8]) -> Option<Symbol<'_>> {
        self.export_tables().named(index, name)
    }

    /// All symbols that it exports, in the order of their indices.
    pub fn exports(&self) -> impl Iterator<Item = Symbol<'_>> {
        self.export_tables().into_iter()
    }

    /// Whether it uses a symbol of `other`.
    pub fn is_user_of(&self, other: &Self) -> bool {
        self.content().uses.iter().any(|used| ptr::eq(used, other))
    }

    /// Whether the load of that number uses it for the first time; `None` if that is not known any
    /// more, since a later one has used it.
    pub(crate) fn is_new_to(&self, load: u32) -> Option<bool> {
        let last = self.content().last_load.fetch_max(load, Ordering::Relaxed);
        (last <= load && load != u32::MAX).then_some(last != load)
    }

    fn export_tables(&self) -> ExportTables<'_, P::Arch> {
        self.content().export_tables()
    }
}

impl<P: Platform> Content<P> {
    /// How many symbols it exports.
    pub fn export_count(&self) -> usize {
        self.exports.as_ref().map_or(0, |exports| exports.len())
    }

    /// The symbols that it exports.
    pub fn export_tables(&self) -> ExportTables<'_, P::Arch> {
        let Some(exports) = &self.exports else { return ExportTables::none() };
        let (core, rodata) = (&self.core.memory, exports.rodata());
        let address = core.address().wrapping_add(rodata.start as u64);
        exports.tables(core.read_only(rodata).unwrap_or_default(), address)
    }
}

impl<P: Platform> core::fmt::Debug for Module<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name)
            .field("state", &self.state())
            .field("references", &self.references())
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}
