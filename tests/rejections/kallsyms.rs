//! Names that are not kept: tests/kallsyms.rs looks closer at them.

use crate::real::{Architecture, with_arch};
use modlink::LoadError;
use modlink_host::{HostKernel, ModuleFile, Seen};

/// What is said of a module whose names share too many bytes: each ends as the longest does, so that the
/// table of strings has that alone.
pub fn errors(on: Architecture) -> Vec<LoadError> {
    with_arch!(on, A => {
        let file = (1..=500).fold(ModuleFile::<A>::new("m"), |file, length| {
            file.datum(".data.x", &"x".repeat(length), Seen::Locally)
        });
        let loader = HostKernel::<A>::new().boot();
        vec![loader.load(&file.build()).map(drop).expect_err("they are too many")]
    })
}
