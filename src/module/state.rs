//! Where a module is in its life.

/// Where a module is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Linked, and starting.
    Coming,
    /// Started.
    Live,
    /// Stopping: nobody gets a reference any more.
    Going,
}
