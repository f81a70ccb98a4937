//! What the loader has asked of the kernel, in order.

use modlink::platform::{Event, Protection, Purpose};

/// A thing that the loader did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It got memory.
    Allocated(Purpose),
    /// It protected pages of memory that it had got for this purpose.
    Protected(Purpose, Protection),
    /// It gave memory back.
    Freed(Purpose),
    /// It told of a module.
    Told(Event, String),
    /// It called the init function of a module.
    Init(String),
    /// It called the exit function of a module.
    Exit(String),
}
