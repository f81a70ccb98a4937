//! The system calls `init_module`, `finit_module` and `delete_module`, with the checks of Linux in
//! its order (init_module(2), delete_module(2)).
//!
//! Addresses are those of the calling process; [`ProcessPlatform::copy_from_user`] reads there. Each byte
//! of the image is copied once and never looked at again where the process could change it.

mod once;
mod process;

use crate::arch::Arch;
use crate::errno::Errno;
use crate::image::raw;
use crate::loader::Loader;
use crate::module::{LoadOptions, max_name};
use crate::platform::{Level, page_size};
use alloc::vec::Vec;
use bitflags::bitflags;

pub use crate::registry::FileId;
pub use process::{Fault, ModuleFile, OpenError, ProcessPlatform, ReadError};

bitflags! {
    /// The flags of `finit_module`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FinitFlags: u32 {
        /// Do not compare symbol versions.
        const IGNORE_MODVERSIONS = 1;
        /// Do not compare the kernel version.
        const IGNORE_VERMAGIC = 2;
        /// The file is compressed.
        const COMPRESSED_FILE = 4;
    }
}

bitflags! {
    /// The flags of `delete_module` that matter; others are ignored, as in Linux.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DeleteFlags: u32 {
        /// Fail rather than wait. A module in use is always rejected at once, as by Linux since 3.13.
        const NONBLOCK = 0o4000;
        /// Unload by force: even a module that has an init and no exit function, or to which somebody has
        /// references, unless another module uses it ([`Platform::FORCE_UNLOAD`](crate::Platform)).
        const TRUNC = 0o1000;
    }
}

/// The longest string of arguments in bytes, its NUL included.
const MAX_ARGUMENTS: usize = 1 << 20;

/// The largest file that Linux reads at once.
const MAX_FILE: u64 = i32::MAX as u64;

/// How many bytes of an image are copied at a time: what a process says to have and has not costs
/// no more than this to find out.
const CHUNK: usize = 64 << 10;

/// Loads the module whose file stands at `image`, `length` bytes long; `arguments` is the address
/// of a NUL-terminated string.
///
/// # Errors
/// `EPERM` if the process may not or modules are disabled, `ENOEXEC` if the file is shorter than an
/// ELF header, `ENOMEM` if it is longer than any that `finit_module` would read or than there is
/// memory, `EFAULT`, and then those of [`LoadError`](crate::LoadError).
pub fn init_module<P: ProcessPlatform>(
    loader: &Loader<P>,
    image: u64,
    length: u64,
    arguments: u64,
) -> Result<(), Errno> {
    let platform = loader.platform();
    permitted(loader)?;
    if length < raw::sizes::<P::Arch>().header as u64 {
        return Err(Errno::ENOEXEC);
    }
    if length > MAX_FILE {
        return Err(Errno::ENOMEM);
    }
    let file = copy(platform, image, length as usize)?;
    load(loader, &file, LoadOptions::default(), arguments)
}

/// Loads the module whose file `descriptor` has open for reading; `arguments` is the address of a
/// NUL-terminated string. If the kernel says which file it is ([`ModuleFile::identity`]) and that is being
/// loaded by another call of this, the result is that of the other, success included; `arguments` and what
/// `flags` ask for are then not looked at (as in Linux since 6.5).
///
/// # Errors
/// `EPERM`, `EINVAL` for unknown flags, `EBADF`, `EINVAL` for what is no regular file or empty,
/// `ETXTBSY`, `EFBIG`, `ENOMEM`, `EIO`, `EOPNOTSUPP` for a compressed file, and then those of
/// [`LoadError`](crate::LoadError); `EINTR` and `EBUSY` if another load of the file cannot be waited for.
pub fn finit_module<P: ProcessPlatform>(
    loader: &Loader<P>,
    descriptor: i32,
    arguments: u64,
    flags: u32,
) -> Result<(), Errno> {
    let platform = loader.platform();
    permitted(loader)?;
    let flags = FinitFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let file = open(platform, descriptor)?;
    match file.identity() {
        None => {
            let bytes = read(&file)?;
            drop(file);
            load_read(loader, &bytes, arguments, flags)
        }
        // Open until the load is done: for so long, no other file has this identity.
        Some(id) => once::load(loader, id, || load_read(loader, &read(&file)?, arguments, flags)),
    }
}

/// Loads what has been read of a file.
fn load_read<P: ProcessPlatform>(
    loader: &Loader<P>,
    file: &[u8],
    arguments: u64,
    flags: FinitFlags,
) -> Result<(), Errno> {
    if flags.contains(FinitFlags::COMPRESSED_FILE) {
        return Err(Errno::EOPNOTSUPP);
    }
    load(loader, file, options(flags), arguments)
}

/// Unloads the module whose name is the NUL-terminated string at `name`.
///
/// # Errors
/// `EPERM`, `EFAULT`, `ENOENT`, `EWOULDBLOCK` if another module uses it, `EBUSY` if it is coming or
/// going, or its init function has faulted; unless `O_TRUNC` is among `flags`, `EBUSY` if it has an init
/// and no exit function, and `EWOULDBLOCK` if there are references to it; `ENOTRECOVERABLE` if its exit
/// function faults.
pub fn delete_module<P: ProcessPlatform>(
    loader: &Loader<P>,
    name: u64,
    flags: u32,
) -> Result<(), Errno> {
    let platform = loader.platform();
    permitted(loader)?;
    let name = string(platform, name, max_name::<P::Arch>(), Excess::Truncate)?;
    let force = DeleteFlags::from_bits_truncate(flags).contains(DeleteFlags::TRUNC);
    loader.unload(&name, force).map_err(|error| {
        let name = crate::Name::from(&name[..]);
        platform.log(Level::Error, format_args!("module {name} not unloaded: {error}"));
        error.errno()
    })
}

