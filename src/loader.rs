//! Load and unload.

use crate::errno::Errno;
use crate::error::{LoadError, UnloadError};
use crate::image::{self, Image};
use crate::imports::Imports;
use crate::link::{Layout, Plan};
use crate::module::{
    Disabled, EntryPoints, Identity, Ignored, Module, Namespaces, Reference, References, Room,
    Work, denied,
};
use crate::name::Name;
use crate::platform::{Event, Level, Platform, Protected};
use crate::registry::{Holder, Listed, Registry};
use crate::symbols::{Exports, Symbol};
use alloc::vec::Vec;
use core::convert::Infallible;
use core::ops::Deref;

/// The module loader of a kernel.
pub struct Loader<P: Platform> {
    platform: P,
    registry: Registry<P>,
    disabled: Disabled,
}

/// An address that a module or the kernel exports.
#[derive(Debug)]
pub struct Exported<P: Platform> {
    /// The address.
    pub address: u64,
    /// Keeps the module that exports it loaded; `None` if it is the kernel.
    pub holder: Option<Reference<P>>,
}

/// A function that a module or the kernel exports; a module stays loaded for as long as this value
/// lives. Dereferences to the function pointer.
#[derive(Debug)]
pub struct Function<P: Platform, F> {
    function: F,
    holder: Option<Reference<P>>,
}

impl<P: Platform, F> Function<P, F> {
    /// The module that exports it; `None` if it is the kernel.
    pub fn holder(&self) -> Option<&Module<P>> {
        self.holder.as_deref()
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
        Self { platform, registry: Registry::new(), disabled: Disabled::new() }
    }

    /// The kernel that it is part of.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// Loads the module that `file` holds, without arguments, and runs its init function. Returns a
    /// reference to it: the module can be unloaded once that has been dropped.
    ///
    /// # Errors
    /// The first step that fails. Everything that was taken by then has been given back.
    pub fn load(&self, file: &[u8]) -> Result<Reference<P>, LoadError> {
        self.load_reading(file, || Ok(Vec::new()))
    }

