#![no_std]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
//! modlink

extern crate alloc;

#[path = "../arch/mod.rs"]
pub mod arch;
pub mod errno;
pub mod image;
pub mod link;
mod name;

pub use errno::Errno;
pub use name::Name;
