//! All that a kernel links of modlink, and a platform of which the compiler knows nothing.
//!
//! It is linked and looked at; it never runs. What the platform returns comes from assembly, so
//! that no panic is optimised away because of what this kernel happens to be like.

#![no_std]
#![no_main]
#![feature(alloc_error_handler)]

extern crate alloc;

use alloc::alloc::{GlobalAlloc, Layout};
use alloc::boxed::Box;
use core::fmt;
use core::ops::{Range, RangeInclusive};
use core::panic::PanicInfo;
use modlink::arch::{Arch, I386, M68k, X86_64};
use modlink::module::Unversioned;
use modlink::platform::region::{MapError, Mapped, Pages, Region, Stale};
use modlink::platform::{
    AllocateError, Event, Faulted, Level, MemoryRequest, ModuleMemory, ProtectError,
    ProtectedMemory, Protection, Provision, Refusal,
};
use modlink::symbols::{KernelSymbol, Ksymtab, KsymtabError, Symbol};
use modlink::syscall::{Fault, FileId, ModuleFile, OpenError, ProcessPlatform, ReadError};
use modlink::{Errno, Loader, Module, Platform};

// What the compiler cannot see into: any of these may return anything.
core::arch::global_asm!(
    ".globl opaque_number",
    ".globl opaque_pointer",
    "opaque_number: opaque_pointer: ret"
);

unsafe extern "C" {
    fn opaque_number(a: u64, b: u64) -> u64;
    fn opaque_pointer(size: usize, align: usize) -> *mut u8;
}

fn number(a: u64, b: u64) -> u64 {
    // SAFETY: never runs.
    unsafe { opaque_number(a, b) }
}

fn opaque<T>(arguments: &[usize; 6]) -> &'static T {
    // SAFETY: never runs.
    unsafe { &*opaque_pointer(arguments[0], arguments[1]).cast() }
}

struct Opaque<A>(core::marker::PhantomData<A>);

struct OpaqueMemory {
    bytes: *mut u8,
    size: usize,
}

// SAFETY: never runs.
unsafe impl Send for OpaqueMemory {}
// SAFETY: never runs.
unsafe impl Sync for OpaqueMemory {}

// SAFETY: never runs.
unsafe impl ModuleMemory for OpaqueMemory {
    type Protected = Self;

    const PAGE_SIZE: u64 = 4096;

    fn address(&self) -> u64 {
        number(self.bytes as u64, 0)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: never runs.
        unsafe { core::slice::from_raw_parts_mut(self.bytes, self.size) }
    }

    fn protect(self, pages: &[(Range<usize>, Protection)]) -> Result<Self, ProtectError> {
        match number(pages.as_ptr() as u64, pages.len() as u64) {
            0 => Ok(self),
            _ => Err(ProtectError),
        }
    }
}

// SAFETY: never runs.
unsafe impl ProtectedMemory for OpaqueMemory {
    fn address(&self) -> u64 {
        number(self.bytes as u64, 0)
    }

    fn read_only(&self, range: Range<usize>) -> Option<&[u8]> {
        // SAFETY: never runs.
        unsafe { core::slice::from_raw_parts(self.bytes, self.size) }.get(range)
    }

    fn make_read_only(&self, pages: Range<usize>) -> Result<(), ProtectError> {
        match number(pages.start as u64, pages.end as u64) {
            0 => Ok(()),
            _ => Err(ProtectError),
        }
    }
}

impl Drop for OpaqueMemory {
    fn drop(&mut self) {
        number(self.bytes as u64, self.size as u64);
    }
}

struct OpaquePages;

// SAFETY: never runs.
unsafe impl Pages for OpaquePages {
    const SIZE: usize = 4096;
    type Frames = u64;

    unsafe fn map(&self, pages: Range<usize>) -> Result<(Mapped<u64>, Stale), MapError> {
        match number(pages.start as u64, pages.end as u64) {
            0 => Err(MapError),
            frames => Ok((Mapped::in_place(pages.start, frames), Stale::new(pages, forget))),
        }
    }

