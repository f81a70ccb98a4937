//! Whole loads into a kernel that watches its memory.

use crate::{seeds, work};
use modlink::Module;
use modlink::arch::Arch;
use modlink::image::{Image, MAX_SYMBOL_NAME};
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

/// As [`run`], and looks at the names of each module that is loaded: those of its symbols are within
/// their sections and found by their addresses.
///
/// # Panics
/// As [`run`].
pub fn run_with_names<A: Arch>(target: &Target<A>, file: &[u8]) {
    let mut trial = target.0.lock().expect("the first panic ends the process");
    let trial = trial.get_or_insert_with(|| {
        watching_trial(|kernel: &HostKernel<A>| kernel.on_event(|_, _, module| look(module)))
    });
    // Most inputs are rejected.
    let _ = trial.load(file);
}

fn look<A: Arch>(module: &Module<HostKernel<A>>) {
    let (core, init) = (module.core(), module.init().unwrap_or_default());
    for symbol in module.kallsyms() {
        let (start, size) = (symbol.section.address, symbol.section.size);
        let end = start + size;
        assert!(!symbol.name.is_empty() && symbol.name.len() <= MAX_SYMBOL_NAME);
        assert!("trdbavw".contains(symbol.kind), "{}", symbol.kind);
        let part = if core.contains(&start) || core.end == start { &core } else { &init };
        assert!(part.start <= start && end <= part.end, "{symbol:?} {part:?}");
        assert!((start..=end).contains(&symbol.address));
        if symbol.address == end || symbol.name.starts_with(b".L") || symbol.name[0] == b'$' {
            continue;
        }
        let found = module.symbolize(symbol.address).expect("at least itself");
        assert_eq!(found.start, symbol.address);
        assert!(found.size > 0 && found.start + found.size <= end);
        let last = module.symbolize(found.start + found.size - 1).expect("the same");
        assert_eq!((last.start, last.name), (found.start, found.name));
    }
}

/// A kernel that exports what any of the seeds needs, in the version that they were compiled for.
fn new_trial<A: Arch>() -> Trial<A> {
    watching_trial(|_| ())
}

fn watching_trial<A: Arch>(watch: impl Fn(&HostKernel<A>) + Send + 'static) -> Trial<A> {
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
        let crcs = versions.iter().map(|(name, crc)| (&name[..], *crc));
        let kernel = kernel.with_versions(crcs);
        watch(&kernel);
        kernel
    })
}
