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
//! A kernel links the crate in, implements [`Platform`] and calls [`syscall`] from its system call
//! table. A load flows in one direction; each step owns what it took, and dropping it undoes it:
//!
//! ```text
//! &[u8] ── check ──▶ Image ── plan ──▶ Plan ── place ──▶ Placed ── resolve, relocate ──▶ Module
//!        image             link::plan        link::place          link::{resolve,relocate}
//! ```
//!
//! The middle, [`link`], is pure: bytes and addresses in, bytes out, for any [architecture](arch)
//! on any host. The [`Loader`] around it is the story of a load on one page.
//!
//! # Contexts
//!
//! Nothing in the crate takes a lock. *Any* context is a thread, with interrupts on or off, an
//! interrupt, a fault or an NMI, whatever any CPU is doing: such a function neither waits nor
//! allocates nor frees, and what it looks up costs a bounded number of instructions. What a *thread*
//! may call allocates, and calls the kernel with nothing held, so that the kernel may sleep.
//!
//! | function | from | calls of the kernel's |
//! |---|---|---|
//! | `Loader::load` `Loader::load_with` `Loader::load_reading` | a thread | all of [`Platform`], [`ModuleMemory`](platform::ModuleMemory) and [`ProtectedMemory`](platform::ProtectedMemory); waits by [`Platform::wait`] |
//! | `Loader::unload` | a thread, which need not have heap left | [`Platform::call_exit`], [`notify`](Platform::notify), [`wake`](Platform::wake), [`ProtectedMemory::address`](platform::ProtectedMemory::address); frees memory |
//! | `Loader::reap` | a thread, which need not have heap left | frees memory |
//! | `Loader::find` `Loader::is_disabled` `Loader::disable` `Loader::platform` | any | nothing |
//! | `Loader::locate` | any | [`ProtectedMemory::address`](platform::ProtectedMemory::address) |
//! | `Loader::symbol` `Loader::function` | any in which [`Platform::symbol`] may be called | that, and [`ProtectedMemory`](platform::ProtectedMemory)'s `address` and `read_only` |
//! | `Loader::for_each` | any in which `visit` may be called | nothing |
//! | `Loader::new` | any; it is `const` | nothing |
//! | `Reference::handle` `Handle::try_get` `Function::owner`, cloning and dropping all of these | any | nothing |
//! | `Module::name` `Module::arguments` `Module::state` `Module::references` `Module::statistics` `Module::is_gpl_compatible` `Module::ignored_sections` | any | nothing |
//! | `Module::uses` `Module::is_user_of` | any; as much work as it uses modules | nothing |
//! | `Module::init` | any | nothing |
//! | `Module::core` | any | [`ProtectedMemory::address`](platform::ProtectedMemory::address) |
//! | `Module::sections` `Module::section` | any; as much work as it has sections | the same |
//! | `Module::exports` `Module::export` | any; as much work as it has exports | `address` and `read_only` |
//! | `Ksymtab::new` `Ksymtab::linked`, the first call | a thread | nothing |
//! | `Ksymtab::find` `Ksymtab::len` `Ksymtab::is_empty` `KernelSymbol::gpl_only` `KernelSymbol::in_namespace` `KernelSymbol::address_of` `KernelSymbol::new` | any | nothing |
//! | `syscall::init_module` `syscall::finit_module` `syscall::delete_module` `syscall::dispatch` | the thread of a process | [`ProcessPlatform`](syscall::ProcessPlatform), and as `Loader::load` and `Loader::unload` |
//!
//! What the kernel is called for in any context, [`ProtectedMemory`](platform::ProtectedMemory)'s
//! `address` and `read_only` and, if the kernel looks symbols up there, [`Platform::symbol`], has to
//! do without a lock and the heap too; a [`Region`](platform::Region) and a
//! [`Ksymtab`](symbols::Ksymtab) do. The parts below the loader ([`image`], [`link`], [`arch`]) call
//! nothing; they allocate where they return something that owns memory.
//!
//! Beside what the kernel's own methods take, a load or unload takes less than 4 KiB of stack and a
//! look-up less than 2 KiB; in a debug build, less than 16 and 8 KiB (on x86_64).
//!
//! # Example
//!
//! A kernel whose modules are for x86-64 and whose memory comes from the heap, which is enough to
//! see a file rejected. One that runs modules has a [`Region`](platform::Region) for them:
//!
//! ```
//! use modlink::platform::*;
//! use modlink::{Errno, Loader, Platform, arch::X86_64, symbols::Symbol};
//! use std::ops::{Range, RangeInclusive};
//!
//! struct Kernel;
//!
//! struct Heap {
//!     bytes: Vec<u8>,
//!     read_only: ReadOnlyPages,
//! }
//!
//! // SAFETY: the vector is used through this value alone and never grows.
//! unsafe impl ModuleMemory for Heap {
//!     type Protected = Self;
//!
//!     fn address(&self) -> u64 {
//!         0xffff_ffff_c000_0000
//!     }
//!     fn bytes_mut(&mut self) -> &mut [u8] {
//!         &mut self.bytes
//!     }
//!     fn protect(self, pages: &[(Range<usize>, Protection)]) -> Result<Self, ProtectError> {
//!         Ok(Self { read_only: ReadOnlyPages::of(pages), ..self })
//!     }
//! }
//!
//! // SAFETY: no module runs in this kernel, so that nobody writes to any of it.
//! unsafe impl ProtectedMemory for Heap {
//!     fn address(&self) -> u64 {
//!         0xffff_ffff_c000_0000
//!     }
//!     fn read_only(&self, range: Range<usize>) -> Option<&[u8]> {
//!         if self.read_only.contain(&range) { self.bytes.get(range) } else { None }
//!     }
//!     fn make_read_only(&self, _: Range<usize>) -> Result<(), ProtectError> {
//!         Ok(())
//!     }
//! }
//!
//! // SAFETY: memory comes from the heap, no symbol is exported, and only this example loads modules.
//! unsafe impl Platform for Kernel {
//!     type Arch = X86_64;
//!     type Memory = Heap;
//!     const PAGE_SIZE: u64 = 4096;
//!
//!     fn kernel(&self) -> RangeInclusive<u64> {
//!         0xffff_ffff_8000_0000..=0xffff_ffff_80ff_ffff
//!     }
//!     fn allocate(&self, request: &MemoryRequest) -> Result<Heap, AllocateError> {
//!         let bytes = vec![0; request.size as usize];
//!         Ok(Heap { bytes, read_only: ReadOnlyPages::default() })
//!     }
//!     fn symbol(&self, _: &[u8]) -> Option<Symbol<'_>> {
//!         None
//!     }
//!     fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
//!         Ok(())
//!     }
//! }
//!
//! static LOADER: Loader<Kernel> = Loader::new(Kernel);
//!
//! let rejected = LOADER.load(b"not a module").unwrap_err();
//! assert_eq!(rejected.errno(), Errno::ENOEXEC);
//! assert_eq!(rejected.to_string(), "ELF header: the file ends inside it");
//! assert!(LOADER.find(b"module").is_none());
//! ```

extern crate alloc;
// So that tests can be shared with those outside.
#[cfg(test)]
extern crate self as modlink;

#[path = "../arch/mod.rs"]
pub mod arch;
pub mod errno;
pub mod error;
mod heap;
pub mod image;
mod imports;
pub mod link;
pub mod loader;
pub mod module;
mod name;
pub mod platform;
mod registry;
pub mod symbols;
mod sync;
pub mod syscall;

pub use errno::Errno;
pub use error::{ImportProblem, LoadError, UnloadError, Unreachable};
pub use heap::OutOfMemory;
pub use loader::{Exported, Function, Loader};
pub use module::{Handle, Module, Reference, State};
pub use name::{ModuleName, Name};
pub use platform::Platform;
