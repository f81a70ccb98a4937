//! Those who read what is published, and the grace periods after which those are done who read when
//! it was replaced (the term of Linux's RCU).
//!
//! Readers are counted in one of two counts, that of the phase. The phase moves on when the other
//! count is seen at zero; whoever comes is counted in that from then on. So the one that has to come
//! to zero next only falls, and the phase moves on however readers overlap.
//!
//! Invariants:
//! - Which count a reader is counted in is a hint: a phase may have passed since it has looked. Each
//!   stands for all readers.
//! - A value is marked with the phase when it has been replaced. Three phases later both counts have
//!   been zero since: the first zero may have been seen before the mark was made, the other two have
//!   not.
//! - A phase says something only of values that were marked before it was read.
//! - No thread stalls between looking at a count and ending its phase for a multiple of 2³² phases,
//!   to the phase.
//! - Marks, phases and counts are read by read-modify-write operations. Of a reader and who looks at
//!   its count one comes first; if that is who looks, the reader sees all that came before the mark,
//!   so what has replaced the value.

use super::retired::Retire;
use crate::sync::{AtomicU32, Ordering, constructor, spin_loop};

/// How many phases there are from a mark to the end of its grace period.
const GRACE_PERIOD: u16 = 3;

/// How often it is looked whether readers are done, before what they may see is kept for later.
const TRIES: u16 = if cfg!(loom) { GRACE_PERIOD } else { 1000 };

pub(crate) struct Readers {
    phase: AtomicU32,
    counts: [AtomicU32; 2],
}

/// One who reads.
#[must_use = "whoever is not counted may read what has been freed"]
pub(crate) struct Reader<'r>(&'r AtomicU32);

/// The phase at a moment.
#[derive(Clone, Copy)]
pub(crate) struct Phase(u32);

impl Readers {
    constructor! {
        pub fn new() -> Self {
            Self { phase: AtomicU32::new(0), counts: [AtomicU32::new(0), AtomicU32::new(0)] }
        }
    }

    /// Counts a reader. Neither waits nor allocates; for any context.
    #[inline]
    pub fn enter(&self) -> Reader<'_> {
        let count = self.count(self.phase.load(Ordering::Relaxed));
        count.fetch_add(1, Ordering::AcqRel);
        Reader(count)
    }

    /// Marks a value that no reader can find any more who comes now.
    pub fn mark<T: Retire>(&self, value: &T) {
        value.retired().store(self.phase().mark(), Ordering::Relaxed);
    }

    /// The phase, after those have passed that are needed for what has been marked before, or are
    /// kept from passing by somebody who reads.
    pub fn after_grace_period(&self) -> Phase {
        let before = self.phase();
        let mut phase = before;
        for _ in 0..TRIES {
            self.end(phase);
            phase = self.phase();
            if phase.mark().wrapping_sub(before.mark()) >= GRACE_PERIOD {
                break;
            }
        }
        phase
    }

    /// Ends a phase if nobody reads who was counted before it began.
    fn end(&self, Phase(phase): Phase) {
        let next = phase.wrapping_add(1);
        if self.count(next).fetch_add(0, Ordering::AcqRel) != 0 {
            spin_loop();
            return;
        }
        // If that fails, somebody else has ended it.
        let _ = self.phase.compare_exchange(phase, next, Ordering::AcqRel, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        Phase(self.phase.fetch_add(0, Ordering::AcqRel))
    }

    #[inline]
    fn count(&self, phase: u32) -> &AtomicU32 {
        let [even, odd] = &self.counts;
        if phase & 1 == 0 { even } else { odd }
    }
}

impl Phase {
    /// Of a value that was marked before this was read: whether its grace period is past: everybody is done who could find it before it was
    /// marked.
    pub fn is_past<T: Retire>(self, value: &T) -> bool {
        let mark = value.retired().load(Ordering::Relaxed);
        self.mark().wrapping_sub(mark) >= GRACE_PERIOD
    }

    /// Its low half. Of a value that has waited for a multiple of 65,536 phases it is known in the
    /// next grace period only that its own is past.
    fn mark(self) -> u16 {
        let [low, high, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([low, high])
    }
}

impl Drop for Reader<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::{AtomicPtr, AtomicU16};

    struct Value(AtomicU16);

    impl Retire for Value {
        fn next(&self) -> &AtomicPtr<Self> {
            unreachable!("it is on no stack")
        }

        fn retired(&self) -> &AtomicU16 {
            &self.0
        }
    }

    #[test]
    fn a_grace_period_passes_at_once_if_nobody_reads() {
        let readers = Readers::new();
        let value = Value(AtomicU16::new(0));
        readers.mark(&value);
        assert!(readers.after_grace_period().is_past(&value));
    }

    #[test]
    fn a_reader_holds_the_grace_period_of_what_it_could_find_for_ever() {
        let readers = Readers::new();
        for _ in 0..2 {
            let reader = readers.enter();
            let value = Value(AtomicU16::new(0));
            readers.mark(&value);
            for _ in 0..10 {
                assert!(!readers.after_grace_period().is_past(&value));
            }
            drop(reader);
            assert!(readers.after_grace_period().is_past(&value));
            // The next is counted in the other count.
            let phase = readers.phase();
            readers.end(phase);
        }
    }

    #[test]
    fn readers_that_overlap_without_a_gap_hold_no_grace_period_for_ever() {
        let readers = Readers::new();
        let value = Value(AtomicU16::new(0));
        let mut reader = readers.enter();
        readers.mark(&value);
        let ended = (0..4).position(|_| {
            // The one before goes when this one has come.
            reader = readers.enter();
            readers.after_grace_period().is_past(&value)
        });
        assert!(ended.is_some_and(|turns| turns > 0));
    }
}
