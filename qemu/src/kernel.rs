//! What the loader needs of this kernel: the `modlink::Platform` of the test kernel.

use crate::context::forbid_in_interrupt;
use crate::files;
use crate::initrd::File;
use crate::machine::{Argument, Machine, This};
use crate::memory::region::{Memory, REGION};
use crate::memory::user;
use crate::{audit, names, policy, report, stubs, timer};
use core::ffi::CStr;
use core::fmt;
use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use modlink::module::{Kallsyms, Symbolized, Unversioned};
use modlink::platform::{
    AllocateError, Event, Faulted, Level, MemoryRequest, Platform, Provision, Refusal, WaitError,
};
use modlink::symbols::{Ksymtab, KsymtabError, Symbol};
use modlink::syscall::{Fault, FileId, ModuleFile, OpenError, ProcessPlatform, ReadError};
use modlink::{Loader, Module};

/// The test kernel as the loader sees it.
#[derive(Debug)]
pub struct TestKernel;

/// The one loader.
pub static LOADER: Loader<TestKernel> = Loader::new(TestKernel);

/// The build of Linux whose modules are loaded here: as if this were its kernel.
struct Build {
    /// The versions of what its kernel exports.
    versions: &'static [(&'static str, u32)],
    vermagic: Option<&'static str>,
}

/// Written by `build.rs`.
static BUILD: Build = include!(concat!(env!("OUT_DIR"), "/build_of_linux.rs"));

static MAY_MANAGE_MODULES: AtomicBool = AtomicBool::new(true);

/// What the kernel exports, with the versions of the build.
fn ksymtab() -> Result<&'static Ksymtab, KsymtabError> {
    Ksymtab::linked_with(BUILD.versions)
}

/// Finds the kernel's exported symbols. Called once. How many they are.
pub fn install_exports() -> usize {
    ksymtab().unwrap_or_else(|error| panic!("{error}")).len()
}

/// What it exports.
pub fn exported() -> impl Iterator<Item = Symbol<'static>> {
    ksymtab().into_iter().flat_map(|table| table.iter())
}

/// The versions of what the kernel exports of which this takes the place.
pub fn versions() -> &'static [(&'static str, u32)] {
    BUILD.versions
}

/// Arguments of a word each.
fn words<const N: usize>(words: [usize; N]) -> [Argument; N] {
    words.map(Argument::Word)
}

/// Whether the kernel itself exports a symbol of that name.
pub fn exports(name: &[u8]) -> bool {
    ksymtab().is_ok_and(|table| table.find(name).is_some())
}

/// Gives up the right to load and remove modules for ever.
pub fn drop_privilege() {
    MAY_MANAGE_MODULES.store(false, Ordering::Relaxed);
}

impl ModuleFile for File {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), ReadError> {
        let offset = usize::try_from(offset).map_err(|_| ReadError)?;
        let from = self.bytes.get(offset..).and_then(|rest| rest.get(..to.len()));
        to.copy_from_slice(from.ok_or(ReadError)?);
        Ok(())
    }

    fn contents(&self) -> Option<&[u8]> {
        Some(self.bytes)
    }

    fn identity(&self) -> Option<FileId> {
        // No two files have the same bytes in memory.
        Some(FileId { file_system: 0, file: self.bytes.as_ptr() as u64 })
    }
}

// SAFETY: who is at the console vouches for modules; memory comes from the region, each block of
// which its owner alone has; the exported
// symbols are parts of the kernel's image, and stubs are never freed.
unsafe impl Platform for TestKernel {
    type Arch = <This as Machine>::Arch;
    type Memory = Memory;

    // As in Debian's kernels.
    const KALLSYMS: Kallsyms =
        if cfg!(target_arch = "x86") { Kallsyms::TextOnly } else { Kallsyms::All };

    fn kernel(&self) -> RangeInclusive<u64> {
        let kernel = This::kernel();
        *kernel.start() as u64..=*kernel.end() as u64
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<Memory, AllocateError> {
        forbid_in_interrupt("Platform::allocate");
        REGION.allocate(request)
    }

    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        Ok(ksymtab()?.find(name).or_else(|| stubs::find(name)))
    }

