//! The linker: bytes and addresses in, bytes out.
//!
//! [`Plan`] says which section goes where, [`Placed`] is the module copied there, [`Values`] are
//! its symbols' values, and [`Placed::relocate`] writes them into it. Nothing here knows
//! a kernel, a lock or a registry: a kernel that loads a module and a tool that links one outside
//! run the same code and get the same bytes.

mod error;
mod got;
mod place;
mod plan;
mod relocate;
mod resolve;

pub use error::{Error, Problem, ResolveError, UnknownSymbols};
pub use place::{Block, Placed};
pub(crate) use plan::align_up;
pub use plan::{Contiguous, Layout, Location, MemoryType, Part, Plan};
pub use resolve::Values;
