//! What has been loaded and what has not, in numbers (feature `proc`; Linux 6.4 has such numbers with
//! MODULE_STATS).
//!
//! Each number is an atomic word of its own: whoever reads them while modules come and go has each as
//! it was at some moment, not all at one. One that has reached its highest value stays there.

use crate::errno::Errno;
use crate::error::LoadError;
use crate::sync::{AtomicUsize, Ordering};
use core::time::Duration;

/// A kind of reason for which a load fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The kernel does not want it: [`LoadError::Disabled`], [`LoadError::Refused`],
    /// [`LoadError::Denied`], or one who listens does not (`LoadError::Notifier`).
    Policy,
    /// The file is not one of a module that can be loaded.
    Format,
    /// It was compiled for another kernel.
    Version,
    /// A module of that name is there, or coming or going.
    Duplicate,
    /// There is no memory for it, or none where it has to be.
    Memory,
    /// A symbol that it uses or exports.
    Symbol,
    /// Its arguments could not be read, or set a parameter to what it cannot be.
    Arguments,
    /// Its init function has failed or faulted.
    Init,
}

impl Reason {
    /// All of them, in the order in which a load comes to them.
    pub const ALL: [Self; 8] = [
        Self::Policy,
        Self::Format,
        Self::Version,
        Self::Duplicate,
        Self::Memory,
        Self::Symbol,
        Self::Arguments,
        Self::Init,
    ];

    /// Its name in a text.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Format => "format",
            Self::Version => "version",
            Self::Duplicate => "duplicate",
            Self::Memory => "memory",
            Self::Symbol => "symbol",
            Self::Arguments => "arguments",
            Self::Init => "init",
        }
    }
}

impl From<&LoadError> for Reason {
    fn from(error: &LoadError) -> Self {
        match error {
            LoadError::Disabled
            | LoadError::Refused(_)
            | LoadError::Denied(_)
            | LoadError::ModuleNamespace(_) => Self::Policy,
            LoadError::Image(_)
            | LoadError::Unsupported { .. }
            | LoadError::ModInfo(_)
            | LoadError::Link(_)
            | LoadError::Entry { .. } => Self::Format,
            #[cfg(feature = "versions")]
            LoadError::Versions(_)
            | LoadError::Vermagic { .. }
            | LoadError::ModuleLayout { .. }
            | LoadError::Unversioned(_) => Self::Version,
            LoadError::Exists(_) | LoadError::Busy(_) | LoadError::Interrupted(_) => {
                Self::Duplicate
            }
            LoadError::Memory(_)
            | LoadError::Unreachable(_)
            | LoadError::Protect
            | LoadError::OutOfMemory => Self::Memory,
            LoadError::Ksymtab(_)
            | LoadError::UnknownSymbols(_)
            | LoadError::Import { .. }
            | LoadError::Export(_)
            | LoadError::Duplicate { .. } => Self::Symbol,
            LoadError::Arguments(_) => Self::Arguments,
            #[cfg(feature = "parameters")]
            LoadError::Parameters(_) => Self::Format,
            #[cfg(feature = "parameters")]
            LoadError::Parameter { .. } => Self::Arguments,
            #[cfg(feature = "notifiers")]
            LoadError::Notifier(_) => Self::Policy,
            #[cfg(feature = "exceptions")]
            LoadError::Exceptions(_) => Self::Format,
            LoadError::Init(_) | LoadError::Faulted => Self::Init,
        }
    }
}

const ERRNOS: usize = Errno::KNOWN.len();
const REASONS: usize = Reason::ALL.len();

/// The numbers at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Loads that have succeeded.
    pub loads: usize,
    /// The bytes of their core and init parts.
    pub load_bytes: usize,
    /// Unloads that have succeeded.
    pub unloads: usize,
    /// Unloads that have failed.
    pub failed_unloads: usize,
    /// Loads that have failed.
    pub failed_loads: usize,
    /// The bytes of the files that these were of.
    pub failed_bytes: usize,
    /// Those of them that came to a name that was taken, however long they waited for it
    /// ([`Reason::Duplicate`]): several processes wanted the same module.
    pub duplicate_loads: usize,
    /// The bytes of the files that these were of.
    pub duplicate_bytes: usize,
    /// The time that these took, in whole microseconds; nothing if the kernel has no clock
    /// ([`Platform::clock`](crate::Platform::clock)).
    pub duplicate_time: Duration,
    /// Calls of `finit_module` that have waited for another of the same file
    /// ([`ModuleFile::identity`](crate::syscall::ModuleFile::identity)), whatever came of that. They are not
    /// among the loads that have succeeded or failed.
    pub shared_loads: usize,
    /// The time that these took, as above.
    pub shared_time: Duration,
    by_errno: [usize; ERRNOS],
    by_reason: [usize; REASONS],
}