    /// As [`load`](Self::load), with arguments, which are copied.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn load_with(&self, file: &[u8], arguments: &[u8]) -> Result<Reference<P>, LoadError> {
        self.load_reading(file, || {
            let mut copy = Vec::new();
            copy.try_reserve_exact(arguments.len()).map_err(|_| Errno::ENOMEM)?;
            copy.extend_from_slice(arguments);
            Ok(copy)
        })
    }

    /// As [`load`](Self::load); `arguments` reads them from where they are, once the module is
    /// linked, which is when Linux does.
    ///
    /// # Errors
    /// As for [`load`](Self::load); [`LoadError::Arguments`] if they cannot be read.
    pub fn load_reading(
        &self,
        file: &[u8],
        arguments: impl FnOnce() -> Result<Vec<u8>, Errno>,
    ) -> Result<Reference<P>, LoadError> {
        self.disabled.check(LoadError::Disabled)?;
        self.platform.verify(file).map_err(LoadError::Refused)?;
        let image = Image::<P::Arch>::check(file, P::MAX_MODULE_SIZE)?;
        image.check_alignments(P::MAX_ALIGN)?;
        let identity = Identity::of::<P::Arch>(image.modinfo())?;
        denied::check(&self.platform, identity.name)?;
        self.platform.permit(&image).map_err(LoadError::Refused)?;
        let ignored = Ignored::check(&self.platform, &image)?;
        let (reservation, name) = self.registry.reserve(identity.name)?;

        let plan = Plan::new(&image, P::PAGE_SIZE)?;
        let (size, limit) = (plan.size(), P::MAX_MODULE_SIZE);
        if size > limit {
            return Err(image::Error::TooLarge { size, limit }.into());
        }
        let mut room = Room::allocate(&self.platform, &plan)?;
        let (core, init) = room.blocks();
        let mut placed = plan.place(&image, core, init)?;

        // When Linux looks at them: what it finds before is told first.
        let namespaces = Namespaces::of(&identity)?;
        let mut imports = Imports::new(&self.platform, &self.registry, &identity, &namespaces);
        let values = placed.resolve(&image, |name, binding| imports.find(name, binding))?;
        let relocations = placed.relocate(&image, &values)?;

        let exports = Exports::check(&image, &plan, &placed)?;
        let entry = EntryPoints::find(&image, &plan, &placed)?;
        let arguments = arguments().map_err(LoadError::Arguments)?;
        let Room { parts, init } =
            room.protect(&plan, P::PAGE_SIZE).map_err(|_| LoadError::Protect)?;

        let gpl_compatible = imports.is_gpl_compatible();
        let (uses, work) = imports.into_uses();
        let relocations = u32::try_from(relocations).unwrap_or(u32::MAX);
        let module = Module {
            name,
            arguments,
            gpl_compatible,
            starts: entry.init.is_some(),
            exit: entry.exit.map(|address| parts.core_offset(address)),
            ignored,
            uses,
            work: Work { relocations, ..work },
            exports,
            references: References::new(),
            parts,
        };
        let coming = reservation.list(&self.platform, module)?;
        self.start(coming, entry.init, init, &plan.core)
    }

    /// Starts a module that is linked, at `entry`. `init` is the memory that it needs until then;
    /// `core` says what of its core part it may not change afterwards.
    fn start(
        &self,
        coming: Listed<'_, P>,
        entry: Option<u64>,
        init: Option<Protected<P>>,
        core: &Layout,
    ) -> Result<Reference<P>, LoadError> {
        let module = coming.module();
        // It cannot be taken out before all of this is done.
        let starting = coming.hold().ok_or_else(|| LoadError::Busy(module.name().clone()))?;
        if let Some(losses) = module.ignored.losses() {
            self.warn(module, format_args!("{losses}"));
        }
        self.platform.notify(Event::Coming, module);
        let status = match entry {
            // SAFETY: the entry is that of a linked module whose memory is protected by now.
            Some(entry) => unsafe { self.platform.call_init(entry) },
            None => 0,
        };
        if status < 0 {
            module.references.fail();
            self.platform.notify(Event::Going, module);
            module.parts.discard_init(init);
            return Err(LoadError::Init(status));
        }
        if status > 0 {
            self.warn(module, format_args!("its start returned {status}, which means nothing"));
        }
        module.references.go_live();
        self.platform.notify(Event::Live, module);
        if module.parts.protect_after_init(core, P::PAGE_SIZE).is_err() {
            self.warn(module, format_args!("its read-only-after-init data stays writable"));
        }
        module.parts.discard_init(init);
        self.platform.notify(Event::Settled, module);
        coming.stay();
        Ok(starting)
    }

    /// Stops the module of that name and takes it out; with `force` even if it has a start and no
    /// stop.
    ///
    /// # Errors
    /// The first reason for which it has to stay.
    pub fn unload(&self, name: &[u8], force: bool) -> Result<(), UnloadError> {
        self.disabled.check(UnloadError::Disabled)?;
        let going = self.registry.close(name, force)?;
        let module = going.module();
        if let Some(entry) = module.exit() {
            // SAFETY: nobody has a reference to the module or can get one.
            unsafe { self.platform.call_exit(entry) };
        }
        self.platform.notify(Event::Going, module);
        Ok(())
    }

    /// Disables modules: from now on none is loaded or unloaded, for as long as the kernel runs
    /// (Linux: writing 1 to the sysctl `kernel.modules_disabled`). A load or unload that has begun
    /// goes on. May be called from anywhere: it takes no lock and allocates nothing.
    pub fn disable(&self) {
        self.disabled.set();
    }

    /// Whether modules have been disabled. May be called from anywhere.
    pub fn is_disabled(&self) -> bool {
        self.disabled.is_set()
    }

    /// A reference to the module of that name, with which it cannot be unloaded; `None` if there
    /// is none or it is going.
    pub fn find(&self, name: &[u8]) -> Option<Reference<P>> {
        self.registry.get(name)
    }

    /// Calls `visit` for each module, the one loaded last first. `visit` must not call the loader:
    /// the registry is locked meanwhile.
    pub fn for_each(&self, visit: impl FnMut(&Module<P>)) {
        self.registry.visit(visit);
    }

    /// The exported symbol of that name, the kernel's before any live module's.
    pub fn symbol(&self, name: &[u8]) -> Option<Exported<P>> {
        if let Some(symbol) = self.platform.symbol(name) {
            return Some(Exported { address: symbol.address, holder: None });
        }
        let anybody = |_: &Symbol<'_>| Ok::<_, Infallible>(());
        let Ok(export) = self.registry.exporter(name, anybody);
        let export = export?;
        match export.holder {
            Holder::Live(holder) => {
                Some(Exported { address: export.address, holder: Some(holder) })
            }
            Holder::Coming(_) | Holder::Going(_) => None,
        }
    }

    /// The function of that name that a live module or the kernel exports, to be called as an `F`:
    /// the type of a function pointer, such as `extern "C" fn(u32) -> u32`. A module that exports it
    /// cannot be unloaded before the value has been dropped.
    ///
    /// # Safety
    /// What is exported by that name is a function of that type, and sound to call.
    pub unsafe fn function<F: Copy>(&self, name: &[u8]) -> Option<Function<P, F>> {
        const { assert!(size_of::<F>() == size_of::<usize>(), "it is not a pointer to a function") }
        let Exported { address, holder } = self.symbol(name)?;
        let address = core::ptr::with_exposed_provenance::<()>(usize::try_from(address).ok()?);
        // SAFETY: it has the size of a pointer, and the caller promises that it is one to such a
        // function, so that it is not null.
        let function = unsafe { core::mem::transmute_copy::<*const (), F>(&address) };
        Some(Function { function, holder })
    }

    /// The module in whose memory an address lies, and the offset from the start of its core or
    /// init part. Never waits, so that a fault handler can ask.
    pub fn locate(&self, address: u64) -> Option<(Name, u64)> {
        let mut found = None;
        self.registry.try_visit(|module| {
            for range in [Some(module.core()), module.init()].into_iter().flatten() {
                if range.contains(&address) {
                    found = Some((module.name().clone(), address.saturating_sub(range.start)));
                }
            }
        });
        found
    }

    fn warn(&self, module: &Module<P>, what: core::fmt::Arguments<'_>) {
        self.platform.log(Level::Warning, format_args!("module {}: {what}", module.name()));
    }
}
