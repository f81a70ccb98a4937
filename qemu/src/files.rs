//! The files of the initial RAM disk, and the descriptors by which they are open.

use crate::initrd::{File, Initrd};
use alloc::vec::Vec;
use spin::{Mutex, Once};

/// As in any process, the first three descriptors are spoken for.
const FIRST: usize = 3;

static FILES: Once<Initrd> = Once::new();
static OPEN: Mutex<Vec<Option<File>>> = Mutex::new(Vec::new());

/// Makes the files of `initrd` those of the kernel. Called once.
pub fn install(initrd: Initrd) {
    FILES.call_once(|| initrd);
}

/// The file of that path; one without a folder is looked for in `modules` too.
pub fn find(path: &str) -> Option<File> {
    let files = FILES.get()?;
    files
        .iter()
        .find(|file| file.name == path)
        .or_else(|| files.iter().find(|file| file.name.strip_prefix("modules/") == Some(path)))
}

/// An open file descriptor; dropping it closes it.
#[derive(Debug)]
pub struct Descriptor(usize);

impl Descriptor {
    /// Opens a file for reading.
    pub fn open(file: File) -> Self {
        let mut open = OPEN.lock();
        let index = open.iter().position(Option::is_none).unwrap_or(open.len());
        if index == open.len() {
            open.push(None);
        }
        open[index] = Some(file);
        Self(index)
    }

    /// The number by which system calls know it.
    pub fn number(&self) -> usize {
        FIRST + self.0
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        OPEN.lock()[self.0] = None;
    }
}

/// The file behind a descriptor's number, if it is open.
pub fn behind(number: usize) -> Option<File> {
    *OPEN.lock().get(number.checked_sub(FIRST)?)?
}
