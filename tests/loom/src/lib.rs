//! Models of what runs at once in modlink's registry: the crate's own files, with loom's atomics.
//! loom runs each model in every order that its threads can take, and sees what memory ordering
//! allows.

#![cfg(loom)]
#![allow(dead_code, missing_docs, reason = "parts of another crate")]

extern crate alloc;

#[path = "../../../src/sync.rs"]
pub(crate) mod sync;

#[path = "../../../src/errno.rs"]
pub mod errno;
#[path = "../../../src/heap.rs"]
pub mod heap;

/// The count and the header of a module.
#[path = "../../../src/module"]
pub mod module {
    pub mod count;
    pub mod header;
    mod state;
    pub(crate) use count::Count;
    pub use state::State;
}

/// The snapshot that readers follow, what is made of that for listeners and for files, and what waits to be freed.
#[path = "../../../src/registry"]
pub mod registry {
    pub mod files;
    pub mod members;
    pub mod ordered;
    pub mod published;
    pub mod readers;
    pub mod retired;
}

#[cfg(test)]
mod models;
#[cfg(test)]
mod ordered;
#[cfg(test)]
mod quarantine;
