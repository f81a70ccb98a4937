//! Load and unload.

#[cfg(feature = "kallsyms")]
mod kallsyms;

#[cfg(feature = "proc")]
use crate::counters::{Counters, Tally};
use crate::errno::Errno;
use crate::error::{LoadError, UnloadError};
#[cfg(feature = "exceptions")]
use crate::exceptions::Exception;
use crate::heap::{OutOfMemory, boxed, boxed_if};
use crate::image::{self, Image, KnownSections, ModInfo};
use crate::imports::Imports;
use crate::link::{Layout, Plan};
#[cfg(feature = "versions")]
use crate::module::Compared;
#[cfg(feature = "exceptions")]
use crate::module::Exceptions;
#[cfg(feature = "kallsyms")]
use crate::module::KeptSymbols;
use crate::module::{
    Content, Disabled, EntryPoints, Extra, Ignored, LinkStatistics, LoadOptions, Marks, Memory,
    Module, Namespaces, Reference, Sections, State, Taints, denied, modinfo,
};
#[cfg(feature = "proc")]
use crate::module::{Identity, Statistics};
use crate::name::ModuleName;
#[cfg(feature = "notifiers")]
use crate::notifiers::{Notifier, Notifiers, Registration};
#[cfg(feature = "parameters")]
use crate::parameters::Parameters;
use crate::platform::{Event, Faulted, Level, Platform, Protected, WaitError, page_size};
#[cfg(feature = "proc")]
use crate::registry::Listing;
use crate::registry::{Files, Listed, Registry};
use crate::symbols::{Exports, Symbol};
use crate::sync::{AtomicU32, Ordering};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;
use core::time::Duration;

/// The module loader of a kernel.
///
/// Dropping it leaves the modules that are loaded where they are, for ever: their code may be
/// running.
pub struct Loader<P: Platform> {
    platform: P,
    registry: Registry<P>,
    disabled: Disabled,
    /// The bits of [`Taints`].
    tainted: AtomicU32,
    /// Those that [`finit_module`](crate::syscall::finit_module) is loading.
    files: Files,
    #[cfg(feature = "notifiers")]
    notifiers: Notifiers<P>,
    #[cfg(feature = "proc")]
    tally: Tally,
}

/// An address that a module or the kernel exports.
#[must_use = "the module that exports it can be unloaded once it is dropped"]
#[derive(Debug)]
pub struct Exported<P: Platform> {
    /// The address.
    pub address: u64,
    /// Keeps the module that exports it loaded; `None` if it is the kernel.
    pub owner: Option<Reference<P>>,
}

/// A function that a module or the kernel exports; a module stays loaded for as long as this value
/// lives. Dereferences to the function pointer.
#[must_use = "the module that exports it can be unloaded once it is dropped"]
#[derive(Debug)]
pub struct Function<P: Platform, F> {
    function: F,
    owner: Option<Reference<P>>,
}

impl<P: Platform, F> Function<P, F> {
    /// The module that exports it; `None` if it is the kernel.
    pub fn owner(&self) -> Option<&Module<P>> {
        self.owner.as_deref()
    }
}

impl<P: Platform, F> Deref for Function<P, F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.function
    }
}

impl<P: Platform> Loader<P> {
    /// A loader with no modules.
    pub const fn new(platform: P) -> Self {
        Self {
            platform,
            registry: Registry::new(),
            disabled: Disabled::new(),
            tainted: AtomicU32::new(0),
            files: Files::new(),
            #[cfg(feature = "notifiers")]
            notifiers: Notifiers::new(),
            #[cfg(feature = "proc")]
            tally: Tally::new(),
        }
    }

    /// The kernel that it is part of.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// Loads the module that `file` holds, without arguments, and runs its init function. Returns a
    /// reference to it: the module can be unloaded once that has been dropped.
    ///
    /// From a thread: it allocates, and calls the platform, which may sleep. It holds no lock, and
    /// what others change at the same time is looked at again instead of waited for.
    ///
    /// # Errors
    /// The first step that fails. Everything that was taken by then has been freed, or is by
    /// [`reap`](Self::reap) if somebody was looking at it.
    pub fn load(&self, file: &[u8]) -> Result<Reference<P>, LoadError> {
        self.load_reading(file, LoadOptions::default(), || Ok(Vec::new()))
    }

