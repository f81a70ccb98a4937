//! Failures that a test asks for.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Something that the loader asks of the kernel and that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Memory for a module.
    Allocate,
    /// A change of protection.
    Protect,
    /// A copy from the calling process.
    CopyFromUser,
    /// A read from a file.
    Read,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Allocate, Self::Protect, Self::CopyFromUser, Self::Read];
}

#[derive(Debug, Default)]
struct Count {
    /// How often it has been asked for.
    done: AtomicUsize,
    /// At which of these it fails; 0 for never.
    fails_at: AtomicUsize,
}

#[derive(Debug, Default)]
pub(crate) struct Failures([Count; Operation::ALL.len()]);

impl Failures {
    /// Lets the `nth` operation from now on fail, the first being 1.
    pub fn arrange(&self, operation: Operation, nth: usize) {
        assert_ne!(nth, 0, "operations are counted from 1");
        let count = self.count(operation);
        let done = count.done.load(Ordering::SeqCst);
        count.fails_at.store(done + nth, Ordering::SeqCst);
    }

    /// Lets everything succeed from now on.
    pub fn forget(&self) {
        for count in &self.0 {
            count.fails_at.store(0, Ordering::SeqCst);
        }
    }

    /// How many operations there have been.
    pub fn done(&self, operation: Operation) -> usize {
        self.count(operation).done.load(Ordering::SeqCst)
    }

    /// Counts an operation; says whether it is to fail.
    pub fn strikes(&self, operation: Operation) -> bool {
        let count = self.count(operation);
        let done = count.done.fetch_add(1, Ordering::SeqCst) + 1;
        done == count.fails_at.load(Ordering::SeqCst)
    }

    fn count(&self, operation: Operation) -> &Count {
        &self.0[operation as usize]
    }
}
