//! Text about modules that a file system can serve (feature `proc`): `/proc/modules`,
//! `/proc/sys/kernel/tainted` and [`/sys/module`](sys) as Linux 6.1 has them, what has been
//! [counted](counters()), and with the feature `kallsyms` `/proc/kallsyms`.
//!
//! From any context in which `out` can be written to: nothing here waits, allocates, takes a lock or
//! calls the platform, but for [`ProtectedMemory::address`](crate::platform::ProtectedMemory::address).
//! What is told of several modules is as they were at one moment, though the state and count of each are
//! as they are when it is written; and nothing that is unloaded meanwhile is freed. So `out` should be
//! memory of the kernel's: who copies to a process, which may sleep, has the text first, all of it at
//! `open` or a part at a time with [`read_at`].
//!
//! Names are what a file says: what is neither printable ASCII nor a blank is shown as `\xNN`, and so
//! are blanks and backslashes, that each line has the words that it should have.

#[cfg(feature = "kallsyms")]
mod kallsyms;
mod modules;
pub mod sys;

#[cfg(feature = "kallsyms")]
pub use kallsyms::{KernelLine, kallsyms};
pub use modules::modules;

use crate::loader::Loader;
use crate::module::Module;
use crate::platform::Platform;
use core::fmt::{self, Write};

/// Whether who reads may see addresses (Linux: `CAP_SYSLOG`, and the sysctl `kptr_restrict`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// All are shown as 0.
    Hidden,
    /// They are shown.
    Shown,
}

/// The kernel's taints as `/proc/sys/kernel/tainted` has them: a decimal number.
///
/// # Errors
/// As those of `out`.
pub fn tainted<P: Platform>(loader: &Loader<P>, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "{}", loader.taints().bits())
}

/// What the loader has counted, a name and a number in each line. Of error numbers, those that a load
/// has failed with.
///
/// # Errors
/// As those of `out`.
pub fn counters<P: Platform>(loader: &Loader<P>, out: &mut dyn Write) -> fmt::Result {
    let counters = loader.counters();
    for (name, number) in [
        ("loads", counters.loads),
        ("load_bytes", counters.load_bytes),
        ("unloads", counters.unloads),
        ("failed_unloads", counters.failed_unloads),
        ("failed_loads", counters.failed_loads),
        ("failed_bytes", counters.failed_bytes),
        ("duplicate_loads", counters.duplicate_loads),
        ("duplicate_bytes", counters.duplicate_bytes),
    ] {
        writeln!(out, "{name} {number}")?;
    }
    writeln!(out, "duplicate_microseconds {}", micros(counters.duplicate_time))?;
    writeln!(out, "shared_loads {}", counters.shared_loads)?;
    writeln!(out, "shared_microseconds {}", micros(counters.shared_time))?;
    for (reason, number) in counters.by_reason() {
        writeln!(out, "failed_loads_{} {number}", reason.name())?;
    }
    let mut others = counters.failed_loads;
    for (errno, number) in counters.by_errno().filter(|(_, number)| *number != 0) {
        others = others.saturating_sub(number);
        writeln!(out, "failed_loads_{errno} {number}")?;
    }
    writeln!(out, "failed_loads_other_errno {others}")
}

/// The text of 128 bits can panic, as far as the compiler sees.
fn micros(time: core::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Puts the bytes of a text from `offset` on into `buffer`; how many they are, which is 0 at the end of
/// the text. `write` makes the text, and is left with an error as soon as the buffer is full.
///
/// Each part is of the text as it then is: who wants all of one moment gives room for all.
pub fn read_at(
    offset: u64,
    buffer: &mut [u8],
    write: impl FnOnce(&mut dyn Write) -> fmt::Result,
) -> usize {
    let mut part = Part { skip: offset, room: buffer, filled: 0 };
    // The only error is that there is no more room.
    let _ = write(&mut part);
    part.filled
}

struct Part<'b> {
    /// How many bytes come before it.
    skip: u64,
    room: &'b mut [u8],
    filled: usize,
}

impl Write for Part<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(text.len());
        self.skip = self.skip.saturating_sub(skipped as u64);
        let text = text.as_bytes().get(skipped..).unwrap_or_default();
        let room = self.room.get_mut(self.filled..).unwrap_or_default();
        let taken = text.len().min(room.len());
        room.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        self.filled = self.filled.saturating_add(taken);
        if taken == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// How many references there are to a module; -1 if it is being unloaded and there are none, as in Linux.
struct References<'m, P: Platform>(&'m Module<P>);

impl<P: Platform> fmt::Display for References<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.references() {
            0 if self.0.count().is_unloading() => f.write_str("-1"),
            references => write!(f, "{references}"),
        }
    }
}

/// A name in a line of words.
struct Word<'n>(&'n [u8]);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b'\\' | ..=b' ' | 0x7f.. => write!(f, "\\x{byte:02x}"),
            byte => f.write_char((*byte).into()),
        })
    }
}

/// An address in as many digits as the architecture's have.
struct Address<P> {
    address: u64,
    platform: core::marker::PhantomData<P>,
}

impl<P: Platform> Address<P> {
    fn new(address: u64, shown: Addresses) -> Self {
        let address = if shown == Addresses::Shown { address } else { 0 };
        Self { address, platform: core::marker::PhantomData }
    }
}

impl<P: Platform> fmt::Display for Address<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match <P::Arch as crate::arch::Arch>::CLASS {
            crate::arch::Class::Elf32 => 8,
            crate::arch::Class::Elf64 => 16,
        };
        write!(f, "0x{:0digits$x}", self.address)
    }
}
