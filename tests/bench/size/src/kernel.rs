//! A kernel with modlink.

use core::hint::black_box;
use core::ops::{Range, RangeInclusive};
use modlink::platform::*;
use modlink::symbols::{KernelSymbol, Ksymtab, KsymtabError, Symbol};
use modlink::syscall::{Fault, ModuleFile, OpenError, ProcessPlatform, ReadError};
use modlink::{Loader, Platform, arch, syscall};

struct Kernel(spin::Once<Ksymtab>);

struct Memory(&'static mut [u8]);

// SAFETY: never run.
unsafe impl ModuleMemory for Memory {
    type Protected = Self;

    const PAGE_SIZE: u64 = 4096;

    #[inline(never)]
    fn address(&self) -> u64 {
        black_box(0)
    }

    #[inline(never)]
    fn bytes_mut(&mut self) -> &mut [u8] {
        black_box(&mut *self.0)
    }

    #[inline(never)]
    fn protect(self, pages: &[(Range<usize>, Protection)]) -> Result<Self, ProtectError> {
        black_box(pages);
        black_box(Ok(self))
    }
}

// SAFETY: never run.
unsafe impl ProtectedMemory for Memory {
    #[inline(never)]
    fn address(&self) -> u64 {
        black_box(0)
    }

    #[inline(never)]
    fn read_only(&self, range: Range<usize>) -> Option<&[u8]> {
        black_box(&*self.0).get(range)
    }

    #[inline(never)]
    fn make_read_only(&self, pages: Range<usize>) -> Result<(), ProtectError> {
        black_box(pages);
        black_box(Ok(()))
    }
}

impl Drop for Memory {
    #[inline(never)]
    fn drop(&mut self) {
        black_box(&self.0);
    }
}

struct File;

impl ModuleFile for File {
    #[inline(never)]
    fn size(&self) -> u64 {
        black_box(0)
    }

    #[inline(never)]
    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), ReadError> {
        black_box((offset, to));
        black_box(Ok(()))
    }

    #[cfg(feature = "identity")]
    fn identity(&self) -> Option<syscall::FileId> {
        black_box(Some(syscall::FileId { file_system: 0, file: 0 }))
    }
}

// SAFETY: never run.
unsafe impl Platform for Kernel {
    const FORCE_UNLOAD: bool = cfg!(feature = "force");
    #[cfg(target_arch = "x86_64")]
    type Arch = arch::X86_64;
    #[cfg(target_arch = "x86")]
    type Arch = arch::I386;
    #[cfg(target_arch = "m68k")]
    type Arch = arch::M68k;
    type Memory = Memory;

    #[inline(never)]
    fn kernel(&self) -> RangeInclusive<u64> {
        black_box(0)..=black_box(0)
    }

    #[inline(never)]
    fn allocate(&self, request: &MemoryRequest) -> Result<Memory, AllocateError> {
        black_box(request);
        black_box(Err(AllocateError::Exhausted))
    }

    #[inline(never)]
    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        Ok(self.0.get().and_then(|table| table.find(name)))
    }

    #[inline(never)]
    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        black_box(Ok(()))
    }

    unsafe fn call_init(&self, entry: u64) -> Result<i32, Faulted> {
        Ok(black_box(entry) as i32)
    }

    #[inline(never)]
    unsafe fn call_exit(&self, entry: u64) -> Result<(), Faulted> {
        black_box(entry);
        Ok(())
    }

    #[inline(never)]
    fn section(&self, name: &str) -> Provision {
        black_box(name);
        black_box(Provision::LossAccepted)
    }

    #[cfg(feature = "versions")]
    #[inline(never)]
    fn vermagic(&self) -> Option<&str> {
        black_box(Some(""))
    }

    #[cfg(feature = "versions")]
    #[inline(never)]
    fn force_load(&self, lacking: modlink::module::Unversioned) -> bool {
        black_box(lacking);
        black_box(true)
    }

    #[cfg(feature = "proc")]
    #[inline(never)]
    fn clock(&self) -> Option<core::time::Duration> {
        black_box(None)
    }

    // Without the messages it discards them, so that nothing of them is linked.
    fn log(&self, _: Level, line: core::fmt::Arguments<'_>) {
        #[cfg(feature = "messages")]
        let _ = core::fmt::write(&mut Console, line);
        #[cfg(not(feature = "messages"))]
        let _ = line;
    }
}

impl ProcessPlatform for Kernel {
    type File = File;

    fn may_manage_modules(&self) -> bool {
        black_box(true)
    }

    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), Fault> {
        black_box((from, to));
        black_box(Ok(()))
    }

    fn open(&self, descriptor: i32) -> Result<File, OpenError> {
        black_box(descriptor);
        black_box(Ok(File))
    }
}

#[cfg(any(feature = "messages", feature = "proc"))]
struct Console;

#[cfg(any(feature = "messages", feature = "proc"))]
impl core::fmt::Write for Console {
    #[inline(never)]
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        black_box(text);
        Ok(())
    }
}

static LOADER: Loader<Kernel> = Loader::new(Kernel(spin::Once::new()));

#[inline(never)]
fn table() -> &'static [KernelSymbol] {
    black_box(&[])
}

/// What happens once when the kernel starts.
#[inline(never)]
pub fn start() {
    let ksymtab = Ksymtab::new(table());
    #[cfg(feature = "versions")]
    let ksymtab = ksymtab.and_then(|ksymtab| ksymtab.with_versions(black_box(&[])));
    if let Ok(ksymtab) = ksymtab {
        LOADER.platform().0.call_once(|| ksymtab);
    }
}

/// A driver that listens for a while.
#[cfg(feature = "notifiers")]
#[inline(never)]
pub fn listen() {
    struct Listener(u8);

    impl modlink::notifiers::Notifier<Kernel> for Listener {
        #[inline(never)]
        fn notify(&self, event: Event, _: &modlink::Module<Kernel>) -> Result<(), modlink::Errno> {
            black_box((self.0, event));
            black_box(Ok(()))
        }
    }

    let listener = alloc::boxed::Box::new(Listener(black_box(0)));
    if let Ok(registration) = LOADER.register_notifier(listener, black_box(0)) {
        let _ = black_box(registration).unregister();
    }
}

/// The system calls.
#[inline(never)]
pub fn system_call(number: usize, arguments: [usize; 6]) -> isize {
    syscall::dispatch(&LOADER, number, arguments)
}

/// What a process reads of modules.
#[cfg(feature = "proc")]
#[inline(never)]
pub fn read(path: &[u8]) -> bool {
    use modlink::text::{self, Addresses, sys::Path};
    let out = &mut Console;
    let written = match black_box(path) {
        b"modules" => text::modules(&LOADER, Addresses::Shown, out).is_ok(),
        b"tainted" => text::tainted(&LOADER, out).is_ok(),
        b"counters" => text::counters(&LOADER, out).is_ok(),
        path => Path::parse(path).is_some_and(|path| {
            let visit = &mut |kind, name: &[u8]| {
                black_box((kind, name));
            };
            path.write(&LOADER, Addresses::Shown, out).is_ok() || path.list(&LOADER, visit).is_ok()
        }),
    };
    black_box(written)
}
