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
}
