//! The word in a module's header that says how far the module is and how many references there
//! are to it.
//!
//! Invariants:
//! - Once `GOING`, a module stays so, unless who has [closed](Count::close) it finds right after that it
//!   is used: no reference comes from nothing ([`Count::take`]), only from another one
//!   ([`Count::again`]). So a count of 0 of one that is going stays 0.
//! - One of all who close a live module goes on with it: who has made it `GOING`. What is `FAULTED` is
//!   `GOING` too, so that nobody does.
//! - `GONE` comes after `GOING`, and after it nobody who starts to read looks at the module's
//!   content. That is freed when the count is 0 and whoever read before is done.
//! - A count that has reached its highest value stays there: the module is then never unloaded.

use super::State;
use crate::sync::{AtomicU32, Ordering};

/// From the highest bit: [`GOING`], the count, the five flags.
#[derive(Debug)]
pub(crate) struct Count(AtomicU32);

/// Nobody gets a reference any more.
const GOING: u32 = 1 << 31;
/// One reference.
const ONE: u32 = 1 << 5;
/// All bits of the count.
const COUNT: u32 = GOING - ONE;
/// `init` has succeeded.
const LIVE: u32 = 1;
/// Out of use: not to be read any more.
const GONE: u32 = 2;
/// No snapshot that can still be reached has the module.
const UNLISTED: u32 = 4;
/// The module's content is there.
const FILLED: u32 = 8;
/// `init` has faulted: the module stays as it is.
const FAULTED: u32 = 16;

