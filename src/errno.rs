//! The error numbers that the system calls return.

use core::fmt;

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// An error number with its Linux value, which all supported architectures share.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(i32)]
        #[allow(clippy::upper_case_acronyms)]
        pub enum Errno {
            $($(#[$doc])* $name = $number,)*
        }

        impl Errno {
            /// Its symbolic name, as in errno(3).
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The error number with that value, if it is one of those known here.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
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
    /// Input/output error.
    EIO = 5,
    /// Not a module that can be loaded.
    ENOEXEC = 8,
    /// Bad file descriptor.
    EBADF = 9,
    /// The module is in use, or a resource is not there now (also `EWOULDBLOCK`).
    EAGAIN = 11,
    /// Out of memory.
    ENOMEM = 12,
    /// Bad address.
    EFAULT = 14,
    /// The module is coming or going, or cannot be unloaded.
    EBUSY = 16,
    /// Already loaded.
    EEXIST = 17,
    /// No such device.
    ENODEV = 19,
    /// Invalid argument.
    EINVAL = 22,
    /// The file is open for writing.
    ETXTBSY = 26,
    /// The file is too large.
    EFBIG = 27,
    /// No such system call.
    ENOSYS = 38,
    /// The signature is damaged.
    EBADMSG = 74,
    /// Not supported.
    EOPNOTSUPP = 95,
}

impl Errno {
    /// What Linux calls the error of taking out a module that is in use: `EAGAIN` by another name.
    pub const EWOULDBLOCK: Self = Self::EAGAIN;

    /// The positive number, as in errno(3).
    pub const fn number(self) -> i32 {
        self as i32
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
