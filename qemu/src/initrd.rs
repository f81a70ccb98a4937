//! The initial RAM disk: a cpio archive in the "newc" format.
//!
//! An entry is a header of 110 characters, the magic number and thirteen numbers of eight
//! hexadecimal digits, then the name with its NUL, then the file; each of the two is padded so
//! that the next part starts at a multiple of four. The entry `TRAILER!!!` ends the archive.

use alloc::vec::Vec;
use core::fmt;

const MAGIC: &[u8] = b"070701";
const HEADER_LEN: usize = 110;
const MODE: usize = 1;
const FILE_SIZE: usize = 6;
const NAME_SIZE: usize = 11;
const REGULAR: usize = 0o100_000;
const FILE_TYPE: usize = 0o170_000;

/// A regular file in the archive.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its path as the archive has it, without a leading `./`.
    pub name: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// The files of the initial RAM disk.
#[derive(Debug)]
pub struct Initrd {
    files: Vec<File>,
}

/// The archive breaks off or is not one at this offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    offset: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the initial RAM disk is no cpio archive from byte {:#x} on", self.offset)
    }
}

impl Initrd {
    /// Lists the regular files of `archive`; an empty one holds none.
    ///
    /// # Errors
    /// [`Malformed`] with the offset of the first entry that cannot be read.
    pub fn new(archive: &'static [u8]) -> Result<Self, Malformed> {
        let mut files = Vec::new();
        let mut offset = 0;
        while offset < archive.len() {
            let entry = Entry::read(archive, offset).ok_or(Malformed { offset })?;
            if entry.name == "TRAILER!!!" {
                break;
            }
            if entry.mode & FILE_TYPE == REGULAR {
                let name = entry.name.strip_prefix("./").unwrap_or(entry.name);
                files.push(File { name, bytes: entry.bytes });
            }
            offset = entry.next;
        }
        Ok(Self { files })
    }

    /// All regular files.
    pub fn iter(&self) -> impl Iterator<Item = File> {
        self.files.iter().copied()
    }
}

struct Entry {
    name: &'static str,
    mode: usize,
    bytes: &'static [u8],
    next: usize,
}

impl Entry {
    fn read(archive: &'static [u8], offset: usize) -> Option<Self> {
        let header = archive.get(offset..)?.get(..HEADER_LEN)?;
        if !header.starts_with(MAGIC) {
            return None;
        }
        let name_start = offset + HEADER_LEN;
        let name_end = name_start.checked_add(number(header, NAME_SIZE)?)?;
        let name = archive.get(name_start..name_end)?.strip_suffix(&[0])?;
        let start = name_end.checked_next_multiple_of(4)?;
        let end = start.checked_add(number(header, FILE_SIZE)?)?;
        Some(Self {
            name: core::str::from_utf8(name).ok()?,
            mode: number(header, MODE)?,
            bytes: archive.get(start..end)?,
            next: end.checked_next_multiple_of(4)?,
        })
    }
}

fn number(header: &[u8], field: usize) -> Option<usize> {
    let start = MAGIC.len() + 8 * field;
    let digits = core::str::from_utf8(header.get(start..start + 8)?).ok()?;
    usize::from_str_radix(digits, 16).ok()
}