impl Count {
    /// That of a module whose name alone is known.
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Takes a reference unless the module is going (Linux: `try_module_get`).
    #[inline]
    pub fn take(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            // One comparison for both: with `GOING` a word is larger than any count.
            if word >= COUNT - ONE {
                return false;
            }
            let more = word.wrapping_add(ONE);
            // Who closes the count sees what came before: that a load had reserved its name.
            match self.0.compare_exchange_weak(word, more, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Takes another reference for somebody who has one, whether or not the module is going.
    pub fn again(&self) {
        self.change(|word| word.wrapping_add(ONE), Ordering::Relaxed);
    }

    /// Puts a reference (Linux: `module_put`). The module is not touched afterwards.
    #[inline]
    pub fn put(&self) {
        self.change(|word| word.wrapping_sub(ONE), Ordering::Release);
    }

    /// Puts a reference that nothing but the count knows of; says whether there was one.
    pub fn put_counted(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            match word & COUNT {
                0 => return false,
                COUNT => return true,
                _ => {}
            }
            let less = word.wrapping_sub(ONE);
            match self.0.compare_exchange_weak(word, less, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Puts a reference. Whether there are none now and will be none: of a count that is closed, one
    /// who puts or [closes](Self::close_last) is told so, and nobody else. Unless that is this one, what is
    /// counted is not touched afterwards.
    #[inline]
    pub fn put_last(&self) -> bool {
        let word = self.change(|word| word.wrapping_sub(ONE), Ordering::AcqRel);
        word & (GOING | COUNT) == GOING
    }

    /// Stops new references, whatever references there are. Whether there are none and will be none,
    /// which is told once.
    pub fn close_last(&self) -> bool {
        self.0.fetch_or(GOING, Ordering::AcqRel) & (GOING | COUNT) == 0
    }

    /// Changes a count that is not at its highest value. Returns the word as it is then.
    fn change(&self, to: impl Fn(u32) -> u32, success: Ordering) -> u32 {
        let mut word = self.0.load(Ordering::Relaxed);
        while word & COUNT != COUNT {
            match self.0.compare_exchange_weak(word, to(word), success, Ordering::Relaxed) {
                Ok(_) => return to(word),
                Err(now) => word = now,
            }
        }
        word
    }

    /// How many references there are. What was done with those that have been put has happened.
    pub fn references(&self) -> u32 {
        (self.0.load(Ordering::Acquire) & COUNT) / ONE
    }

    pub fn state(&self) -> State {
        match self.0.load(Ordering::Acquire) {
            word if word & GOING != 0 && word & FAULTED != 0 => State::Faulted,
            word if word & GOING != 0 => State::Going,
            word if word & LIVE != 0 => State::Live,
            _ => State::Coming,
        }
    }

    /// Whether the module was live and is going.
    #[cfg(feature = "proc")]
    pub fn is_unloading(&self) -> bool {
        self.0.load(Ordering::Acquire) & (GOING | LIVE) == GOING | LIVE
    }

    pub fn go_live(&self) {
        self.0.fetch_or(LIVE, Ordering::Release);
    }

    /// Stops new references to a live module if there are none now; says whether it did.
    pub fn stop_new_references(&self) -> bool {
        let open = LIVE | FILLED;
        let going = open | GOING;
        self.0.compare_exchange(open, going, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Stops new references to a live module, whatever references there are; says whether that has
    /// not been done before.
    pub fn close(&self) -> bool {
        self.0.fetch_or(GOING, Ordering::AcqRel) & GOING == 0
    }

    /// Takes back what [`close`](Self::close) has done, for who has done it.
    pub fn reopen(&self) {
        self.0.fetch_and(!GOING, Ordering::AcqRel);
    }

    /// Stops new references to a module that is coming and does not go live.
    pub fn fail(&self) {
        self.0.fetch_or(GOING, Ordering::AcqRel);
    }

    /// The same, for one that stays as it is.
    pub fn fault(&self) {
        self.0.fetch_or(GOING | FAULTED, Ordering::AcqRel);
    }

    /// Takes the module out of use; it is going or has never been there.
    pub fn leave(&self) {
        self.0.fetch_or(GOING | GONE, Ordering::AcqRel);
    }

    /// Whether it is out of use. To be asked with a pin, before the content is looked at.
    #[inline]
    pub fn is_gone(&self) -> bool {
        self.0.load(Ordering::Acquire) & GONE != 0
    }

    /// Whether the content is there and not out of use. To be asked with a pin, as above.
    #[inline]
    pub fn is_there(&self) -> bool {
        self.0.load(Ordering::Acquire) & (FILLED | GONE) == FILLED
    }

    /// Notes that no snapshot has the module any more.
    pub fn unlist(&self) {
        self.0.fetch_or(UNLISTED, Ordering::Relaxed);
    }

    pub fn is_listed(&self) -> bool {
        self.0.load(Ordering::Relaxed) & UNLISTED == 0
    }

    /// Notes whether the content is there.
    pub fn fill(&self, filled: bool) {
        if filled {
            self.0.fetch_or(FILLED, Ordering::Release);
        } else {
            self.0.fetch_and(!FILLED, Ordering::Release);
        }
    }

    pub fn is_filled(&self) -> bool {
        self.0.load(Ordering::Acquire) & FILLED != 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn live() -> Count {
        let count = Count::new();
        count.fill(true);
        count.go_live();
        count
    }

    #[test]
    fn a_count_goes_up_and_down_and_a_module_goes_at_nothing_only() {
        let count = live();
        assert!(count.take() && count.take());
        assert_eq!((count.references(), count.state()), (2, State::Live));
        assert!(!count.stop_new_references());
        count.put();
        count.put();
        assert!(count.stop_new_references() && !count.stop_new_references());
        assert!(!count.take());
        assert_eq!((count.references(), count.state()), (0, State::Going));
    }

    #[test]
    fn a_coming_module_can_be_taken_and_does_not_go() {
        let count = Count::new();
        count.fill(true);
        assert!(count.take());
        count.put();
        assert_eq!(count.state(), State::Coming);
        assert!(!count.stop_new_references());
    }

    #[test]
    fn who_has_a_reference_to_a_going_module_gets_another() {
        let count = live();
        assert!(count.take());
        count.fail();
        assert!(!count.take());
        count.again();
        assert_eq!(count.references(), 2);
        count.put();
        count.put();
        assert_eq!((count.references(), count.state()), (0, State::Going));
    }

    #[test]
    fn of_a_closed_count_one_is_told_that_nobody_is_left() {
        let unused = live();
        assert!(unused.close_last() && !unused.close_last() && !unused.take());
        let count = live();
        assert!(count.take() && count.take());
        assert!(!count.put_last(), "it is open");
        assert!(count.take() && !count.close_last() && !count.take());
        assert!(!count.put_last() && count.put_last());
        assert!(!count.close_last(), "it has been told");
        let open = live();
        assert!(open.take() && !open.put_last() && open.close_last());
        let full = Count(AtomicU32::new(GOING | COUNT | FILLED));
        assert!(!full.put_last() && !full.close_last());
    }

    #[test]
    fn a_full_count_neither_overflows_nor_comes_down() {
        let count = Count(AtomicU32::new((COUNT - 2 * ONE) | LIVE | FILLED));
        assert!(count.take());
        assert!(!count.take(), "the last value is for those who have to get one");
        count.again();
        count.again();
        assert_eq!((count.references(), count.state()), (COUNT / ONE, State::Live));
        count.put();
        assert_eq!(count.references(), COUNT / ONE);
        assert!(!count.take() && !count.stop_new_references());
    }

    #[test]
    fn a_live_module_is_closed_once_whatever_references_there_are() {
        let count = live();
        assert!(count.take());
        assert!(!count.stop_new_references() && count.close());
        assert!(!count.close() && !count.stop_new_references() && !count.take());
        assert_eq!((count.references(), count.state()), (1, State::Going));
        count.put();
        assert_eq!((count.references(), count.state()), (0, State::Going));
    }

    #[test]
    fn a_module_that_has_faulted_stays_so() {
        let count = Count::new();
        count.fill(true);
        count.again();
        count.fault();
        assert!(!count.take() && !count.stop_new_references() && !count.close());
        count.put();
        assert!(!count.take() && !count.stop_new_references() && !count.close());
        assert_eq!((count.references(), count.state()), (0, State::Faulted));
        assert!(count.is_there() && count.is_listed());
    }

    #[test]
    fn no_more_references_are_put_than_are_counted() {
        let count = live();
        assert!(!count.put_counted());
        assert!(count.take() && count.take());
        assert!(count.put_counted() && count.put_counted() && !count.put_counted());
        assert_eq!((count.references(), count.state()), (0, State::Live));
        let full = Count(AtomicU32::new(COUNT | LIVE | FILLED));
        assert!(full.put_counted());
        assert_eq!((full.references(), full.state()), (COUNT / ONE, State::Live));
    }

    #[test]
    fn flags_leave_the_count_alone() {
        let count = live();
        assert!(count.take());
        assert!(!count.is_gone() && count.is_listed() && count.is_filled());
        count.leave();
        count.unlist();
        count.fill(false);
        assert!(count.is_gone() && !count.is_listed() && !count.is_filled());
        assert_eq!((count.references(), count.state()), (1, State::Going));
    }
}