    /// As [`load`](Self::load), with arguments, which are copied.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn load_with(&self, file: &[u8], arguments: &[u8]) -> Result<Reference<P>, LoadError> {
        self.load_reading(file, LoadOptions::default(), || {
            let mut copy = Vec::new();
            copy.try_reserve_exact(arguments.len()).map_err(|_| Errno::ENOMEM)?;
            copy.extend_from_slice(arguments);
            Ok(copy)
        })
    }

    /// As [`load`](Self::load); `arguments` reads them from where they are, once the module is
    /// linked, which is when Linux does; `options` say what else is to be otherwise.
    ///
    /// # Errors
    /// As for [`load`](Self::load); [`LoadError::Arguments`] if they cannot be read.
    pub fn load_reading(
        &self,
        file: &[u8],
        options: LoadOptions,
        arguments: impl FnOnce() -> Result<Vec<u8>, Errno>,
    ) -> Result<Reference<P>, LoadError> {
        #[cfg(feature = "proc")]
        let begun = self.platform.clock();
        let loaded = self.load_uncounted(file, options, arguments);
        #[cfg(feature = "proc")]
        self.count_load(&loaded, file, begun);
        loaded
    }

    fn load_uncounted(
        &self,
        file: &[u8],
        #[cfg_attr(
            not(feature = "versions"),
            expect(unused_variables, reason = "what they leave out is not done")
        )]
        options: LoadOptions,
        arguments: impl FnOnce() -> Result<Vec<u8>, Errno>,
    ) -> Result<Reference<P>, LoadError> {
        self.disabled.check(LoadError::Disabled)?;
        // Whoever vouches for code sees the file before anything of it is parsed.
        self.platform.verify(file).map_err(LoadError::Refused)?;
        let image = Image::<P::Arch>::check(file, P::MAX_MODULE_SIZE)?;
        image.check_alignments(P::MAX_ALIGN)?;
        let name = modinfo::name::<P::Arch>(image.modinfo())?;
        // Policy decides about what has been checked, and before anything is taken for it.
        self.admit(&image, name)?;
        #[cfg(feature = "versions")]
        let mut versions = Compared::check(&self.platform, &self.tainted, name, &image, options)?;
        let (ignored, provided) = Ignored::check(&self.platform, &image)?;
        // May wait for another load of this name, so no memory is held yet (as in Linux 6.4).
        let reservation = self.registry.reserve(&self.platform, name)?;
        let mut taints = self.taint_by(name, file, image.modinfo());
        #[cfg(feature = "versions")]
        versions.check_exports(&image)?;

        let plan = Plan::boxed(&image, page_size::<P::Memory>())?;
        // The image bounds the sum of the sections' sizes; what is between them counts too.
        let (size, limit) = (plan.size(), P::MAX_MODULE_SIZE);
        if size > limit {
            return Err(image::Error::TooLarge { size, limit }.into());
        }
        let mut memory = Memory::allocate(&self.platform, &plan)?;
        let (core, init) = memory.blocks();
        let mut placed = plan.place(&image, core, init)?;

        // Not before: Linux looks at them with the first symbol that is in one.
        let namespaces = Namespaces::of(name, image.modinfo())?;
        let mut imports = Imports::new(
            &self.platform,
            &self.registry,
            taints,
            &namespaces,
            #[cfg(feature = "versions")]
            versions,
        );
        let values = placed.resolve(&image, |name, binding| imports.find(name, binding))?;
        let relocations = placed.relocate(&image, &values)?;
        #[cfg(feature = "exceptions")]
        let exceptions = Exceptions::check(&image, &plan, &mut placed)?;

        // The addresses that both are about have just been written by relocations.
        let exports = Exports::check(&image, &plan, &placed)?;
        let entry = EntryPoints::find(&image, &plan, &placed)?;
        // When Linux copies them: a bad address is told only of a module that is good.
        let arguments = arguments().map_err(LoadError::of_arguments)?;
        let extra = self.extra(
            arguments,
            &image,
            &plan,
            provided,
            #[cfg(feature = "exceptions")]
            exceptions,
        )?;
        #[cfg(feature = "kallsyms")]
        let kallsyms = KeptSymbols::of(&image, &plan, P::KALLSYMS)?;
        let exports = boxed_if(exports.len() != 0, exports)?;
        taints.set(Taints::PROPRIETARY_MODULE, !imports.is_gpl_compatible());
        #[cfg(feature = "versions")]
        taints.set(Taints::FORCED_MODULE, imports.is_forced());
        let (uses, statistics) = imports.into_uses()?;
        #[cfg(feature = "parameters")]
        let parameters = Parameters::check(&self.platform, &image, &plan, &placed, &uses)?;

        // Before anybody finds it: exports are read where they are, which nobody may write any more.
        let Memory { core, init } =
            memory.protect(&plan, page_size::<P::Memory>()).map_err(|_| LoadError::Protect)?;
        let relocations = u32::try_from(relocations).unwrap_or(u32::MAX);
        let content = Content {
            extra,
            marks: Marks::new(taints, entry.init.is_some()),
            exit: entry.exit.and_then(|address| core.offset_plus_1(address)),
            ignored,
            uses,
            last_load: AtomicU32::new(0),
            statistics: LinkStatistics { relocations, ..statistics },
            exports,
            #[cfg(feature = "parameters")]
            parameters,
            core,
            #[cfg(feature = "kallsyms")]
            kallsyms,
        };
        // Others find it from here on, and use its exports once its init function has returned.
        let coming = reservation.list(content)?;
        self.run_init(coming, entry.init, init, &plan.core)
    }

    /// Whether this module may be loaded, and the kernel is such that any may.
    fn admit(&self, image: &Image<'_, P::Arch>, name: &[u8]) -> Result<(), LoadError> {
        // No symbol has this name: a table that is broken is told even to who needs nothing of it.
        self.platform.symbol(b"")?;
        denied::check(&self.platform, name)?;
        self.platform.permit(image).map_err(LoadError::Refused)
    }

    /// The taints of a module that has its name, which are the kernel's from now on, whatever becomes
    /// of the load (as since Linux 6.4; before, whatever becomes of the name).
    #[inline(never)]
    fn taint_by(&self, name: &[u8], file: &[u8], modinfo: &ModInfo<'_>) -> Taints {
        let mut taints = Taints::stated(modinfo);
        taints.set(Taints::UNSIGNED_MODULE, !self.platform.is_verified(file));
        self.taint_for(name, taints);
        taints
    }

    /// Taints the kernel for a module of that name, and says why if that is new.
    fn taint_for(&self, name: &[u8], taints: Taints) {
        let new = self.taint(taints);
        if !new.is_empty() {
            let (name, why) = (name.escape_ascii(), new.reasons());
            self.platform.log(Level::Warning, format_args!("module {name}: {why}"));
        }
    }

    /// What few modules have. `provided` are the sections that the kernel provides for.
    fn extra(
        &self,
        arguments: Vec<u8>,
        image: &Image<'_, P::Arch>,
        plan: &Plan,
        provided: KnownSections,
        #[cfg(feature = "exceptions")] exceptions: Exceptions,
    ) -> Result<Option<Box<Extra>>, OutOfMemory> {
        let all = self.platform.keep_all_sections();
        let extra = Extra {
            arguments,
            sections: Sections::of(image, plan, provided, all)?,
            #[cfg(feature = "exceptions")]
            exceptions,
            #[cfg(feature = "proc")]
            identity: Identity::of(image.modinfo())?,
        };
        // Not `boxed_if`, with which a loader is larger.
        if extra.is_needed() { Ok(Some(boxed(extra)?)) } else { Ok(None) }
    }

    /// Counts a load that began at that moment.
    #[cfg(feature = "proc")]
    fn count_load(
        &self,
        loaded: &Result<Reference<P>, LoadError>,
        file: &[u8],
        begun: Option<Duration>,
    ) {
        match loaded {
            Ok(module) => {
                let Statistics { core, init, .. } = module.statistics();
                self.tally.loaded(core.saturating_add(init));
            }
            Err(error) => {
                self.tally.failed(error, file.len(), self.taken_since(begun));
            }
        }
    }

    /// Counts a load that has waited since that moment for another of the same file.
    #[cfg(feature = "proc")]
    pub(crate) fn count_shared(&self, begun: Option<Duration>) {
        self.tally.shared(self.taken_since(begun));
    }

    /// The time since that moment; none if there is no clock.
    #[cfg(feature = "proc")]
    fn taken_since(&self, begun: Option<Duration>) -> Duration {
        let both = self.platform.clock().zip(begun);
        both.map_or(Duration::ZERO, |(now, then)| now.saturating_sub(then))
    }

    /// The modules.
    #[cfg(feature = "parameters")]
    pub(crate) fn registry(&self) -> &Registry<P> {
        &self.registry
    }

    /// The files that are being loaded.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Registers a listener, who is told what becomes of each module from now on until the result is
    /// dropped (Linux: `register_module_notifier`). Of several the one with the higher priority is told
    /// first, and of those with one priority who was registered first; of all events, that a module is
    /// going too. [`Platform::notify`] is told before them, and that a module is going after them: what it
    /// has made ready for a module is there as long as they may use it.
    ///
    /// From a thread, also from the init or exit function of a module, or from a listener; it holds no lock.
    ///
    /// # Errors
    /// The heap is exhausted.
    #[cfg(feature = "notifiers")]
    pub fn register_notifier(
        &self,
        notifier: Box<dyn Notifier<P>>,
        priority: i32,
    ) -> Result<Registration<'_, P>, OutOfMemory> {
        self.notifiers.register(&self.platform, notifier, priority)
    }

    /// Tells the kernel and those who listen that a module is coming, of whom one may reject it.
    #[cfg_attr(not(feature = "notifiers"), inline(always))]
    fn announce(&self, module: &Module<P>) -> Result<(), LoadError> {
        self.platform.notify(Event::Coming, module);
        #[cfg(feature = "notifiers")]
        if let Err(errno) = self.notifiers.admit(&self.platform, module, || module.count().fail()) {
            self.platform.notify(Event::Going, module);
            return Err(LoadError::Notifier(errno));
        }
        Ok(())
    }

    /// Tells the kernel and those who listen what has become of a module.
    #[cfg_attr(not(feature = "notifiers"), inline(always))]
    fn tell(&self, event: Event, module: &Module<P>) {
        if event != Event::Going {
            self.platform.notify(event, module);
        }
        #[cfg(feature = "notifiers")]
        self.notifiers.notify(&self.platform, event, module);
        if event == Event::Going {
            self.platform.notify(event, module);
        }
    }

    /// Runs the init function of a module that is linked, which is at `entry`. `init` is the memory
    /// that it needs until then; `core` says what of its core part it may not change afterwards.
    fn run_init(
        &self,
        coming: Listed<'_, P>,
        entry: Option<u64>,
        init: Option<Protected<P>>,
        core: &Layout,
    ) -> Result<Reference<P>, LoadError> {
        let module = coming.module();
        // It cannot be unloaded before all of this is done.
        let reference = coming.hold();
        if let Some(losses) = module.content().ignored.losses() {
            self.warn(module, format_args!("{losses}"));
        }
        // The last moment at which the kernel can prepare what init relies on.
        if let Err(error) = self.announce(module) {
            module.content().core.free_init(init);
            return Err(error);
        }
        #[cfg(feature = "parameters")]
        if let Err(error) = self.set_parameters(module, init.as_ref()) {
            return Err(self.leave_unset(coming, reference, init, error));
        }
        let status = match entry {
            // SAFETY: the entry is that of a linked module whose memory is protected by now.
            Some(entry) => match unsafe { self.platform.call_init(entry) } {
                Ok(status) => status,
                Err(Faulted) => return Err(self.leave_faulted(coming, Some(reference), init)),
            },
            None => 0,
        };
        if status < 0 {
            module.count().fail();
            // As Linux: who asks at `Going` finds the references of others alone.
            drop(reference);
            self.tell(Event::Going, module);
            #[cfg(feature = "parameters")]
            if self.free_parameters(module).is_err() {
                return Err(self.leave_faulted(coming, None, init));
            }
            module.content().core.free_init(init);
            return Err(LoadError::Init(status));
        }
        if status > 0 {
            self.warn(
                module,
                format_args!("its init function returned {status}, which means nothing"),
            );
        }
        module.count().go_live();
        // Loads that need its exports go on while the rest is tidied up.
        self.platform.wake();
        self.tell(Event::Live, module);
        if module.content().core.protect_after_init(core, page_size::<P::Memory>()).is_err() {
            self.warn(module, format_args!("its read-only-after-init data stays writable"));
        }
        module.content().core.free_init(init);
        self.tell(Event::InitFreed, module);
        coming.stay();
        Ok(reference)
    }

    /// Ends the load of a module that has a parameter that could not be set.
    #[cfg(feature = "parameters")]
    #[cold]
    #[inline(never)]
    fn leave_unset(
        &self,
        coming: Listed<'_, P>,
        reference: Reference<P>,
        init: Option<Protected<P>>,
        error: LoadError,
    ) -> LoadError {
        if error == LoadError::Faulted {
            return self.leave_faulted(coming, Some(reference), init);
        }
        let module = coming.module();
        module.count().fail();
        drop(reference);
        self.tell(Event::Going, module);
        if self.free_parameters(module).is_err() {
            return self.leave_faulted(coming, None, init);
        }
        module.content().core.free_init(init);
        error
    }

    /// Leaves a module of which a function has faulted as it is: what has begun there may be going on.
    #[cold]
    #[inline(never)]
    fn leave_faulted(
        &self,
        coming: Listed<'_, P>,
        reference: Option<Reference<P>>,
        init: Option<Protected<P>>,
    ) -> LoadError {
        // Not counted as put, so that it is in use as in Linux.
        core::mem::forget((reference, init));
        coming.module().count().fault();
        coming.stay();
        let _ = self.taint(Taints::DIE);
        self.platform.wake();
        LoadError::Faulted
    }

    /// Runs the exit function of the module of that name and unloads it; with `force` even if it has
    /// an init and no exit function, or there are references to it, unless they are those of modules that
    /// use it, or may be of one that is being linked ([`Platform::FORCE_UNLOAD`]).
    ///
    /// It does not wait for references to be put, as Linux since 3.13 does not; see
    /// [`unload_within`](Self::unload_within).
    ///
    /// From a thread, as [`load`](Self::load). That the heap is exhausted does not stop it.
    ///
    /// # Errors
    /// The first reason for which it has to stay.
    pub fn unload(&self, name: &[u8], force: bool) -> Result<(), UnloadError> {
        self.count_unload(self.unload_uncounted(name, force))
    }

    /// As [`unload`](Self::unload), but if there are references to the module, those of modules that use
    /// it too, waits until they have been put, for about as long as `limit` at most. It looks anew every
    /// 50 ms, since who puts a reference wakes nobody. New references can be had meanwhile.
    ///
    /// Where the kernel [cannot wait](Platform::wait), this is `unload`.
    ///
    /// # Errors
    /// As for [`unload`](Self::unload), which is tried once when there are no references or the limit has
    /// passed; [`UnloadError::Interrupted`].
    pub fn unload_within(
        &self,
        name: &[u8],
        force: bool,
        limit: Duration,
    ) -> Result<(), UnloadError> {
        let wait = || {
            self.disabled.check(UnloadError::Disabled)?;
            let force = force && P::FORCE_UNLOAD;
            match self.registry.wait_for_references(&self.platform, name, force, limit) {
                Err(WaitError::Interrupted) => Err(UnloadError::Interrupted),
                _ => Ok(()),
            }
        };
        self.count_unload(wait().and_then(|()| self.unload_uncounted(name, force)))
    }

    /// Counts an unload of that result.
    fn count_unload(&self, unloaded: Result<(), UnloadError>) -> Result<(), UnloadError> {
        #[cfg(feature = "proc")]
        self.tally.unloaded(unloaded.is_ok());
        unloaded
    }

    fn unload_uncounted(&self, name: &[u8], force: bool) -> Result<(), UnloadError> {
        self.disabled.check(UnloadError::Disabled)?;
        if force && !P::FORCE_UNLOAD {
            let name = ModuleName::from(name);
            let ignored = format_args!("module {name}: nothing is unloaded by force here");
            self.platform.log(Level::Warning, ignored);
        }
        let force = force && P::FORCE_UNLOAD;
        let (going, forced) = self.registry.begin_unload(&self.platform, name, force)?;
        let module = going.module();
        if forced {
            self.taint_for(module.name().as_bytes(), Taints::FORCED_RMMOD);
        }
        if let Some(entry) = module.exit() {
            // SAFETY: nobody can get a reference to the module, and unless it is unloaded by force nobody
            // has one.
            if unsafe { self.platform.call_exit(entry) } == Err(Faulted) {
                let _ = self.taint(Taints::DIE);
                going.stay();
                return Err(UnloadError::Faulted);
            }
        }
        self.tell(Event::Going, module);
        #[cfg(feature = "parameters")]
        if self.free_parameters(module).is_err() {
            going.stay();
            return Err(UnloadError::Faulted);
        }
        Ok(())
    }

    /// Disables modules: from now on none is loaded or unloaded, for as long as the kernel runs
    /// (Linux: writing 1 to the sysctl `kernel.modules_disabled`). A load or unload that has begun
    /// goes on. From any context: it takes no lock and allocates nothing.
    pub fn disable(&self) {
        self.disabled.set();
    }

    /// Whether modules have been disabled. From any context.
    pub fn is_disabled(&self) -> bool {
        self.disabled.is_set()
    }

    /// The kernel's taints: those of all modules that there have ever been, and its own (Linux:
    /// `/proc/sys/kernel/tainted`). From any context.
    pub fn taints(&self) -> Taints {
        Taints::from_bits_truncate(self.tainted.load(Ordering::Relaxed))
    }

    /// Taints the kernel, for as long as it runs; what it has not been tainted by before. From any
    /// context: nothing is logged.
    pub fn taint(&self, taints: Taints) -> Taints {
        let before = self.tainted.fetch_or(taints.bits(), Ordering::Relaxed);
        taints.difference(Taints::from_bits_truncate(before))
    }

    /// A reference to the module of that name, with which it cannot be unloaded; `None` if there
    /// is none or it is going.
    ///
    /// From any context: a thread, with interrupts off, a fault or an NMI. It takes no lock, does not
    /// wait or allocate, calls nothing of the platform, and costs a bounded number of instructions.
    #[must_use = "the module can be unloaded once the reference is dropped"]
    pub fn find(&self, name: &[u8]) -> Option<Reference<P>> {
        self.registry.get(name)
    }

    /// Calls `visit` for each module, the one loaded last first, as they are when this is called;
    /// `visit` may load and unload others. Nothing that is unloaded meanwhile, by anybody, is freed
    /// before this returns and somebody loads, unloads or [`reap`](Self::reap)s: who copies the list to
    /// a process should not let it sleep here.
    ///
    /// From any context in which `visit` can be called: this takes no lock, does not wait or
    /// allocate, and calls nothing of the platform.
    pub fn for_each(&self, visit: impl FnMut(&Module<P>)) {
        self.registry.visit(visit);
    }

    /// What `look` makes of the modules as they are now. From any context in which `look` can be called.
    #[cfg(feature = "proc")]
    pub(crate) fn listing<T>(&self, look: impl FnOnce(Listing<'_, P>) -> T) -> T {
        self.registry.listing(look)
    }

    /// What has been counted: loads, failures by their reasons, bytes, time. From any context.
    #[cfg(feature = "proc")]
    pub fn counters(&self) -> Counters {
        self.tally.read()
    }

    /// The exported symbol of that name, the kernel's before any live module's. If the kernel's table is
    /// broken there is none of the kernel's, and no module either: each load says why.
    ///
    /// From any context in which [`Platform::symbol`] can be called, which with `address` and
    /// `read_only` of [`ProtectedMemory`](crate::platform::ProtectedMemory) is all of the kernel that
    /// this calls: it takes no lock, does not wait or allocate, and costs a bounded number of
    /// instructions, whatever is loaded and whatever the name is.
    pub fn symbol(&self, name: &[u8]) -> Option<Exported<P>> {
        if name.len() > image::MAX_SYMBOL_NAME {
            return None;
        }
        if let Ok(Some(symbol)) = self.platform.symbol(name) {
            return Some(Exported { address: symbol.address, owner: None });
        }
        self.registry.exporter(name, |symbol, module| {
            let live = module.state() == State::Live;
            let owner = if live { Reference::take(module) } else { None };
            Some(Exported { address: symbol.address, owner: Some(owner?) })
        })?
    }

    /// The address of the exported symbol of that name, as [`symbol`](Self::symbol); a module that exports
    /// it stays loaded until the reference that this leaves in its count is put, by
    /// [`symbol_put`](Self::symbol_put) or [`symbol_put_addr`](Self::symbol_put_addr) (Linux:
    /// `__symbol_get`, for modules in C).
    ///
    /// Of a module that is coming there is none, as in Linux. Any symbol can be had, as in Linux before
    /// 6.6, which has those for GPL-compatible modules alone.
    ///
    /// From any context from which `symbol` is.
    #[must_use = "the module that exports it cannot be unloaded before the symbol has been put"]
    pub fn symbol_get(&self, name: &[u8]) -> Option<u64> {
        let Exported { address, owner } = self.symbol(name)?;
        core::mem::forget(owner);
        Some(address)
    }

    /// Puts a reference that [`symbol_get`](Self::symbol_get) has left, by the name of the symbol (Linux:
    /// `__symbol_put`); nothing if it is the kernel's. Whether there was one. There is none if the module
    /// has been unloaded by [force](Platform::FORCE_UNLOAD) meanwhile: its memory stays for ever.
    ///
    /// From any context from which [`symbol`](Self::symbol) is.
    ///
    /// # Safety
    /// `symbol_get` has left it in the module that exports the symbol now, and it has not been put; nobody
    /// uses the address on its account any more.
    pub unsafe fn symbol_put(&self, name: &[u8]) -> bool {
        if name.len() > image::MAX_SYMBOL_NAME {
            return false;
        }
        if let Ok(Some(_)) = self.platform.symbol(name) {
            return true;
        }
        let put = |_: &Symbol<'_>, module: &Module<P>| module.count().put_counted();
        self.registry.exporter(name, put).unwrap_or(false)
    }

    /// As [`symbol_put`](Self::symbol_put), by the address (Linux: `symbol_put_addr`), or by any other in
    /// the module.
    ///
    /// From any context, as [`locate`](Self::locate) if [`Platform::kernel`] is.
    ///
    /// # Safety
    /// [`symbol_get`](Self::symbol_get) has left it in the module in whose memory the address lies, and it
    /// has not been put; nobody uses the address on its account any more.
    pub unsafe fn symbol_put_addr(&self, address: u64) -> bool {
        // SAFETY: the caller's promise.
        self.platform.kernel().contains(&address) || unsafe { self.registry.put_at(address) }
    }

    /// The function of that name that a live module or the kernel exports, to be called as an `F`:
    /// the type of a function pointer, such as `extern "C" fn(u32) -> u32`. A module that exports it
    /// cannot be unloaded before the value has been dropped.
    ///
    /// # Safety
    /// What is exported by that name is a function of that type, and sound to call; and no copy of the
    /// pointer is called after the value has been dropped: its module may be unloaded then.
    pub unsafe fn function<F: Copy>(&self, name: &[u8]) -> Option<Function<P, F>> {
        const { assert!(size_of::<F>() == size_of::<usize>(), "it is not a pointer to a function") }
        let Exported { address, owner } = self.symbol(name)?;
        let address = core::ptr::with_exposed_provenance::<()>(usize::try_from(address).ok()?);
        // SAFETY: it has the size of a pointer, and the caller promises that it is one to such a
        // function, so that it is not null.
        let function = unsafe { core::mem::transmute_copy::<*const (), F>(&address) };
        Some(Function { function, owner })
    }

    /// The module in whose memory an address lies, and the offset from the start of its core or
    /// init part.
    ///
    /// From any context, as [`find`](Self::find), whatever is being loaded or unloaded on any CPU: so
    /// a fault handler can ask. Of the kernel it calls `address` of
    /// [`ProtectedMemory`](crate::platform::ProtectedMemory) alone.
    pub fn locate(&self, address: u64) -> Option<(ModuleName, u64)> {
        self.registry.locate(address)
    }

    /// Where code goes on after a fault of the instruction at an address in a module, and what is to be
    /// done before (Linux: `search_module_extables`); `None` if that is no fault that the module
    /// expects. What is in the init part is found for as long as that is there.
    ///
    /// From any context, as [`locate`](Self::locate); of the kernel it calls `address` and `read_only` of
    /// [`ProtectedMemory`](crate::platform::ProtectedMemory) alone, and it costs no more than `locate` and
    /// a binary search among the entries of one module.
    #[cfg(feature = "exceptions")]
    pub fn exception(&self, address: u64) -> Option<Exception> {
        self.registry.module_at(address, |module| module.content().exception(address))?
    }

    /// Frees what unloaded modules had and somebody was still using when they were unloaded. The
    /// next load or unload does the same. What somebody may see who began to read before it was
    /// unloaded, and has not ended, is left for the next time.
    ///
    /// From a thread: it allocates, does without if the heap is exhausted, and drops
    /// [`Platform::Memory`]. It holds no lock.
    pub fn reap(&self) {
        self.registry.reap();
        #[cfg(feature = "notifiers")]
        self.notifiers.reap();
    }

    fn warn(&self, module: &Module<P>, what: core::fmt::Arguments<'_>) {
        self.platform.log(Level::Warning, format_args!("module {}: {what}", module.name()));
    }
}
