//! Models of what runs at once in modlink's registry: the crate's own files, with loom's atomics.
//! loom runs each model in every order that its threads can take, and sees what memory ordering
//! allows.

#![cfg(loom)]
#![allow(dead_code, missing_docs, reason = "parts of another crate")]

extern crate alloc;

#[path = "../../../src/sync.rs"]
pub(crate) mod sync;

/// The count and the header of a module.
#[path = "../../../src/module"]
pub mod module {
    pub mod count;
    pub mod header;
    mod state;
    pub(crate) use count::Count;
    pub use state::State;
}

/// The snapshot that readers follow, and what waits to be freed.
#[path = "../../../src/registry"]
pub mod registry {
    pub mod members;
    pub mod published;
    pub mod readers;
    pub mod retired;
}

#[cfg(test)]
mod models;
#[cfg(test)]
mod quarantine;
