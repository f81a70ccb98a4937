//! What the loader needs of this kernel: the `modlink::Platform` of the test kernel.

use crate::files;
use crate::initrd::File;
use crate::machine::{Access, Machine, This};
use crate::memory::region::{NoPages, Pages};
use crate::memory::{usage, user};
use crate::{audit, policy, report, stubs};
use core::fmt;
use core::ops::{Range, RangeInclusive};
use core::sync::atomic::{AtomicBool, Ordering};
use modlink::platform::{
    AllocateError, Event, Fault, Level, MemoryRequest, ModuleFile, ModuleMemory, OpenError,
    Platform, ProtectError, Protection, Provision, ReadError,
};
use modlink::symbols::{Ksymtab, Symbol};
use modlink::{Loader, Module};
use spin::Once;

/// The test kernel as the loader sees it.
#[derive(Debug)]
pub struct TestKernel;

/// The one loader.
pub static LOADER: Loader<TestKernel> = Loader::new(TestKernel);

static EXPORTED: Once<Ksymtab> = Once::new();
static MAY_MANAGE_MODULES: AtomicBool = AtomicBool::new(true);

unsafe extern "C" {
    static __start_ksymtab: u8;
    static __stop_ksymtab: u8;
}

/// Finds the kernel's exported symbols. Called once. How many they are.
pub fn install_exports() -> usize {
    let start = (&raw const __start_ksymtab).cast();
    let end = (&raw const __stop_ksymtab).cast();
    // SAFETY: the linker script puts nothing but exported symbols between the two.
    let table = unsafe { Ksymtab::between(start, end) };
    EXPORTED.call_once(|| table.expect("the linker sorts the exported symbols")).len()
}

/// Whether the kernel itself exports a symbol of that name.
pub fn exports(name: &[u8]) -> bool {
    EXPORTED.get().is_some_and(|table| table.find(name).is_some())
}

/// Gives up the right to load and remove modules for ever.
pub fn drop_privilege() {
    MAY_MANAGE_MODULES.store(false, Ordering::Relaxed);
}

/// Memory of a module: pages that are counted.
#[derive(Debug)]
pub struct Memory {
    pages: Pages,
    _counted: usage::Counted,
}

// SAFETY: the pages are at least as many bytes as asked for, always mapped at the same place, and
// nobody else is told about them.
unsafe impl ModuleMemory for Memory {
    fn address(&self) -> u64 {
        self.pages.range().start as u64
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.pages.bytes_mut()
    }

    fn bytes(&self, range: Range<usize>) -> Option<&[u8]> {
        self.pages.bytes().get(range)
    }

    fn protect(&self, range: Range<usize>, protection: Protection) -> Result<(), ProtectError> {
        let access = match protection {
            Protection::Execute => Access::Execute,
            Protection::ReadOnly => Access::ReadOnly,
            Protection::ReadWrite => Access::ReadWrite,
        };
        self.pages.protect(range, access).ok_or(ProtectError)
    }
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
}

// SAFETY: memory comes from `Pages`, each of which is used by its owner alone; the exported
// symbols are parts of the kernel's image, and stubs are never given back.
unsafe impl Platform for TestKernel {
    type Arch = <This as Machine>::Arch;
    type Memory = Memory;
    type File = File;

    const PAGE_SIZE: u64 = This::PAGE_SIZE as u64;

    fn kernel(&self) -> RangeInclusive<u64> {
        let kernel = This::kernel();
        *kernel.start() as u64..=*kernel.end() as u64
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<Memory, AllocateError> {
        let size = usize::try_from(request.size).map_err(|_| AllocateError::Exhausted)?;
        let align = usize::try_from(request.align).map_err(|_| AllocateError::Exhausted)?;
        let address = |end: u64| usize::try_from(end).unwrap_or(usize::MAX);
        let window = address(*request.window.start())..=address(*request.window.end());
        let pages = Pages::take(size, align, &window).map_err(|why| match why {
            NoPages::Memory => AllocateError::Exhausted,
            NoPages::Addresses => AllocateError::OutOfReach,
        })?;
        let bytes = pages.range().len();
        Ok(Memory { pages, _counted: usage::Counted::new(bytes) })
    }

    fn symbol(&self, name: &[u8]) -> Option<Symbol<'_>> {
        EXPORTED.get()?.find(name).or_else(|| stubs::find(name))
    }

    unsafe fn call_init(&self, entry: u64) -> i32 {
        // SAFETY: the loader vouches for the function, which takes no arguments.
        unsafe { This::call(entry as usize, &[]) }.word as i32
    }

    unsafe fn call_exit(&self, entry: u64) {
        // SAFETY: the loader vouches for the function, which takes no arguments.
        unsafe { This::call(entry as usize, &[]) };
    }

    fn may_manage_modules(&self) -> bool {
        MAY_MANAGE_MODULES.load(Ordering::Relaxed)
    }

    fn denied_modules(&self) -> &str {
        policy::denied()
    }

    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), Fault> {
        user::copy_from(from, to).ok_or(Fault)
    }

    fn open(&self, descriptor: i32) -> Result<File, OpenError> {
        usize::try_from(descriptor).ok().and_then(files::behind).ok_or(OpenError::BadDescriptor)
    }

    fn section(&self, name: &str) -> Provision {
        match policy::accepts_loss(name) {
            true => Provision::LossAccepted,
            false => Provision::Missing,
        }
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
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
        report::loaded(event, module);
        audit::follow(event, module);
    }
}