    fn kernel_symbol(&self, address: u64) -> Option<Symbolized<'_>> {
        names::of_kernel(address)
    }

    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        forbid_in_interrupt("Platform::verify");
        Ok(())
    }

    fn is_verified(&self, file: &[u8]) -> bool {
        forbid_in_interrupt("Platform::is_verified");
        policy::is_signed(file)
    }

    fn keep_all_sections(&self) -> bool {
        forbid_in_interrupt("Platform::keep_all_sections");
        policy::keeps_sections()
    }

    fn clock(&self) -> Option<Duration> {
        forbid_in_interrupt("Platform::clock");
        timer::time()
    }

    unsafe fn call_init(&self, entry: u64) -> Result<i32, Faulted> {
        forbid_in_interrupt("Platform::call_init");
        // SAFETY: the loader vouches for the function, which takes no arguments.
        let returned = unsafe { This::call(entry as usize, &[]) };
        returned.map(|returned| returned.word as i32).inspect_err(|_| timer::note_fault(entry))
    }

    unsafe fn call_exit(&self, entry: u64) -> Result<(), Faulted> {
        forbid_in_interrupt("Platform::call_exit");
        // SAFETY: the loader vouches for the function, which takes no arguments.
        let returned = unsafe { This::call(entry as usize, &[]) };
        returned.map(drop).inspect_err(|_| timer::note_fault(entry))
    }

    fn boot_line(&self) -> &[u8] {
        forbid_in_interrupt("Platform::boot_line");
        policy::boot_line().as_bytes()
    }

    unsafe fn call_parameter_set(
        &self,
        function: u64,
        value: Option<&CStr>,
        parameter: u64,
    ) -> Result<i32, Faulted> {
        forbid_in_interrupt("Platform::call_parameter_set");
        let value = value.map_or(0, |value| value.as_ptr().expose_provenance());
        // SAFETY: the loader vouches for the function and its arguments.
        let returned =
            unsafe { This::call(function as usize, &words([value, parameter as usize])) };
        returned.map(|returned| returned.word as i32)
    }

    unsafe fn call_parameter_get(
        &self,
        function: u64,
        buffer: &mut [u8],
        parameter: u64,
    ) -> Result<i32, Faulted> {
        forbid_in_interrupt("Platform::call_parameter_get");
        let buffer = buffer.as_mut_ptr().expose_provenance();
        // SAFETY: as above.
        let returned =
            unsafe { This::call(function as usize, &words([buffer, parameter as usize])) };
        returned.map(|returned| returned.word as i32)
    }

    unsafe fn call_parameter_free(&self, function: u64, argument: u64) -> Result<(), Faulted> {
        forbid_in_interrupt("Platform::call_parameter_free");
        // SAFETY: as above.
        unsafe { This::call(function as usize, &words([argument as usize])) }.map(drop)
    }

    fn vermagic(&self) -> Option<&str> {
        forbid_in_interrupt("Platform::vermagic");
        BUILD.vermagic
    }

    // The modules of this folder have neither vermagic nor versions.
    fn force_load(&self, _: Unversioned) -> bool {
        forbid_in_interrupt("Platform::force_load");
        policy::forces()
    }

    fn denied_modules(&self) -> &str {
        forbid_in_interrupt("Platform::denied_modules");
        policy::denied()
    }

    fn section(&self, name: &str) -> Provision {
        forbid_in_interrupt("Platform::section");
        match policy::accepts_loss(name) {
            true => Provision::LossAccepted,
            false => Provision::Missing,
        }
    }

    fn wait(
        &self,
        is_done: &(dyn Fn() -> bool + Sync),
        limit: Option<Duration>,
    ) -> Result<(), WaitError> {
        forbid_in_interrupt("Platform::wait");
        // There is one thread: what an interrupt does not do does not happen, so that who waits without
        // a limit waits for himself.
        let (Some(limit), Some(start)) = (limit, timer::time()) else {
            return Err(WaitError::Unsupported);
        };
        while !is_done() {
            if timer::time().is_none_or(|now| now.saturating_sub(start) >= limit) {
                return Err(WaitError::TimedOut);
            }
            core::hint::spin_loop();
        }
        Ok(())
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        forbid_in_interrupt("Platform::log");
        if report::is_quiet() {
            return;
        }
        let label = match level {
            Level::Error => "error: ",
            Level::Warning => "warning: ",
            Level::Info => "",
        };
        println!("{label}{line}");
    }

    fn notify(&self, event: Event, module: &Module<Self>) {
        forbid_in_interrupt("Platform::notify");
        timer::follow(event, module);
        report::loaded(event, module);
        audit::follow(event, module);
    }
}

impl ProcessPlatform for TestKernel {
    type File = File;

    fn may_manage_modules(&self) -> bool {
        MAY_MANAGE_MODULES.load(Ordering::Relaxed)
    }

    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), Fault> {
        user::copy_from(from, to).ok_or(Fault)
    }

    fn open(&self, descriptor: i32) -> Result<File, OpenError> {
        usize::try_from(descriptor).ok().and_then(files::behind).ok_or(OpenError::BadDescriptor)
    }
}
