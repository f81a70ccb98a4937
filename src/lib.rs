#![no_std]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
// Nothing in the library panics, whatever it is given; `make test-no-panic` looks at what a kernel
// links of it.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::get_unwrap,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::panic_in_result_fn,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_in_result,
        clippy::unwrap_used
    )
)]
//! The module loader of a kernel: it takes an ELF module, finds room for it, resolves its symbols
//! against the kernel's ksymtab, relocates it, runs it, counts its users and unloads it again.
//!
//! A kernel links the crate in and implements [`Platform`]; one with processes calls [`syscall`] from
//! its system call table. A load flows in one direction; each step owns what it took, and dropping it undoes it:
//!
//! ```text
//! &[u8] ── check ──▶ Image ── plan ──▶ Plan ── place ──▶ Placed ── resolve, relocate ──▶ Module
//!        image             link::plan        link::place          link::{resolve,relocate}
//! ```
//!
//! The middle, [`link`], is pure: bytes and addresses in, bytes out, for any [architecture](arch)
//! on any host. The [`Loader`] around it is the story of a load on one page.
//!
//! Nothing in the crate takes a lock, but for a module's own, of its parameters. Loading and unloading need a thread; looking a module, a symbol or
//! an address up, and taking and dropping references, do not, not even in an NMI; a symbol of the
//! kernel's once [`Ksymtab::linked`](symbols::Ksymtab::linked) has been called at boot. The table of
//! [contexts](guide::contexts) says so of every function.
//!
//! # Features
//! - `proc`: `/proc/modules`, a tree as `/sys/module` is, and counters, as text that a file system serves
//!   (the module `text`).
//! - `notifiers`: listeners that are registered while the kernel runs are told what becomes of modules, and may
//!   reject one that is coming (`Loader::register_notifier`).
//! - `exceptions`: where code of a module goes on after a fault that it expects, for a handler of faults
//!   (`Loader::exception`); and the same search in the kernel's own table (the module `exceptions`).
//! - `parameters`: the parameters of modules are set by the arguments of a load and by the kernel's boot line,
//!   and can be read and set afterwards (the module `parameters`).
//!
//! # Example
//!
//! A process of Linux on x86-64 as the kernel: it has a [`Region`](platform::Region) near its own code,
//! exports a function, loads a module that calls it, calls a function of the module's, and unloads it.
//! The module is the C file of the [guide](guide::modules_in_c) with `show(left + right)` in `add`, compiled
//! with `-mcmodel=small`: it takes no address as a number of 32 bits.
//!
//! ```standalone_crate
//! use modlink::platform::region::{self, MapError, Mapped, Pages, Region, Stale};
//! use modlink::platform::{AllocateError, Level, MemoryRequest, ProtectError, Protection, Refusal};
//! use modlink::symbols::{Ksymtab, KsymtabError, Symbol};
//! use modlink::{Loader, Platform, arch::X86_64};
//! use std::fmt::Arguments;
//! use std::ops::{Range, RangeInclusive};
//! use std::sync::LazyLock;
//!
//! // What modules may call.
//! extern "C" fn show(sum: i32) {
//!     println!("the module has {sum}");
//! }
//! modlink::export!(fn show(i32));
//!
//! // Memory for modules: three operations on pages.
//! struct Process;
//!
//! fn change(pages: Range<usize>, protection: i32) -> bool {
//!     // SAFETY: the region is the only one that has these pages.
//!     unsafe { libc::mprotect(pages.start as *mut _, pages.len(), protection) == 0 }
//! }
//!
//! // SAFETY: the pages are private to this process, and the system forgets older mappings itself.
//! unsafe impl Pages for Process {
//!     const SIZE: usize = 4096;
//!     type Frames = ();
//!
//!     unsafe fn map(&self, pages: Range<usize>) -> Result<(Mapped<()>, Stale), MapError> {
//!         let start = pages.start;
//!         let mapped = change(pages, libc::PROT_READ | libc::PROT_WRITE);
//!         if mapped { Ok((Mapped::in_place(start, ()), Stale::nothing())) } else { Err(MapError) }
//!     }
//!     unsafe fn protect(
//!         &self,
//!         pages: Range<usize>,
//!         _: &(),
//!         protection: Protection,
//!     ) -> Result<Stale, ProtectError> {
//!         let protected = change(pages, match protection {
//!             Protection::Execute => libc::PROT_READ | libc::PROT_EXEC,
//!             Protection::ReadOnly => libc::PROT_READ,
//!             Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
//!         });
//!         if protected { Ok(Stale::nothing()) } else { Err(ProtectError) }
//!     }
//!     unsafe fn unmap(&self, pages: Range<usize>, _: &()) -> Stale {
//!         assert!(change(pages, libc::PROT_NONE), "nothing may run there any more");
//!         Stale::nothing()
//!     }
//! }
//!
//! const SIZE: usize = 16 << 20;
//! static MODULES: LazyLock<Region<Process>> = LazyLock::new(|| {
//!     let near = (show as *const () as usize + (256 << 20)) & !0xfff;
//!     let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
//!     // SAFETY: the system chooses addresses that nobody uses, these if it can.
//!     let start = unsafe { libc::mmap(near as *mut _, SIZE, libc::PROT_NONE, flags, -1, 0) } as usize;
//!     assert_ne!(start, libc::MAP_FAILED as usize);
//!     // SAFETY: they have just been reserved.
//!     unsafe { Region::new(Process, start as u64..=(start + SIZE - 1) as u64) }
//! });
//!
//! // The kernel.
//! struct Kernel;
//!
//! // SAFETY: the region's memory has no other user, `show` stays, and the only file that is loaded is
//! // the one below.
//! unsafe impl Platform for Kernel {
//!     type Arch = X86_64;
//!     type Memory = region::Memory<'static, Process>;
//!
//!     fn kernel(&self) -> RangeInclusive<u64> {
//!         let show = show as *const () as u64;
//!         show..=show
//!     }
//!     fn module_range(&self) -> RangeInclusive<u64> {
//!         MODULES.addresses()
//!     }
//!     fn allocate(&self, request: &MemoryRequest) -> Result<Self::Memory, AllocateError> {
//!         MODULES.allocate(request)
//!     }
//!     fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
//!         Ok(Ksymtab::linked()?.find(name))
//!     }
//!     fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
//!         Ok(())
//!     }
//!     fn log(&self, _: Level, line: Arguments<'_>) {
//!         eprintln!("{line}");
//!     }
//! }
//!
//! static LOADER: Loader<Kernel> = Loader::new(Kernel);
//!
//! # if !cfg!(all(target_arch = "x86_64", target_os = "linux")) { return Ok(()); }
//! # let folder = tempfile::tempdir()?;
//! # let (source, path) = (folder.path().join("adder.c"), folder.path().join("adder.ko"));
//! # let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/src/guide");
//! # std::fs::write(&source, r#"
//! #     \#include "module.h"
//! #     MODULE("adder", "Dual MIT/GPL");
//! #     void show(int sum);
//! #     int add(int left, int right) { show(left + right); return left + right; }
//! #     EXPORT(add);
//! #     int init_module(void) { return 0; }
//! #     void cleanup_module(void) {}
//! # "#.replace('\\', ""))?;
//! # let flags = "-r -nostdlib -O2 -ffreestanding -fno-pic -fno-pie -mcmodel=small -mno-red-zone
//! #     -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables";
//! # let gcc = std::process::Command::new("gcc").args(flags.split_whitespace()).args(["-I", guide])
//! #     .args(["-T", &format!("{guide}/module.ld")]).arg("-o").args([&path, &source]).status()?;
//! # assert!(gcc.success());
//! let module = LOADER.load(&std::fs::read(path)?)?;
//! // SAFETY: the module was compiled for this type.
//! let add = unsafe { LOADER.function::<extern "C" fn(i32, i32) -> i32>(b"add") }.unwrap();
//! assert_eq!(add(40, 2), 42); // the module has 42
//! assert_eq!(module.references(), 2);
//!
//! drop((add, module)); // until then it could not be unloaded
//! LOADER.unload(b"adder", false)?;
//! assert!(LOADER.find(b"adder").is_none());
//!
//! let error = LOADER.load(b"not a module").unwrap_err();
//! assert_eq!(error.errno(), modlink::Errno::ENOEXEC);
//! assert_eq!(error.to_string(), "ELF header: the file ends inside it");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # In a kernel
//! The calls are the same, under `#![no_std]`. What differs from the process above:
//!
//! - Pages are entries of page tables, mapped as not executable, and what the processor remembers of them is
//!   flushed by the [`Stale`](platform::region::Stale) that each operation returns.
//! - The region is a plain `static`: its addresses are known, and are within reach of the kernel's. Where the
//!   kernel lies, its linker script says, which also keeps the exports (`src/symbols/ksymtab.ld`), or the linker.
//! - There is a global allocator, and [`Platform::log`] prints: what is unusual about a module is said there.
//! - Modules are compiled with `-mcmodel=kernel`, if the kernel lies in the topmost 2 GiB or in the lowest.
//!
//! The [example kernel](guide::example) has all of that, from the heap to the unloaded module, in at most 100
//! lines of Rust. [Embedding, step by step](guide::embedding) says the rest.

extern crate alloc;
// So that tests can be shared with those outside.
#[cfg(test)]
extern crate self as modlink;

#[path = "../arch/mod.rs"]
pub mod arch;
#[cfg(feature = "proc")]
pub mod counters;
pub mod errno;
pub mod error;
#[cfg(feature = "exceptions")]
pub mod exceptions;
#[cfg(any(doc, doctest))]
pub mod guide;
mod heap;
pub mod image;
mod imports;
pub mod link;
pub mod loader;
pub mod module;
mod name;
#[cfg(feature = "notifiers")]
pub mod notifiers;
#[cfg(feature = "parameters")]
pub mod parameters;
pub mod platform;
mod registry;
#[cfg(any(feature = "exceptions", feature = "parameters"))]
mod sort;
pub mod symbols;
mod sync;
pub mod syscall;
#[cfg(feature = "proc")]
pub mod text;

pub use errno::Errno;
pub use error::{ImportProblem, LoadError, UnloadError, Unreachable};
pub use heap::OutOfMemory;
pub use loader::{Exported, Function, Loader};
pub use module::{Handle, LoadOptions, Module, Reference, State, Taints};
pub use name::{ModuleName, Name};
pub use platform::Platform;
