//! What has to be forgotten after a mapping has changed.

use core::ops::Range;

/// What TLBs may still hold of pages whose mapping has changed: other CPUs' as a rule, and this
/// one's if the change did not see to it.
///
/// Who gets one says what is to become of it. A [`Region`](super::Region) flushes each before it
/// goes on: before a module runs, and before the memory behind unmapped pages is free.
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// use modlink::platform::region::Stale;
///
/// fn unmap() -> Stale {
///     Stale::new(0xffff_ffff_c000_0000..0xffff_ffff_c000_1000, |_| {})
/// }
///
/// unmap(); // other CPUs still reach the page
/// ```
#[must_use = "CPUs use the old mapping until it is flushed"]
#[derive(Debug)]
pub struct Stale {
    pages: Range<usize>,
    flush: fn(Range<usize>),
}

impl Stale {
    /// The mapping of `pages`, addresses of whole pages, which `flush` makes every CPU forget. It
    /// returns when all have. It is called at once, by the thread that made the change, with
    /// nothing of the crate's held, so that it may wait for other CPUs.
    pub const fn new(pages: Range<usize>, flush: fn(Range<usize>)) -> Self {
        Self { pages, flush }
    }

    /// Nothing: no CPU has anything to forget, or every one has already.
    pub const fn nothing() -> Self {
        Self::new(0..0, |_| {})
    }

    /// Makes every CPU forget it.
    pub fn flush(self) {
        (self.flush)(self.pages);
    }

    /// Leaves it, because it does no harm: no CPU can have used the old mapping, or the new one
    /// allows all that the old one did.
    pub fn ignore(self) {}
}