    unsafe fn protect(
        &self,
        pages: Range<usize>,
        _: &u64,
        protection: Protection,
    ) -> Result<Stale, ProtectError> {
        match number(pages.start as u64, pages.end as u64 + protection as u64) {
            0 => Err(ProtectError),
            _ => Ok(Stale::new(pages, forget)),
        }
    }

    unsafe fn unmap(&self, pages: Range<usize>, frames: &u64) -> Stale {
        number(pages.start as u64, *frames);
        Stale::new(pages, forget)
    }
}

fn forget(pages: Range<usize>) {
    number(pages.start as u64, pages.end as u64);
}

struct OpaqueFile(u64);

impl ModuleFile for OpaqueFile {
    fn size(&self) -> u64 {
        number(self.0, 0)
    }

    fn identity(&self) -> Option<FileId> {
        let file_system = number(self.0, 1);
        (file_system != 0).then(|| FileId { file_system, file: number(self.0, 2) })
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), ReadError> {
        match number(offset, to.as_mut_ptr() as u64) {
            0 => Ok(()),
            _ => Err(ReadError),
        }
    }
}

struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, string: &str) -> fmt::Result {
        number(string.as_ptr() as u64, string.len() as u64);
        Ok(())
    }
}

// SAFETY: never runs.
unsafe impl<A: Arch> Platform for Opaque<A> {
    type Arch = A;
    type Memory = OpaqueMemory;

    fn kernel(&self) -> RangeInclusive<u64> {
        number(0, 0)..=number(0, 1)
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<OpaqueMemory, AllocateError> {
        let size = request.size as usize;
        // SAFETY: never runs.
        let bytes = unsafe { opaque_pointer(size, request.align as usize) };
        match number(*request.window.start(), *request.window.end()) {
            0 => Ok(OpaqueMemory { bytes, size }),
            1 => Err(AllocateError::OutOfReach),
            _ => Err(AllocateError::Exhausted),
        }
    }

    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        let address = number(name.as_ptr() as u64, name.len() as u64);
        let size = number(address, 0) as usize;
        // SAFETY: never runs.
        let namespace = unsafe { core::slice::from_raw_parts(opaque_pointer(size, 1), size) };
        let mut symbol = Symbol::new(namespace, address).in_namespace(namespace);
        symbol.gpl_only = address & 1 == 0;
        symbol.crc = (address & 2 == 0).then_some(address as u32);
        match size {
            0 => Err(KsymtabError::OutOfMemory),
            1 => Err(KsymtabError::Size(size)),
            3 => Err(KsymtabError::NameTooLong(
                // SAFETY: never runs.
                unsafe { core::str::from_utf8_unchecked(symbol.name) },
            )),
            size => Ok((size & 1 == 0).then_some(symbol)),
        }
    }

    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        match number(0, 3) {
            0 => Ok(()),
            _ => Err(Refusal { errno: Errno::EPERM, reason: "opaque" }),
        }
    }

    fn vermagic(&self) -> Option<&str> {
        let size = number(4, 0) as usize;
        // SAFETY: never runs.
        let bytes = unsafe { core::slice::from_raw_parts(opaque_pointer(size, 1), size) };
        str::from_utf8(bytes).ok()
    }

    fn force_load(&self, lacking: Unversioned) -> bool {
        number(lacking as u64, 5) != 0
    }

    unsafe fn call_init(&self, entry: u64) -> Result<i32, Faulted> {
        match number(entry, 0) as i32 {
            i32::MAX => Err(Faulted),
            status => Ok(status),
        }
    }

    unsafe fn call_exit(&self, entry: u64) -> Result<(), Faulted> {
        if number(entry, 1) == 0 { Err(Faulted) } else { Ok(()) }
    }

    fn section(&self, name: &str) -> Provision {
        match number(name.as_ptr() as u64, name.len() as u64) {
            0 => Provision::Provided,
            1 => Provision::LossAccepted,
            _ => Provision::Missing,
        }
    }

    fn clock(&self) -> Option<core::time::Duration> {
        Some(core::time::Duration::from_nanos(number(6, 0)))
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        let written = fmt::Write::write_fmt(&mut Console, line);
        number(level as u64, written.is_ok().into());
    }
}

