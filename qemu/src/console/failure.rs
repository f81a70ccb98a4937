//! Why a command failed.

use alloc::string::String;
use core::fmt;
use modlink::Errno;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// It failed with an error number; `expect` accepts these.
    Errno(Errno),
    /// It came out wrong.
    Wrong(String),
    /// It makes no sense as it is written.
    Usage(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(errno) => write!(f, "failed with {errno}"),
            Self::Wrong(what) => f.write_str(what),
            Self::Usage(what) => write!(f, "{what} (see `help`)"),
        }
    }
}
