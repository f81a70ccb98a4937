//! The kernel's memory: a heap for itself, and pages for modules.

pub mod frames;
pub mod heap;
pub mod region;
pub mod usage;
pub mod user;
