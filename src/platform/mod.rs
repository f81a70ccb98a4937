//! What an embedding kernel implements: the only door from the loader to the machine.
//!
//! Everything else in the crate is arithmetic on bytes. Memory and its protection, caches, calls
//! into module code and the log are reached through [`Platform`] alone; a kernel with processes
//! adds [`ProcessPlatform`](crate::syscall::ProcessPlatform) for the system calls.
//!
//! # Ranges
//! Where something may lie is a `RangeInclusive<u64>` of addresses, `first..=last`, since a kernel may
//! end where the address space does: [`Platform::kernel`], [`Platform::module_range`],
//! [`MemoryRequest::window`], [`Region::new`]. What is there, the pages and bytes of a block and the
//! parts of a module, is a `Range`, `start..end`, as for Rust's slices.

mod memory;
#[cfg(doctest)]
mod page_sizes;
pub mod region;

pub(crate) use memory::page_size;
pub use memory::{
    AllocateError, MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory, Protection, Purpose,
    ReadOnlyPages,
};
pub use region::Region;

use crate::arch::Arch;
use crate::errno::Errno;
use crate::image::Image;
use crate::module::Module;
#[cfg(feature = "versions")]
use crate::module::Unversioned;
#[cfg(feature = "kallsyms")]
use crate::module::{Kallsyms, Symbolized};
#[cfg(feature = "parameters")]
use crate::parameters::Operations;
use crate::symbols::{KsymtabError, Symbol};
#[cfg(feature = "parameters")]
use core::ffi::{CStr, c_char};
use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