impl Counters {
    /// How many loads have failed with each error number that the crate has a name for. The others
    /// are what is missing of [`failed_loads`](Self::failed_loads): those that the kernel or an init
    /// function has given.
    pub fn by_errno(&self) -> impl Iterator<Item = (Errno, usize)> {
        Errno::KNOWN.into_iter().zip(self.by_errno)
    }

    /// How many loads have failed for each kind of reason; together
    /// [`failed_loads`](Self::failed_loads).
    pub fn by_reason(&self) -> impl Iterator<Item = (Reason, usize)> {
        Reason::ALL.into_iter().zip(self.by_reason)
    }
}

/// A number that grows.
#[derive(Debug)]
struct Number(AtomicUsize);

impl Number {
    const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    fn add(&self, more: usize) {
        let sum = |now: usize| Some(now.saturating_add(more));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The numbers of a loader.
#[derive(Debug)]
pub(crate) struct Tally {
    loads: Number,
    load_bytes: Number,
    unloads: Number,
    failed_unloads: Number,
    failed_bytes: Number,
    duplicate_bytes: Number,
    duplicate_micros: Number,
    shared_loads: Number,
    shared_micros: Number,
    failed_loads: Number,
    by_errno: [Number; ERRNOS],
    by_reason: [Number; REASONS],
}

impl Tally {
    /// That of a loader that has done nothing yet.
    pub const fn new() -> Self {
        Self {
            loads: Number::new(),
            load_bytes: Number::new(),
            unloads: Number::new(),
            failed_unloads: Number::new(),
            failed_bytes: Number::new(),
            duplicate_bytes: Number::new(),
            duplicate_micros: Number::new(),
            shared_loads: Number::new(),
            shared_micros: Number::new(),
            failed_loads: Number::new(),
            by_errno: [const { Number::new() }; ERRNOS],
            by_reason: [const { Number::new() }; REASONS],
        }
    }

    /// Counts a load of a module of so many bytes.
    pub fn loaded(&self, bytes: u64) {
        self.loads.add(1);
        self.load_bytes.add(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// Counts a load of a file of so many bytes that has failed after that time.
    pub fn failed(&self, error: &LoadError, bytes: usize, taken: Duration) {
        self.failed_loads.add(1);
        self.failed_bytes.add(bytes);
        let (errno, reason) = (error.errno(), Reason::from(error));
        count(&self.by_errno, Errno::KNOWN, errno);
        count(&self.by_reason, Reason::ALL, reason);
        if reason == Reason::Duplicate {
            self.duplicate_bytes.add(bytes);
            self.duplicate_micros.add(micros(taken));
        }
    }

    /// Counts a load that has taken that time to wait for another of the same file.
    pub fn shared(&self, taken: Duration) {
        self.shared_loads.add(1);
        self.shared_micros.add(micros(taken));
    }

    /// Counts an unload.
    pub fn unloaded(&self, succeeded: bool) {
        if succeeded { &self.unloads } else { &self.failed_unloads }.add(1);
    }

    /// What they are now.
    pub fn read(&self) -> Counters {
        let by_reason = self.by_reason.each_ref().map(Number::get);
        let [_, _, _, duplicate_loads, ..] = by_reason;
        Counters {
            loads: self.loads.get(),
            load_bytes: self.load_bytes.get(),
            unloads: self.unloads.get(),
            failed_unloads: self.failed_unloads.get(),
            failed_loads: self.failed_loads.get(),
            failed_bytes: self.failed_bytes.get(),
            duplicate_loads,
            duplicate_bytes: self.duplicate_bytes.get(),
            duplicate_time: Duration::from_micros(self.duplicate_micros.get() as u64),
            shared_loads: self.shared_loads.get(),
            shared_time: Duration::from_micros(self.shared_micros.get() as u64),
            by_errno: self.by_errno.each_ref().map(Number::get),
            by_reason,
        }
    }
}

fn micros(time: Duration) -> usize {
    usize::try_from(time.as_micros()).unwrap_or(usize::MAX)
}

/// Counts one of these kinds, if it is one of them.
fn count<T: PartialEq, const N: usize>(numbers: &[Number; N], kinds: [T; N], one: T) {
    if let Some((number, _)) = numbers.iter().zip(kinds).find(|(_, kind)| *kind == one) {
        number.add(1);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_number_at_its_highest_value_stays_there() {
        let number = Number::new();
        number.add(usize::MAX - 1);
        number.add(3);
        number.add(1);
        assert_eq!(number.get(), usize::MAX);
    }

    #[test]
    fn duplicates_are_fourth_among_the_reasons() {
        assert_eq!(Reason::ALL[3], Reason::Duplicate);
    }
}
