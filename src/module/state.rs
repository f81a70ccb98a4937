//! Where a module is in its life.

/// Where a module is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Linked; its init function has not returned.
    Coming,
    /// Its init function has succeeded.
    Live,
    /// Being unloaded: nobody gets a reference any more.
    Going,
    /// Its init function has [faulted](crate::platform::Faulted): it stays as it was then, for ever, and
    /// nobody gets a reference or its symbols. Linux has it `Coming` for ever.
    Faulted,
}
