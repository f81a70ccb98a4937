//! The error numbers that the system calls return.

use core::fmt;

/// A positive error number with its Linux value, which all supported architectures share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(i32);

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        impl Errno {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// All those that are known here.
            #[cfg(feature = "proc")]
            pub(crate) const KNOWN: [Self; [$($number),*].len()] = [$(Self::$name),*];

            /// Its symbolic name, as in errno(3), if it is one of those known here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// The error number of that symbolic name, if it is one of those known here.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    "EWOULDBLOCK" => Some(Self::EWOULDBLOCK),
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    /// Operation not permitted.
    EPERM = 1,
    /// No such module or symbol.
    ENOENT = 2,
    /// Interrupted while it waited for another load.
    EINTR = 4,
    /// Input/output error.
    EIO = 5,
    /// Argument list too long.
    E2BIG = 7,
    /// Not a module that can be loaded.
    ENOEXEC = 8,
    /// Bad file descriptor.
    EBADF = 9,
    /// The module is in use, or a resource is not there now (also `EWOULDBLOCK`).
    EAGAIN = 11,
    /// Out of memory.
    ENOMEM = 12,
    /// Permission denied.
    EACCES = 13,
    /// Bad address.
    EFAULT = 14,
    /// The module is coming or going, or cannot be unloaded.
    EBUSY = 16,
    /// Already loaded.
    EEXIST = 17,
    /// No such device.
    ENODEV = 19,
    /// Not a directory.
    ENOTDIR = 20,
    /// A directory.
    EISDIR = 21,
    /// Invalid argument.
    EINVAL = 22,
    /// The file is open for writing.
    ETXTBSY = 26,
    /// The file is too large.
    EFBIG = 27,
    /// No room left.
    ENOSPC = 28,
    /// Read-only.
    EROFS = 30,
    /// Out of range.
    ERANGE = 34,
    /// No such system call.
    ENOSYS = 38,
    /// The signature is damaged.
    EBADMSG = 74,
    /// Not supported.
    EOPNOTSUPP = 95,
    /// A function of the module has faulted.
    ENOTRECOVERABLE = 131,
}

impl Errno {
    /// What Linux calls the error of unloading a module that is in use: `EAGAIN` by another name.
    pub const EWOULDBLOCK: Self = Self::EAGAIN;

    /// The error number in a negative status of a kernel function.
    pub const fn from_status(status: i32) -> Option<Self> {
        if status < 0 { Some(Self(status.saturating_neg())) } else { None }
    }

    /// The positive number, as in errno(3).
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
