#![no_std]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
//! The module loader of a kernel.

extern crate alloc;

#[path = "../arch/mod.rs"]
pub mod arch;
pub mod errno;
pub mod error;
pub mod image;
mod imports;
pub mod link;
pub mod loader;
pub mod module;
mod name;
pub mod platform;
mod registry;
pub mod symbols;
pub mod syscall;

pub use errno::Errno;
pub use error::{ImportProblem, LoadError, UnloadError};
pub use loader::{Exported, Loader};
pub use module::{Module, Reference, State};
pub use name::Name;
pub use platform::Platform;
