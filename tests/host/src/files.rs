//! The open files of the calling process.

use crate::failures::{Failures, Operation};
use modlink::syscall::{FileId, ModuleFile, OpenError, ReadError};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a descriptor leads to.
#[derive(Clone, Debug)]
pub struct FileKind {
    /// What the file holds.
    pub bytes: Arc<[u8]>,
    /// The size that it claims, if not that of `bytes`.
    pub size: Option<u64>,
    /// Whether the descriptor is open for reading.
    pub readable: bool,
    /// Whether it is a regular file, not a folder, pipe or device.
    pub regular: bool,
    /// Whether somebody has it open for writing.
    pub being_written: bool,
    /// Whether the kernel has its bytes in memory, and lends them.
    pub in_memory: bool,
    /// Which file it is, if the kernel says so.
    pub identity: Option<FileId>,
}

impl FileKind {
    /// A regular file, open for reading.
    pub fn regular(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.into(),
            size: None,
            readable: true,
            regular: true,
            being_written: false,
            in_memory: false,
            identity: None,
        }
    }

    /// A folder.
    pub fn folder() -> Self {
        Self { regular: false, ..Self::regular(b"") }
    }

    /// The same, open for writing only.
    pub fn write_only(self) -> Self {
        Self { readable: false, ..self }
    }

    /// The same, with somebody writing to it.
    pub fn being_written(self) -> Self {
        Self { being_written: true, ..self }
    }

    /// The same, with its bytes in the kernel's memory.
    pub fn in_memory(self) -> Self {
        Self { in_memory: true, ..self }
    }

    /// The same, of which the kernel says which file it is.
    pub fn identified(self, file: u64) -> Self {
        Self { identity: Some(FileId { file_system: 1, file }), ..self }
    }

    /// The same, claiming to have `size` bytes.
    pub fn claiming(self, size: u64) -> Self {
        Self { size: Some(size), ..self }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Files {
    table: Mutex<BTreeMap<i32, FileKind>>,
    open: Arc<AtomicUsize>,
}

impl Files {
    pub fn put(&self, kind: FileKind) -> i32 {
        let mut table = self.table.lock().unwrap();
        let descriptor = table.last_key_value().map_or(3, |(last, _)| last + 1);
        table.insert(descriptor, kind);
        descriptor
    }

    pub fn open(&self, descriptor: i32, failures: Arc<Failures>) -> Result<File, OpenError> {
        let table = self.table.lock().unwrap();
        let kind = table.get(&descriptor).ok_or(OpenError::BadDescriptor)?;
        if !kind.readable {
            return Err(OpenError::BadDescriptor);
        }
        if !kind.regular {
            return Err(OpenError::NotRegular);
        }
        if kind.being_written {
            return Err(OpenError::OpenForWriting);
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(File { kind: kind.clone(), failures, open: self.open.clone() })
    }

    pub fn count_open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// A file that the loader has open.
#[derive(Debug)]
pub struct File {
    kind: FileKind,
    failures: Arc<Failures>,
    open: Arc<AtomicUsize>,
}

impl ModuleFile for File {
    fn size(&self) -> u64 {
        self.kind.size.unwrap_or(self.kind.bytes.len() as u64)
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), ReadError> {
        if self.failures.strikes(Operation::Read) {
            return Err(ReadError);
        }
        let start = usize::try_from(offset).map_err(|_| ReadError)?;
        let end = start.checked_add(to.len()).ok_or(ReadError)?;
        to.copy_from_slice(self.kind.bytes.get(start..end).ok_or(ReadError)?);
        Ok(())
    }

    fn contents(&self) -> Option<&[u8]> {
        self.kind.in_memory.then_some(&*self.kind.bytes)
    }

    fn identity(&self) -> Option<FileId> {
        self.kind.identity
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}
