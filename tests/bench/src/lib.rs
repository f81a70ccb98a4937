//! Measures modlink against other loaders and against the least that a load can cost.
//!
//! Three programs use it: `loads` loads real modules with every loader, `lookups` finds real
//! symbols in different tables, `memory` counts what the loader takes from the heap. Counts come
//! from callgrind, which runs the same program again and counts what happens in one function;
//! they do not depend on the machine's load, as times do.

pub mod arena;
pub mod callgrind;
pub mod growth;
pub mod kernel;
pub mod loaders;
pub mod lookup;
pub mod measure;
pub mod modules;
pub mod plot;
pub mod report;
pub mod resolver;
pub mod symvers;
pub mod table;