/// The kernel that the loader is part of.
///
/// # Safety
/// The loader runs the code of each module that [`verify`](Platform::verify) and
/// [`permit`](Platform::permit) let pass, whoever hands the file to it: an implementation vouches for
/// that code, which can do whatever the kernel can.
///
/// The code is run in memory that [`allocate`](Platform::allocate) returned, and may use the
/// addresses that [`symbol`](Platform::symbol) returned. An implementation promises that this memory
/// is used by nobody else until it is dropped, and that these addresses stay what they are said to
/// be for as long as the platform lives.
pub unsafe trait Platform: Send + Sync + Sized + 'static {
    /// The architecture whose modules this kernel runs.
    type Arch: Arch;
    /// Memory that holds a module, or its init part: [`region::Memory`], or a type of its own.
    type Memory: ModuleMemory;

    /// The most memory in bytes that one module may ask for, in whole pages.
    const MAX_MODULE_SIZE: u64 = 64 << 20;

    /// The strictest alignment in bytes that a section of a module may ask for.
    const MAX_ALIGN: u64 = 2 << 20;

    /// Whether a module can be unloaded by force, though it has an init and no exit function, or somebody
    /// has references to it (Linux: `CONFIG_MODULE_FORCE_UNLOAD`; by default as in Debian's kernels).
    /// If not, that force was asked for is said in the log and has no effect. What another module uses is
    /// not unloaded in either case, nor what has references while any module is being linked, which may be its.
    ///
    /// Who has a [`Reference`](crate::Reference) then keeps the module's memory, and what it uses, until
    /// that is dropped, so that nothing dangles; but its exit function has been called by then, so
    /// that a [`Function`](crate::Function) of it may find what it needs gone. Whoever may unload by force
    /// is trusted to know that nobody calls one, and the kernel is tainted
    /// ([`Taints::FORCED_RMMOD`](crate::Taints)).
    const FORCE_UNLOAD: bool = true;

    /// Of which symbols of modules the names are kept, so that an address has a name, in a fault too
    /// ([`Loader::symbolize`](crate::Loader::symbolize)).
    #[cfg(feature = "kallsyms")]
    const KALLSYMS: Kallsyms = Kallsyms::All;

    /// The addresses between which the kernel's exported code and data lie: where they run, if the
    /// kernel moves itself. A symbol outside of them may be out of a module's reach, and is then told
    /// of as a relocation that overflows.
    fn kernel(&self) -> RangeInclusive<u64>;

    /// The addresses at which modules may lie: by default those that the architecture's code model
    /// has for them. A kernel with a [`Region`] for modules has them of [`Region::addresses`].
    ///
    /// Of these the loader asks for addresses from which every byte of [`kernel`](Self::kernel) is
    /// within [`Arch::REACH`]. Distances wrap around the end of the address space, as instructions
    /// compute them: modules in the topmost 2 GiB reach a kernel at 2 MiB.
    fn module_range(&self) -> RangeInclusive<u64> {
        Self::Arch::ADDRESSES
    }

    /// Finds room for a module. A [`Region`] can. Called by a load with nothing of the crate's held,
    /// so that it may sleep and allocate: once for each part, and again for each further window.
    ///
    /// # Errors
    /// [`AllocateError::OutOfReach`] if there is memory but none in `request.window`,
    /// [`AllocateError::Exhausted`] if there is none at all.
    fn allocate(&self, request: &MemoryRequest) -> Result<Self::Memory, AllocateError>;

    /// The kernel's own exported symbol of that name; as a rule
    /// `Ok(Ksymtab::linked()?.find(name))`. Called by a load, first with the empty name, which no
    /// symbol has; and in each context from which the kernel calls
    /// [`Loader::symbol`](crate::Loader::symbol): a [`Ksymtab`](crate::symbols::Ksymtab) does without a
    /// lock, and without the heap once it has been made, which is why a kernel calls
    /// [`Ksymtab::linked`](crate::symbols::Ksymtab::linked) at boot.
    ///
    /// # Errors
    /// [`KsymtabError`] if the kernel's table is broken: then nothing is loaded, whether or not it
    /// needs a symbol, and each load says so by [`LoadError::Ksymtab`](crate::LoadError::Ksymtab).
    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError>;

    /// The symbol of the kernel's own that an address belongs to ([`Symbolized::of_kernel`]), for
    /// [`Loader::symbolize`](crate::Loader::symbolize), and from each context from which the kernel calls
    /// that; none, unless a kernel has a table of its symbols.
    #[cfg(feature = "kallsyms")]
    fn kernel_symbol(&self, address: u64) -> Option<Symbolized<'_>> {
        let _ = address;
        None
    }

    /// The address of the kernel's own symbol of that name, exported or not, for
    /// [`Loader::lookup_name`](crate::Loader::lookup_name), and from each context from which the kernel
    /// calls that; by default of those that it [exports](Self::symbol).
    #[cfg(feature = "kallsyms")]
    fn kernel_symbol_named(&self, name: &[u8]) -> Option<u64> {
        Some(self.symbol(name).ok()??.address)
    }

    /// Decides whether a file may become a module, as it was handed in and before anything of it
    /// has been looked at: where signatures are verified. A kernel that trusts whoever may call the
    /// loader lets all pass, and says so in what it promises for this trait. Called once a load,
    /// first of all but for [`Loader::disable`](crate::Loader::disable), with no lock held.
    ///
    /// # Errors
    /// [`Refusal`]: the load ends with it as [`LoadError::Refused`](crate::LoadError::Refused).
    fn verify(&self, file: &[u8]) -> Result<(), Refusal>;

    /// Whether the kernel has verified a signature of a file that [`verify`](Platform::verify) has let
    /// pass: a module without one taints it ([`Taints::UNSIGNED_MODULE`](crate::Taints)). By default
    /// every file counts as verified, as in a kernel that verifies none (Linux without MODULE_SIG) or
    /// lets no other pass. Asked once a load, when the module has its name, with no lock held.
    fn is_verified(&self, file: &[u8]) -> bool {
        let _ = file;
        true
    }

    /// The time since any moment, always the same one; `None` if the kernel has no clock, in which case
    /// no time is counted. Asked when a load begins, and when it has failed, with no lock held.
    #[cfg(feature = "proc")]
    fn clock(&self) -> Option<Duration> {
        None
    }

    /// Writes one line to the kernel's log, to which a line feed is to be added. What is unusual about
    /// a module that is loaded all the same ([`Level::Warning`]), and why a
    /// [system call](crate::syscall) has failed ([`Level::Error`]), is said here and nowhere else.
    /// Called by the thread that loads or unloads, with no lock held.
    fn log(&self, level: Level, line: fmt::Arguments<'_>);

    /// Decides whether a module may be loaded, once it has been checked and before anything has
    /// been taken for it: policy, by what it says of itself ([`Image::modinfo`]), by its sections,
    /// and by who asks. Called once a load, with no lock held.
    ///
    /// # Errors
    /// As for [`verify`](Platform::verify).
    fn permit(&self, image: &Image<'_, Self::Arch>) -> Result<(), Refusal> {
        let _ = image;
        Ok(())
    }

    /// The kernel's vermagic, with which that of each module is compared: its release, a space, and words
    /// for what else a module depends on, each with a space after it. `None` if it has none.
    /// Asked once a load, with no lock held.
    #[cfg(feature = "versions")]
    fn vermagic(&self) -> Option<&str> {
        None
    }

    /// Whether a module is loaded that lacks something by which it is compared with the kernel, or that
    /// the process wants not to be compared (Linux: `CONFIG_MODULE_FORCE_LOAD`). It is by default, as by
    /// Debian's kernels: the log says so, and [`Module::is_forced`] does. Asked once a load for each, with
    /// no lock held.
    #[cfg(feature = "versions")]
    fn force_load(&self, lacking: Unversioned) -> bool {
        let _ = lacking;
        true
    }

    /// Calls a function `int f(void)` of a module, its init function: by default by the C convention of
    /// the target that the kernel is compiled for, and without a way back if it faults.
    ///
    /// # Errors
    /// [`Faulted`]: the module is then left as it is.
    ///
    /// # Safety
    /// `entry` is the address of such a function in a module whose memory is executable and whose
    /// relocations have all been applied.
    unsafe fn call_init(&self, entry: u64) -> Result<i32, Faulted> {
        let entry = core::ptr::with_exposed_provenance::<()>(entry as usize);
        // SAFETY: the caller promises that it is such a function, which is at no null address.
        let init: extern "C" fn() -> i32 = unsafe { core::mem::transmute(entry) };
        Ok(init())
    }

    /// The kernel's boot line (Linux: `/proc/cmdline`), of which a word `module.parameter=value` sets a
    /// parameter of the module of that name when it is loaded, before the arguments of the load do. By
    /// default there is none. Asked once a load, with no lock held.
    #[cfg(feature = "parameters")]
    fn boot_line(&self) -> &[u8] {
        b""
    }

    /// The operations of a type of parameters that is the kernel's own, by the address of what it exports as
    /// its `struct kernel_param_ops`; `None` if there is no such type. By default there is none but Linux's,
    /// which are known by the names of what the kernel exports (`param_ops_int`). Asked by a load, with no
    /// lock held, and when a parameter of that type is set or read.
    #[cfg(feature = "parameters")]
    fn parameter_type(&self, operations: u64) -> Option<Operations> {
        let _ = operations;
        None
    }

    /// Calls a function `int f(const char *value, const struct kernel_param *parameter)` of a module, or of
    /// the kernel if the module says so, that sets a parameter: by default as
    /// [`call_init`](Platform::call_init) does. Without a value, that is a null pointer.
    ///
    /// # Errors
    /// [`Faulted`].
    ///
    /// # Safety
    /// `function` is the address of such a function, and `parameter` that of such a structure.
    #[cfg(feature = "parameters")]
    unsafe fn call_parameter_set(
        &self,
        function: u64,
        value: Option<&CStr>,
        parameter: u64,
    ) -> Result<i32, Faulted> {
        let function = core::ptr::with_exposed_provenance::<()>(function as usize);
        let value = value.map_or(core::ptr::null(), CStr::as_ptr);
        let parameter = core::ptr::with_exposed_provenance::<u8>(parameter as usize);
        // SAFETY: the caller promises that it is such a function, which is at no null address.
        let set: extern "C" fn(*const c_char, *const u8) -> i32 =
            unsafe { core::mem::transmute(function) };
        Ok(set(value, parameter))
    }

    /// Calls a function `int f(char *buffer, const struct kernel_param *parameter)`, as
    /// [`call_parameter_set`](Platform::call_parameter_set) does, that writes the text of a parameter to
    /// `buffer`, which has [`TEXT_BUFFER`](crate::parameters::TEXT_BUFFER) bytes; it returns how many they
    /// are.
    ///
    /// # Errors
    /// [`Faulted`].
    ///
    /// # Safety
    /// As for [`call_parameter_set`](Platform::call_parameter_set).
    #[cfg(feature = "parameters")]
    unsafe fn call_parameter_get(
        &self,
        function: u64,
        buffer: &mut [u8],
        parameter: u64,
    ) -> Result<i32, Faulted> {
        let function = core::ptr::with_exposed_provenance::<()>(function as usize);
        let parameter = core::ptr::with_exposed_provenance::<u8>(parameter as usize);
        // SAFETY: as above.
        let get: extern "C" fn(*mut u8, *const u8) -> i32 =
            unsafe { core::mem::transmute(function) };
        Ok(get(buffer.as_mut_ptr(), parameter))
    }

    /// Calls a function `void f(void *argument)`, as [`call_parameter_set`](Platform::call_parameter_set)
    /// does, that frees what a module has for a parameter: after the exit function, or when the load has
    /// failed.
    ///
    /// # Errors
    /// [`Faulted`].
    ///
    /// # Safety
    /// As for [`call_parameter_set`](Platform::call_parameter_set).
    #[cfg(feature = "parameters")]
    unsafe fn call_parameter_free(&self, function: u64, argument: u64) -> Result<(), Faulted> {
        let function = core::ptr::with_exposed_provenance::<()>(function as usize);
        let argument = core::ptr::with_exposed_provenance_mut::<u8>(argument as usize);
        // SAFETY: as above.
        let free: extern "C" fn(*mut u8) = unsafe { core::mem::transmute(function) };
        free(argument);
        Ok(())
    }

    /// Calls a function `void f(void)` of a module, its exit function, by default as
    /// [`call_init`](Platform::call_init) does.
    ///
    /// # Errors
    /// As for [`call_init`](Platform::call_init).
    ///
    /// # Safety
    /// As for [`call_init`](Platform::call_init); nothing uses the module any more, unless it is unloaded
    /// by [force](Platform::FORCE_UNLOAD).
    unsafe fn call_exit(&self, entry: u64) -> Result<(), Faulted> {
        let entry = core::ptr::with_exposed_provenance::<()>(entry as usize);
        // SAFETY: as above.
        let exit: extern "C" fn() = unsafe { core::mem::transmute(entry) };
        exit();
        Ok(())
    }

    /// The names of modules that may not be loaded, separated by commas (Linux: the boot parameter
    /// `module_blacklist`). A name has to be the module's own, byte for byte. Asked once a load, with
    /// no lock held.
    fn denied_modules(&self) -> &str {
        ""
    }

    /// What the kernel does about a kind of section that the loader leaves to it: one whose
    /// [treatment](crate::image::Treatment) is `Rejected` or `Reported`, by its name in the table
    /// ([`KnownSection::name`](crate::image::KnownSection::name)). Asked for each such section of a
    /// load, with no lock held.
    fn section(&self, name: &str) -> Provision {
        let _ = name;
        Provision::Missing
    }

    /// Whether a module keeps account of all its sections, by name and address
    /// ([`Module::sections`]), as a debugger needs them: that takes 16 bytes for each, and the names.
    /// By default of those alone that [`section`](Self::section) says are provided for. Asked once a
    /// load, with no lock held.
    fn keep_all_sections(&self) -> bool {
        false
    }

    /// Lets the calling thread, which loads or unloads a module, sleep until `is_done` says that what it waits
    /// for has happened, for no longer than `limit`, if there is one. Called for a symbol of a module
    /// whose init function has not returned, with Linux's limit of 30 s; for a name that another
    /// load has taken, a [file](crate::syscall::ModuleFile::identity) that another loads, and the calls of
    /// a listener that is unregistered, and who sets or reads a parameter, without one; and for references to be put, by
    /// [`Loader::unload_within`](crate::Loader::unload_within), again and again with a limit of 50 ms or
    /// less, as nobody is woken for that. Called with nothing of the crate's held, by a load that may have
    /// memory and references.
    ///
    /// `is_done` is asked before anything else, and again after each [`wake`](Self::wake) from any thread. It neither waits nor
    /// allocates and calls nothing of the platform, so that it may be asked with interrupts off and
    /// with the lock held that keeps a wake from getting lost: who is in the queue of waiters asks,
    /// and then sleeps.
    ///
    /// A kernel that cannot wait leaves this as it is: such loads then fail with `EBUSY`, and no unload
    /// waits.
    ///
    /// # Errors
    /// [`WaitError`]: the load fails, with `EINTR` if it was interrupted and `EBUSY` else; so does an unload
    /// that was interrupted.
    fn wait(
        &self,
        is_done: &(dyn Fn() -> bool + Sync),
        limit: Option<Duration>,
    ) -> Result<(), WaitError> {
        let _ = (is_done, limit);
        Err(WaitError::Unsupported)
    }

    /// Lets all threads that [`wait`](Self::wait) ask again. Called by the thread of a load or an
    /// unload after each change that somebody may wait for, with nothing of the crate's held.
    fn wake(&self) {}

    /// Is told what has become of a module, on the thread that loads or unloads it and with no lock
    /// held (Linux: the module notifier chain, whose `GOING` comes after the exit function too). With the
    /// feature `notifiers` others can [register](crate::Loader) to be told too: after this, and of
    /// [`Event::Going`] before it.
    fn notify(&self, event: Event, module: &Module<Self>) {
        let _ = (event, module);
    }
}

