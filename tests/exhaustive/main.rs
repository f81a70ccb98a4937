//! A real module of each architecture with every byte changed to every other value, and cut off at
//! every length: each is rejected with an error, or loaded as its headers then say, within its own
//! memory, and freed whole.
//!
//! All of them are some millions (`make test-exhaustive`); `cargo test` takes a sample.

use modlink::Errno;
use modlink::arch::{Arch, ByteOrder, Class, I386, M68k, X86_64};
use modlink_host::{HostKernel, Trial, corpus};
use object::Object;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const MODULE: &str = "crc-itu-t";

/// What has come of the files.
#[derive(Default)]
struct Count {
    loaded: usize,
    rejected: BTreeMap<&'static str, usize>,
}

impl Count {
    fn note(&mut self, result: Result<(), Errno>) {
        match result {
            Ok(()) => self.loaded += 1,
            Err(errno) => {
                *self.rejected.entry(errno.name().expect("a known number")).or_default() += 1
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.loaded += other.loaded;
        for (errno, count) in other.rejected {
            *self.rejected.entry(errno).or_default() += count;
        }
    }

    fn total(&self) -> usize {
        self.loaded + self.rejected.values().sum::<usize>()
    }
}

/// Changes that are tried of a file.
#[derive(Clone, Copy)]
enum Which {
    /// All.
    All,
    /// That number of them at random, and all lengths.
    Sample(usize),
}

/// A kernel for the module, which exports all that it needs, in the version that it was compiled for.
fn kernel<A: Arch>(file: &[u8]) -> impl Fn() -> HostKernel<A> + Send + use<A> {
    let file = file.to_vec();
    move || {
        let kernel = HostKernel::new().export_all_for(&file, &[]);
        #[cfg(feature = "versions")]
        let kernel = with_versions(kernel, &file);
        kernel
    }
}

#[cfg(feature = "versions")]
fn with_versions<A: Arch>(kernel: HostKernel<A>, file: &[u8]) -> HostKernel<A> {
    let image = modlink::image::Image::<A>::check(file, u64::MAX).expect("the module as it is");
    let versions = modlink::module::Versions::of(&image).expect("its versions as they are");
    match &versions {
        Some(versions) => kernel.with_versions(versions.iter()),
        // m68k's modules were built without.
        None => kernel,
    }
}

/// Tries a changed file; says which change it was if that ends in a panic.
fn attempt<A: Arch>(trial: &mut Trial<A>, file: &[u8], change: &str) -> Result<(), Errno> {
    let result = catch_unwind(AssertUnwindSafe(|| trial.load(file)));
    match result {
        Ok(result) => result.map_err(|error| error.errno()),
        Err(_) => panic!("{} {MODULE} with {change}", A::NAME),
    }
}

/// All values but the right one at some places, taken from a queue that threads share.
fn change_bytes<A: Arch>(file: &[u8], next: &AtomicUsize, which: Which) -> Count {
    let mut trial = Trial::<A>::new(kernel(file));
    let mut random = ChaCha8Rng::seed_from_u64(20020915);
    let mut changed = file.to_vec();
    let mut count = Count::default();
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some(right) = file.get(place) else { return count };
        let values: Vec<u8> = match which {
            Which::All => (0..=255).filter(|value| value != right).collect(),
            Which::Sample(total) => {
                // The same whichever thread has the place, and whatever it had before.
                random.set_stream(place as u64);
                random.set_word_pos(0);
                let each = total.div_ceil(file.len());
                (0..each).map(|_| right.wrapping_add(random.random_range(1..=255))).collect()
            }
        };
        for value in values {
            changed[place] = value;
            let change = format!("byte {place:#x} = {value:#x}");
            count.note(attempt(&mut trial, &changed, &change));
        }
        changed[place] = *right;
    }
}

fn cut_off<A: Arch>(file: &[u8]) -> Count {
    let mut trial = Trial::<A>::new(kernel(file));
    let mut count = Count::default();
    for length in 0..file.len() {
        let result = attempt(&mut trial, &file[..length], &format!("its first {length} bytes"));
        count.note(result);
    }
    count
}

fn try_all<A: Arch>(which: Which) -> (Count, Count) {
    let file = corpus::module::<A>(MODULE);
    Trial::<A>::new(kernel(&file)).load(&file).expect("the module as it is");
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(2);
    let (next, changed) = (AtomicUsize::new(0), Mutex::new(Count::default()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let count = change_bytes::<A>(&file, &next, which);
                changed.lock().unwrap().add(count);
            });
        }
    });
    (changed.into_inner().unwrap(), cut_off::<A>(&file))
}

/// How much of a file is needed: up to the end of the section header table, which is the last
/// thing in a module but for a signature.
fn elf_size<A: Arch>(file: &[u8]) -> usize {
    let native = |at: usize| match (A::CLASS, A::ORDER) {
        (Class::Elf64, _) => u64::from_le_bytes(*file[at..].first_chunk().unwrap()),
        (_, ByteOrder::Little) => u32::from_le_bytes(*file[at..].first_chunk().unwrap()).into(),
        (_, ByteOrder::Big) => u32::from_be_bytes(*file[at..].first_chunk().unwrap()).into(),
    };
    let (start, entry) = match A::CLASS {
        Class::Elf64 => (native(40), 64),
        Class::Elf32 => (native(32), 40),
    };
    let object = object::File::parse(file).expect("an ELF file");
    // The `object` crate leaves out the first, which is null.
    start as usize + entry * (object.sections().count() + 1)
}

fn report<A: Arch>(which: Which) {
    let (changed, cut) = try_all::<A>(which);
    println!(
        "{}: {} files with a byte changed: {} loaded, {:?}; {} cut off: {} loaded, {:?}",
        A::NAME,
        changed.total(),
        changed.loaded,
        changed.rejected,
        cut.total(),
        cut.loaded,
        cut.rejected,
    );
    assert!(changed.loaded > 0, "a byte of code may be any");
    let file = corpus::module::<A>(MODULE);
    let after = file.len() - elf_size::<A>(&file);
    assert_eq!(cut.loaded, after, "what follows the tables means nothing");
    for count in [&changed, &cut] {
        assert!(count.rejected["ENOEXEC"] > 0);
    }
    if let Which::All = which {
        assert_eq!(changed.total(), 255 * file.len());
    }
}

/// How many changes of an architecture's module each `cargo test` tries.
const SAMPLE: usize = 20_000;

#[test]
fn a_sample_of_changed_bytes_on_x86_64() {
    report::<X86_64>(Which::Sample(SAMPLE));
}

#[test]
fn a_sample_of_changed_bytes_on_i386() {
    report::<I386>(Which::Sample(SAMPLE));
}

#[test]
fn a_sample_of_changed_bytes_on_m68k() {
    report::<M68k>(Which::Sample(SAMPLE));
}

#[test]
#[ignore = "some millions of loads: make test-exhaustive"]
fn every_changed_byte_on_x86_64() {
    report::<X86_64>(Which::All);
}

#[test]
#[ignore = "some millions of loads: make test-exhaustive"]
fn every_changed_byte_on_i386() {
    report::<I386>(Which::All);
}

#[test]
#[ignore = "some millions of loads: make test-exhaustive"]
fn every_changed_byte_on_m68k() {
    report::<M68k>(Which::All);
}
