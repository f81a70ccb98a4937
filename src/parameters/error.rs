//! Why a module's parameters are wrong, or one cannot be read or set.

use super::types::NumberError;
use crate::errno::Errno;
use crate::heap::OutOfMemory;
use crate::name::Name;
use core::fmt;

/// What is wrong with the section `__param` of a module, which is then not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterProblem {
    /// It has this many bytes, which are not whole `struct kernel_param` in the constants that the
    /// module keeps.
    Table(u64),
    /// There is another section of that name.
    Repeated,
    /// The parameter of this index has no name in the module's constants, of
    /// [`MAX_NAME`](super::MAX_NAME) bytes at most.
    Name(usize),
    /// The operations of this one are neither those of a type of Linux's that the kernel exports, nor
    /// in the module's constants, nor a [type of the kernel's](crate::Platform::parameter_type).
    Operations(Name),
    /// A function among the operations of this one is in no code.
    Function(Name),
    /// What this one refers to beside its variable, the description of a string or an array, is not
    /// in the module's constants.
    Description(Name),
    /// The elements of this array overlap, or are of a type that none can be of.
    Element(Name),
    /// The variable of this one, or the number of its elements, is not aligned or not in memory that
    /// can be written, of the module or of one that it uses.
    Variable(Name),
}

/// Why a parameter cannot be read or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterError {
    /// The module has none of that name.
    NotFound,
    /// Its permissions do not allow it.
    Permission,
    /// It has to have a value.
    NoValue,
    /// The value is none of its type.
    Invalid,
    /// The number is not one that its type can hold.
    OutOfRange,
    /// The value is too long.
    TooLong,
    /// These are more elements than it can hold.
    TooMany,
    /// The variable is read-only since the module's init function has returned.
    ReadOnly,
    /// It can only be enabled.
    EnableOnly,
    /// The variable, or the function, was needed by the module's init function alone.
    Gone,
    /// The variable is not the module's, nor that of a module that it uses, but the kernel's.
    Foreign,
    /// The variable of a string leads to memory that is none of the module's.
    Pointer,
    /// There is no room for a string at an address that the module's pointers can hold.
    Address,
    /// The module has no function to read or to set it.
    NoFunction,
    /// The module's own function returned this.
    Function(i32),
    /// The module's own function has faulted, and what it has changed by then stays so. A live module stays live, as
    /// in Linux.
    Faulted,
    /// Another thread reads or sets a parameter of the module, and the kernel cannot wait.
    Busy,
    /// The wait for that was interrupted.
    Interrupted,
    /// The kernel gives no access to a module's data ([`ProtectedMemory::data`]).
    ///
    /// [`ProtectedMemory::data`]: crate::platform::ProtectedMemory::data
    NoAccess,
    /// The heap is exhausted.
    OutOfMemory,
}

impl ParameterError {
    /// The error number that Linux gives for it.
    pub const fn errno(self) -> Errno {
        match self {
            Self::NotFound => Errno::ENOENT,
            Self::Permission => Errno::EACCES,
            Self::NoValue | Self::Invalid | Self::TooMany => Errno::EINVAL,
            Self::OutOfRange => Errno::ERANGE,
            Self::TooLong => Errno::ENOSPC,
            Self::ReadOnly | Self::EnableOnly => Errno::EROFS,
            Self::Gone | Self::Foreign | Self::NoFunction => Errno::EPERM,
            Self::Pointer => Errno::EFAULT,
            Self::Function(status) => match Errno::from_status(status) {
                Some(errno) => errno,
                None => Errno::EINVAL,
            },
            Self::Faulted => Errno::ENOTRECOVERABLE,
            Self::Busy => Errno::EBUSY,
            Self::Interrupted => Errno::EINTR,
            Self::NoAccess => Errno::EIO,
            Self::Address | Self::OutOfMemory => Errno::ENOMEM,
        }
    }
}

impl core::error::Error for ParameterError {}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "there is no such parameter",
            Self::Permission => "its permissions do not allow it",
            Self::NoValue => "it has no value",
            Self::Invalid => "not a value of its type",
            Self::OutOfRange => "not in the range of its type",
            Self::TooLong => "too long",
            Self::TooMany => "more elements than there is room for",
            Self::ReadOnly => "read-only after init",
            Self::EnableOnly => "it can only be enabled",
            Self::Gone => "only init needed it",
            Self::Foreign => "its variable is the kernel's",
            Self::Pointer => "its pointer leads out of the module",
            Self::Address => "no room at an address that the module can hold",
            Self::NoFunction => "the module has no function for that",
            Self::Function(status) => {
                return write!(f, "the module's own function returned {status}");
            }
            Self::Faulted => "the module's own function has faulted",
            Self::Busy => "in use by another thread",
            Self::Interrupted => "interrupted while another thread used it",
            Self::NoAccess => "the kernel gives no access to the module's data",
            Self::OutOfMemory => return OutOfMemory.fmt(f),
        })
    }
}

impl From<OutOfMemory> for ParameterError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<NumberError> for ParameterError {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::Invalid => Self::Invalid,
            NumberError::OutOfRange => Self::OutOfRange,
        }
    }
}

impl fmt::Display for ParameterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, what) = match self {
            Self::Table(size) => {
                return write!(f, "__param: {size} bytes are no table in the module's constants");
            }
            Self::Repeated => return f.write_str("there are two sections __param"),
            Self::Name(index) => {
                return write!(f, "parameter {index} has no name in the module's constants");
            }
            Self::Operations(name) => (name, "nobody knows its type"),
            Self::Function(name) => (name, "a function of its type is in no code"),
            Self::Description(name) => (name, "what describes it is not in the module's constants"),
            Self::Element(name) => (name, "its elements are none"),
            Self::Variable(name) => (name, "its variable is not in memory that can be written"),
        };
        write!(f, "parameter {name}: {what}")
    }
}
