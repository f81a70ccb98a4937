//! What a kernel with processes adds to [`Platform`] for the system calls.

use crate::platform::Platform;
use crate::registry::FileId;

/// A kernel whose processes load and remove modules: their credentials, memory and files.
///
/// All methods are about the process that called, on its thread, and are called by
/// [`syscall`](super) alone, with no lock held.
pub trait ProcessPlatform: Platform {
    /// A file from which a module is read; dropping it closes it.
    type File: ModuleFile;

    /// Whether the calling process may load and remove modules (Linux: `CAP_SYS_MODULE`).
    fn may_manage_modules(&self) -> bool;

    /// Copies bytes from the calling process, from the address `from` on.
    ///
    /// # Errors
    /// [`Fault`] if any of them cannot be read.
    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), Fault>;

    /// Opens the file behind a descriptor of the calling process for reading a module from it.
    ///
    /// # Errors
    /// The first of [`OpenError`]'s variants that is true of the descriptor.
    fn open(&self, descriptor: i32) -> Result<Self::File, OpenError>;
}

/// A file from which a module is read. It cannot be written while this value lives.
pub trait ModuleFile {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Fills `to` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`ReadError`] if they cannot all be read.
    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), ReadError>;

    /// All its bytes, if the kernel has them in memory, where nobody writes them: that spares
    /// clearing the room that they are read to.
    fn contents(&self) -> Option<&[u8]> {
        None
    }

    /// Which file it is, if one that several processes load at once is to be loaded once: the others
    /// wait ([`Platform::wait`]) and get the result of the one (as in Linux since 6.5). That is so for as
    /// long as this value lives, which is until the load is done. By default each load is one of its own,
    /// and all but the first find the name taken.
    fn identity(&self) -> Option<FileId> {
        None
    }
}

/// An address of the calling process cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// A file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError;

/// A descriptor does not lead to a file that a module can be read from. In this order Linux
/// finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The process has no such descriptor open, or not for reading.
    BadDescriptor,
    /// It is not a regular file.
    NotRegular,
    /// Somebody has it open for writing.
    OpenForWriting,
}
