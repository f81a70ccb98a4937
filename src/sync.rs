//! Atomics: the one door to them. Under `cfg(loom)`, in the models of `tests/loom`, they are loom's,
//! which tries every order in which threads can run.

#[cfg(not(loom))]
pub(crate) use core::hint::spin_loop;
#[cfg(all(not(loom), any(feature = "parameters", feature = "proc")))]
pub(crate) use core::sync::atomic::AtomicUsize;
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, AtomicU32, Ordering};
#[cfg(loom)]
pub(crate) use loom::hint::spin_loop;
#[cfg(loom)]
#[allow(unused_imports, reason = "the models have parts of the crate alone")]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, AtomicU32, Ordering};

/// A constructor, `const` except under loom, whose atomics have none.
#[cfg(not(loom))]
macro_rules! constructor {
    ($(#[$meta:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$meta])* $visibility const fn $($rest)*
    };
}
#[cfg(loom)]
macro_rules! constructor {
    ($(#[$meta:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$meta])* $visibility fn $($rest)*
    };
}
pub(crate) use constructor;
