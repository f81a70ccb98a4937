//! Chapters for who puts the loader into a kernel, and for who writes modules for one.
//!
//! Nothing here is compiled into a kernel.

#[doc = include_str!("embedding.md")]
pub mod embedding {}

#[doc = include_str!("example.md")]
/// # embed.rs
/// ```rust,ignore
#[doc = include_str!("kernel/embed.rs")]
/// ```
/// # main.rs
/// ```rust,ignore
#[doc = include_str!("kernel/main.rs")]
/// ```
/// # greeter.c
/// ```c
#[doc = include_str!("kernel/greeter.c")]
/// ```
pub mod example {}

#[doc = include_str!("addresses.md")]
pub mod addresses {}

#[doc = include_str!("contexts.md")]
pub mod contexts {}

#[doc = include_str!("expectations.md")]
pub mod expectations {}

#[doc = include_str!("modules_in_c.md")]
/// # module.ld
/// ```text
#[doc = include_str!("module.ld")]
/// ```
/// # module.h
/// ```c
#[doc = include_str!("module.h")]
/// ```
pub mod modules_in_c {}

#[doc = include_str!("modules_in_rust.md")]
/// # counter.rs
/// ```rust,ignore
#[doc = include_str!("counter.rs")]
/// ```
/// # module.rs
/// ```rust,ignore
#[doc = include_str!("module.rs")]
/// ```
pub mod modules_in_rust {}

#[doc = include_str!("costs.md")]
pub mod costs {}

/// What modlink takes and Linux rejects, and the other way round.
#[doc = include_str!("../../docs/differences-from-linux.md")]
pub mod differences {}

/// What each section of a module means: loaded, rejected, or ignored and why that is harmless.
#[doc = include_str!("../../docs/sections.md")]
pub mod sections {}