/// Carries out the system call of that number in the architecture's table. Returns what the
/// process gets: 0, or an error number negated; `ENOSYS` if the number is none of the three.
pub fn dispatch<P: ProcessPlatform>(
    loader: &Loader<P>,
    number: usize,
    arguments: [usize; 6],
) -> isize {
    let [a, b, c, ..] = arguments;
    let numbers = <P::Arch as Arch>::SYSCALLS;
    let result = if number == numbers.init_module {
        init_module(loader, a as u64, b as u64, c as u64)
    } else if number == numbers.finit_module {
        finit_module(loader, a as i32, b as u64, c as u32)
    } else if number == numbers.delete_module {
        delete_module(loader, a as u64, b as u32)
    } else {
        Err(Errno::ENOSYS)
    };
    match result {
        Ok(()) => 0,
        Err(errno) => (errno.number() as isize).saturating_neg(),
    }
}

/// What the flags ask of a load.
fn options(flags: FinitFlags) -> LoadOptions {
    LoadOptions {
        ignore_modversions: flags.contains(FinitFlags::IGNORE_MODVERSIONS),
        ignore_vermagic: flags.contains(FinitFlags::IGNORE_VERMAGIC),
    }
}

fn permitted<P: ProcessPlatform>(loader: &Loader<P>) -> Result<(), Errno> {
    let permitted = loader.platform().may_manage_modules() && !loader.is_disabled();
    if permitted { Ok(()) } else { Err(Errno::EPERM) }
}

fn open<P: ProcessPlatform>(platform: &P, descriptor: i32) -> Result<P::File, Errno> {
    platform.open(descriptor).map_err(|error| match error {
        OpenError::BadDescriptor => Errno::EBADF,
        OpenError::NotRegular => Errno::EINVAL,
        OpenError::OpenForWriting => Errno::ETXTBSY,
    })
}

fn read(file: &impl ModuleFile) -> Result<Vec<u8>, Errno> {
    let size = file.size();
    if size == 0 {
        return Err(Errno::EINVAL);
    }
    if size > MAX_FILE {
        return Err(Errno::EFBIG);
    }
    let mut bytes = room(size as usize)?;
    if let Some(contents) = file.contents() {
        bytes.extend_from_slice(contents.get(..size as usize).ok_or(Errno::EIO)?);
    } else {
        bytes.resize(size as usize, 0);
        file.read(0, &mut bytes).map_err(|_| Errno::EIO)?;
    }
    Ok(bytes)
}

fn load<P: ProcessPlatform>(
    loader: &Loader<P>,
    file: &[u8],
    options: LoadOptions,
    arguments: u64,
) -> Result<(), Errno> {
    let platform = loader.platform();
    let read_arguments = || string(platform, arguments, MAX_ARGUMENTS, Excess::Error);
    match loader.load_reading(file, options, read_arguments) {
        Ok(_) => Ok(()),
        Err(error) => {
            platform.log(Level::Error, format_args!("module not loaded: {error}"));
            Err(error.errno())
        }
    }
}

/// `length` bytes of the calling process, from an address on.
fn copy<P: ProcessPlatform>(platform: &P, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = room(length)?;
    while bytes.len() < length {
        let done = bytes.len();
        let from = address.checked_add(done as u64).ok_or(Errno::EFAULT)?;
        bytes.resize(length.min(done.saturating_add(CHUNK)), 0);
        let piece = bytes.get_mut(done..).ok_or(Errno::EFAULT)?;
        platform.copy_from_user(from, piece).map_err(|_| Errno::EFAULT)?;
    }
    Ok(bytes)
}

/// What becomes of a string that is longer than its limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Excess {
    Truncate,
    Error,
}

/// The NUL-terminated string at an address of the calling process, without its NUL. No more than
/// `limit` bytes are read, nor any page after the one with the NUL, since those need not be there.
fn string<P: ProcessPlatform>(
    platform: &P,
    address: u64,
    limit: usize,
    excess: Excess,
) -> Result<Vec<u8>, Errno> {
    let mut string = Vec::new();
    let mut chunk = [0_u8; 64];
    while string.len() < limit {
        let at = raw::wrap::<P::Arch>(address.wrapping_add(string.len() as u64));
        let page = page_size::<P::Memory>();
        let in_page = at.checked_rem(page).unwrap_or(0);
        let to_page_end = page.saturating_sub(in_page) as usize;
        let length = chunk.len().min(to_page_end).min(limit.saturating_sub(string.len()));
        let bytes = chunk.get_mut(..length).ok_or(Errno::EFAULT)?;
        platform.copy_from_user(at, bytes).map_err(|_| Errno::EFAULT)?;
        let end = bytes.iter().position(|byte| *byte == 0);
        let taken = bytes.get(..end.unwrap_or(length)).unwrap_or_default();
        string.try_reserve(taken.len()).map_err(|_| Errno::ENOMEM)?;
        string.extend_from_slice(taken);
        if end.is_some() {
            return Ok(string);
        }
    }
    match excess {
        Excess::Truncate => Ok(string),
        Excess::Error => Err(Errno::EINVAL),
    }
}

/// No bytes yet, and room for `length`.
fn room(length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
    Ok(bytes)
}
