//! The files that are being loaded, each by one load at a time.
//!
//! Invariants:
//! - A file is here from before its load begins until what came of that is known.
//! - What came of a load is known before its file leaves, so that whoever has found it gets to know.

use super::ordered::{Added, Held, NotAdded, Ordered};
use crate::errno::Errno;
use crate::heap::OutOfMemory;
use crate::sync::{AtomicU32, Ordering, constructor};

/// Which file it is: of all that are open at a moment, no other has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    /// The file system that it is in; 0 if `file` alone says which it is.
    pub file_system: u64,
    /// Which it is there: the number of an inode, or the address of what the kernel has of it.
    pub file: u64,
}

/// They.
pub(crate) struct Files(Ordered<FileId, Outcome>);

/// What has come of a load: the number of an error, 0 if it has succeeded, [`UNKNOWN`].
struct Outcome(AtomicU32);

const UNKNOWN: u32 = u32::MAX;

/// Who loads a file.
pub(crate) enum Turn<'f> {
    /// The caller.
    Own(Own<'f>),
    /// Somebody else.
    Others(Others),
}

/// The right to load a file.
#[must_use = "others wait for what comes of it"]
pub(crate) struct Own<'f>(Added<'f, FileId, Outcome>);

/// The load of a file by somebody else.
pub(crate) struct Others(Held<Outcome>);

impl Files {
    constructor! {
        pub fn new() -> Self {
            Self(Ordered::new())
        }
    }

    /// Whose turn it is to load a file: of several at once, one's.
    ///
    /// # Errors
    /// The heap is exhausted.
    pub fn turn(&self, file: FileId) -> Result<Turn<'_>, OutOfMemory> {
        loop {
            if let Some(held) = self.0.get(file) {
                return Ok(Turn::Others(Others(held)));
            }
            match self.0.add(Outcome(AtomicU32::new(UNKNOWN)), |_| file) {
                Ok(added) => return Ok(Turn::Own(Own(added))),
                Err(NotAdded::OutOfMemory) => return Err(OutOfMemory),
                // Somebody has just come, or left.
                Err(NotAdded::Exists) => continue,
            }
        }
    }

    /// Frees what is left of loads that are done.
    pub fn reap(&self) {
        self.0.reap();
    }
}

impl Own<'_> {
    /// Lets others know what has come of it. Those who wait are to be woken then.
    pub fn end(self, result: Result<(), Errno>) {
        if let Some(outcome) = self.0.value() {
            let number = result.err().map_or(0, |errno| errno.number().unsigned_abs());
            outcome.0.store(number, Ordering::Release);
        }
    }
}

impl Others {
    /// What has come of it; `None` if that is not known yet. Neither waits nor allocates.
    pub fn outcome(&self) -> Option<Result<(), Errno>> {
        let number = self.0.0.load(Ordering::Acquire);
        let status = number.cast_signed().saturating_neg();
        (number != UNKNOWN).then(|| Errno::from_status(status).map_or(Ok(()), Err))
    }
}

// SAFETY: what can be done with a shared one is to look at an atomic.
unsafe impl Sync for Others {}