impl<A: Arch> ProcessPlatform for Opaque<A> {
    type File = OpaqueFile;

    fn may_manage_modules(&self) -> bool {
        number(0, 0) == 0
    }

    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), Fault> {
        match number(from, to.as_mut_ptr() as u64) {
            0 => Ok(()),
            _ => Err(Fault),
        }
    }

    fn open(&self, descriptor: i32) -> Result<OpaqueFile, OpenError> {
        match number(descriptor as u64, 0) {
            0 => Err(OpenError::BadDescriptor),
            1 => Err(OpenError::NotRegular),
            2 => Err(OpenError::OpenForWriting),
            file => Ok(OpaqueFile(file)),
        }
    }
}

struct Heap;

// SAFETY: never runs.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: never runs.
        unsafe { opaque_pointer(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, _: Layout) {
        number(pointer as u64, 0);
    }
}

#[global_allocator]
static HEAP: Heap = Heap;

static X86_64_MODULES: Loader<Opaque<X86_64>> = Loader::new(Opaque(core::marker::PhantomData));
static I386_MODULES: Loader<Opaque<I386>> = Loader::new(Opaque(core::marker::PhantomData));
static M68K_MODULES: Loader<Opaque<M68k>> = Loader::new(Opaque(core::marker::PhantomData));

/// Where the kernel starts: every public function that takes what others control.
#[unsafe(no_mangle)]
extern "C" fn _start(number: usize, arguments: &[usize; 6]) {
    enter(&X86_64_MODULES, number, arguments);
    enter(&I386_MODULES, number, arguments);
    enter(&M68K_MODULES, number, arguments);
    own_symbol(opaque(arguments), opaque(arguments));
    region(opaque(arguments), opaque(arguments), opaque(arguments));
}

/// The kernel's own table, which a search goes through at every load.
#[unsafe(no_mangle)]
extern "C" fn own_symbol(table: &'static [KernelSymbol; 100], name: &[u8; 20]) -> u64 {
    let version = str::from_utf8(name).map_or(("", 0), |name| (name, name.len() as u32));
    let table = Ksymtab::new(table).and_then(|table| table.with_versions(&[version; 10]));
    table.ok().and_then(|table| table.find(name)).map_or(0, |symbol| symbol.address)
}

/// Memory of a region that the compiler knows nothing of.
#[unsafe(no_mangle)]
extern "C" fn region(
    region: &Region<OpaquePages>,
    request: &MemoryRequest,
    pages: &[(Range<usize>, Protection); 3],
) -> u64 {
    let Ok(mut memory) = region.allocate(request) else { return 0 };
    number(memory.address(), memory.bytes_mut().len() as u64);
    let Ok(memory) = memory.protect(pages) else { return 1 };
    let range = number(0, 0) as usize..number(0, 1) as usize;
    let done = memory.make_read_only(range.clone()).is_ok();
    memory.read_only(range).map_or(u64::from(done), |bytes| bytes.as_ptr() as u64)
}

/// Text about modules; whether all of it was written.
fn tell<A: Arch>(loader: &Loader<Opaque<A>>, size: u64) -> bool {
    use modlink::text::{self, Addresses, sys::Path};
    // SAFETY: never runs.
    let path =
        unsafe { core::slice::from_raw_parts(opaque_pointer(size as usize, 1), size as usize) };
    let visit = &mut |_, name: &[u8]| {
        number(name.as_ptr() as u64, name.len() as u64);
    };
    text::modules(loader, Addresses::Shown, &mut Console).is_ok()
        && text::tainted(loader, &mut Console).is_ok()
        && text::read_at(number(2, 2), &mut [0; 100], |out| text::counters(loader, out)) != 0
        && Path::parse(path).is_some_and(|path| {
            path.write(loader, Addresses::Hidden, &mut Console).is_ok()
                || path.list(loader, visit).is_ok()
        })
}

