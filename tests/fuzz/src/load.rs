//! Whole loads into a kernel that watches its memory.

use crate::{seeds, work};
use modlink::arch::Arch;
use modlink::image::Image;
use modlink::module::Versions;
use modlink_host::{HostKernel, Trial, corpus};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// The kernel of an architecture's target, made at its first input.
pub struct Target<A: Arch>(Mutex<Option<Trial<A>>>);

impl<A: Arch> Target<A> {
    /// No kernel yet.
    #[expect(clippy::new_without_default, reason = "a target is a static")]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }
}

/// Loads a file and, if it is taken, audits and unloads it.
///
/// # Panics
/// If anything is not as it should be, or was more work than a file of its size may be.
pub fn run<A: Arch>(target: &Target<A>, file: &[u8]) {
    let mut trial = target.0.lock().expect("the first panic ends the process");
    let trial = trial.get_or_insert_with(new_trial);
    // Most inputs are rejected; those that are not, the trial has checked.
    let _ = trial.load(file);
    work::check(file.len(), trial.work());
}

/// A kernel that exports what any of the seeds needs, in the version that they were compiled for.
fn new_trial<A: Arch>() -> Trial<A> {
    let seeds = seeds::modules::<A>();
    let needed = seeds.iter().flat_map(|file| corpus::undefined_symbols(file));
    let names: BTreeSet<String> = needed.collect();
    let mut versions = BTreeMap::new();
    for file in &seeds {
        let image = Image::<A>::check(file, u64::MAX).expect("seeds are modules");
        let found = Versions::of(&image).expect("well-formed versions");
        let found = found.iter().flat_map(Versions::iter);
        versions.extend(found.map(|(name, crc)| (name.to_vec(), crc)));
    }
    Trial::new(move || {
        let kernel = names.iter().fold(HostKernel::new(), |kernel, name| kernel.export(name));
        kernel.with_versions(versions.iter().map(|(name, crc)| (&name[..], *crc)))
    })
}