/// A module's memory once the module may run.
pub(crate) type Protected<P> = <<P as Platform>::Memory as ModuleMemory>::Protected;

/// A function of a module has faulted, and the kernel, which goes on, has left it where
/// it was, with all that it had begun and locked.
///
/// The module stays where it is, for ever, and so do its name, its exports and what it uses; its functions
/// are not called again. If that was init, or set a parameter for the load, it is
/// [`State::Faulted`](crate::State); if it was exit, or freed a parameter then, it is going for ever. A live module
/// of which a function that sets or reads a parameter has faulted stays live, and can be unloaded, as in
/// Linux. The kernel is tainted ([`Taints::DIE`](crate::Taints)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulted;

/// Whether the kernel does what a kind of section asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provision {
    /// It does not. A module that would go wrong without it is rejected.
    Missing,
    /// It does not, and accepts what a module then lacks, or does wrong. That the section is
    /// ignored is said when a module with one is loaded.
    LossAccepted,
    /// It does, when it is [notified](Platform::notify) of the module, which then has the
    /// [section](Module::section).
    Provided,
}

/// Why a kernel does not let a module pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the process that asked gets.
    pub errno: Errno,
    /// What the log says.
    pub reason: &'static str,
}

/// Why what a load or an unload has waited for has not happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// The kernel cannot wait.
    Unsupported,
    /// It has taken longer than the limit.
    TimedOut,
    /// The process that asked for it is to do something else, as for a signal.
    Interrupted,
}

/// What has become of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It is linked and protected, and its init function is about to be called.
    Coming,
    /// Its init function has returned; its init memory is still there.
    Live,
    /// Its init memory has been freed.
    InitFreed,
    /// Its exit function has returned, if it has one, and nobody has a reference to it unless it is
    /// unloaded by [force](Platform::FORCE_UNLOAD), which may be before `InitFreed`; or its init
    /// function has failed, and who has found it before that may have one still. Its memory is freed
    /// when nobody has.
    Going,
}

/// How important a line in the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A request has failed.
    Error,
    /// Something is unusual.
    Warning,
    /// For the curious.
    Info,
}