/// A listener who comes and goes.
fn listen<A: Arch>(loader: &Loader<Opaque<A>>) {
    let listener =
        |event: Event, module: &Module<Opaque<A>>| match number(event as u64, 7) {
            0 => Ok(()),
            more => Err(Errno::from_status(more as i32 | module.references() as i32)
                .unwrap_or(Errno::EPERM)),
        };
    if let Ok(registration) = loader.register_notifier(Box::new(listener), number(7, 8) as i32) {
        if let Err(still) = registration.unregister() {
            number(still.reason as u64, 9);
        }
    }
}

/// A fault in a module, and one in the kernel itself.
fn fault<A: Arch>(loader: &Loader<Opaque<A>>, address: u64, table: &mut [u8]) {
    use modlink::exceptions::{Kind, Table};
    let sorted = Table::<A>::sort(table, address).is_ok();
    let table = Table::<A>::new(table, address);
    let own = table.ok().and_then(|table| {
        number(table.len() as u64, table.iter().map(|(at, _)| at).max().unwrap_or(0));
        table.find(address)
    });
    if let Some(exception) = loader.exception(address).or(own) {
        let action = match exception.kind {
            Kind::X86(x86) => x86.action().map_or(0, |action| action as u64),
            Kind::Jump => 0,
        };
        number(exception.fixup, action + u64::from(sorted));
    }
}

fn enter<A: Arch>(loader: &Loader<Opaque<A>>, call: usize, arguments: &[usize; 6]) {
    let result = modlink::syscall::dispatch(loader, call, *arguments);
    number(result as u64, 0);
    number(tell(loader, arguments[0] as u64).into(), 1);
    if let Some((name, offset)) = loader.locate(arguments[0] as u64) {
        number(name.as_bytes().len() as u64, offset);
    }
    // SAFETY: never runs.
    let table =
        unsafe { core::slice::from_raw_parts_mut(opaque_pointer(arguments[2], 1), arguments[2]) };
    fault(loader, arguments[0] as u64, table);
    // SAFETY: never runs.
    let name = unsafe { core::slice::from_raw_parts(arguments.as_ptr().cast(), arguments[1]) };
    if let Ok(module) = loader.load(name) {
        number(module.references().into(), 1);
    }
    if let Ok(module) = loader.load_with(name, name) {
        number(module.references().into(), 2);
    }
    // SAFETY: never runs.
    if let Some(function) = unsafe { loader.function::<extern "C" fn()>(name) } {
        function();
        number(function.owner().is_some().into(), 3);
    }
    if let Some(module) = loader.find(name) {
        number(module.references().into(), module.core().start);
    }
    let limit = core::time::Duration::from_millis(number(5, 5));
    if let Err(error) = loader.unload_within(name, number(5, 6) == 0, limit) {
        number(error.errno().number() as u64, 5);
    }
    if let Some(address) = loader.symbol_get(name) {
        // SAFETY: never runs.
        number(unsafe { loader.symbol_put(name) && loader.symbol_put_addr(address) }.into(), 6);
    }
    listen(loader);
    if let Some(symbol) = loader.symbol(name) {
        number(symbol.address, symbol.owner.is_some().into());
    }
    loader.for_each(|module| {
        number(module.arguments().len() as u64, module.uses().count() as u64);
        for symbol in module.exports() {
            number(symbol.address, symbol.name.len() as u64);
        }
    });
}

/// An allocation that cannot be had and that Rust offers no fallible form of.
#[alloc_error_handler]
#[inline(never)]
fn memory_is_exhausted(_: Layout) -> ! {
    loop {
        number(0, 1);
    }
}

/// Whoever reaches this function reaches a panic.
#[panic_handler]
#[inline(never)]
fn panic_is_reached(info: &PanicInfo<'_>) -> ! {
    loop {
        number((&raw const *info) as u64, 0);
    }
}
