//! A region over real pages of this machine: what is protected is so for the processor.
#![cfg(all(target_os = "linux", not(miri)))]

use modlink::platform::region::{MapError, Mapped, Pages, Region, Stale};
use modlink::platform::{
    MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory, Protection, Purpose,
};
use std::ffi::c_int;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::Mutex;

const PAGE: usize = 4096;

/// Memory from files, so that it can be mapped at two addresses.
struct FilePages {
    /// Whether it is written elsewhere than where it runs.
    by_alias: bool,
}

/// The writable mapping, as long as there is one; the files live for as long as they are mapped.
struct Frames(Mutex<Option<Alias>>);

/// A mapping that can be written, until it is dropped.
struct Alias(NonNull<u8>, usize);

// SAFETY: it is unmapped once, wherever that is.
unsafe impl Send for Alias {}

impl Drop for Alias {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's.
        assert_eq!(unsafe { libc::munmap(self.0.as_ptr().cast(), self.1) }, 0);
    }
}

/// Maps a file, at an address or wherever the system likes.
fn map(at: Option<usize>, size: usize, rights: c_int, file: c_int) -> Option<NonNull<u8>> {
    let fixed = if at.is_some() { libc::MAP_FIXED } else { 0 };
    let anonymous =
        if file < 0 { libc::MAP_PRIVATE | libc::MAP_ANONYMOUS } else { libc::MAP_SHARED };
    let at = at.map_or(null_mut(), std::ptr::with_exposed_provenance_mut);
    // SAFETY: what is mapped at a fixed address is the region, and the caller has that part of it.
    let start = unsafe { libc::mmap(at, size, rights, fixed | anonymous, file, 0) };
    if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

// SAFETY: each block has a file of its own, and the kernel of this machine flushes by itself.
unsafe impl Pages for FilePages {
    const SIZE: usize = PAGE;
    type Frames = Frames;

    unsafe fn map(&self, pages: Range<usize>) -> Result<(Mapped<Frames>, Stale), MapError> {
        // SAFETY: the name is a C string; a descriptor that is not negative is new.
        let file = unsafe {
            let file = libc::memfd_create(c"module".as_ptr(), libc::MFD_CLOEXEC);
            assert!(file >= 0 && libc::ftruncate(file, pages.len() as i64) == 0);
            OwnedFd::from_raw_fd(file)
        };
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        let (size, start) = (pages.len(), Some(pages.start));
        let mapped = if self.by_alias {
            let seen = map(start, size, libc::PROT_NONE, file.as_raw_fd()).ok_or(MapError)?;
            let written = map(None, size, writable, file.as_raw_fd()).ok_or(MapError)?;
            Mapped::through(written, seen, Frames(Mutex::new(Some(Alias(written, size)))))
        } else {
            map(start, size, writable, file.as_raw_fd()).ok_or(MapError)?;
            Mapped::in_place(pages.start, Frames(Mutex::new(None)))
        };
        Ok((mapped, Stale::nothing()))
    }

    unsafe fn protect(
        &self,
        pages: Range<usize>,
        frames: &Frames,
        protection: Protection,
    ) -> Result<Stale, ProtectError> {
        drop(frames.0.lock().unwrap().take());
        let rights = match protection {
            Protection::Execute => libc::PROT_READ | libc::PROT_EXEC,
            Protection::ReadOnly => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        };
        let start = std::ptr::with_exposed_provenance_mut(pages.start);
        // SAFETY: the pages are a block's of the region.
        let done = unsafe { libc::mprotect(start, pages.len(), rights) };
        if done == 0 { Ok(Stale::nothing()) } else { Err(ProtectError) }
    }

    unsafe fn unmap(&self, pages: Range<usize>, frames: &Frames) -> Stale {
        drop(frames.0.lock().unwrap().take());
        map(Some(pages.start), pages.len(), libc::PROT_NONE, -1).expect("it was mapped");
        Stale::nothing()
    }
}

/// A line of the system's list of mappings.
struct Line {
    range: Range<usize>,
    rights: String,
    offset: usize,
    inode: u64,
}

fn lines() -> Vec<Line> {
    let text = std::fs::read_to_string("/proc/self/maps").unwrap();
    let number = |digits: &str| usize::from_str_radix(digits, 16).unwrap();
    let line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next().unwrap().split_once('-').unwrap();
        let rights = fields.next().unwrap()[..3].into();
        let offset = number(fields.next().unwrap());
        let inode = fields.nth(1).unwrap().parse().unwrap();
        Line { range: number(start)..number(end), rights, offset, inode }
    };
    text.lines().map(line).collect()
}

/// What may be done at an address, and the rights of all mappings of the memory that is there.
fn rights(address: usize) -> (String, Vec<String>) {
    let lines = lines();
    let line = lines.iter().find(|line| line.range.contains(&address)).expect("it is reserved");
    let place = |line: &Line, address| line.offset + (address - line.range.start);
    let here = place(line, address);
    let same = lines.iter().filter(|other| {
        let end = other.offset + other.range.len();
        other.inode == line.inode && line.inode != 0 && (other.offset..end).contains(&here)
    });
    let mut all: Vec<_> = same.map(|line| line.rights.clone()).collect();
    all.sort();
    (line.rights.clone(), all)
}

fn comes_and_goes(by_alias: bool) {
    // Addresses that nothing else gets.
    let start = map(None, 16 * PAGE, libc::PROT_NONE, -1).unwrap().as_ptr().expose_provenance();
    let addresses = start as u64..=(start + 16 * PAGE - 1) as u64;
    // SAFETY: they have just been reserved.
    let region = unsafe { Region::new(FilePages { by_alias }, addresses) };
    let (size, align) = (3 * PAGE as u64, PAGE as u64);
    let request = MemoryRequest { size, align, window: 0..=u64::MAX, purpose: Purpose::Core };
    let mut memory = region.allocate(&request).unwrap();
    let block = memory.address() as usize;
    let is = |page: usize| rights(block + page * PAGE);
    let none = || "---".to_string();
    let same = |rights: &str| (rights.to_string(), vec![rights.to_string()]);

    // x86-64: mov eax, 42; ret.
    let code = [0xb8, 42, 0, 0, 0, 0xc3];
    memory.bytes_mut()[..code.len()].copy_from_slice(&code);
    memory.bytes_mut()[PAGE] = 7;
    let written = match by_alias {
        true => (none(), vec![none(), "rw-".to_string()]),
        false => same("rw-"),
    };
    assert_eq!([is(0), is(1), is(2)], [written.clone(), written.clone(), written]);

    let runs = [(0..PAGE, Protection::Execute), (PAGE..2 * PAGE, Protection::ReadOnly)];
    let memory = memory.protect(&runs).unwrap();
    assert_eq!([is(0), is(1), is(2)], [same("r-x"), same("r--"), same("rw-")]);
    assert_eq!(memory.read_only(PAGE..PAGE + 2), Some(&[7, 0][..]));
    if cfg!(target_arch = "x86_64") {
        let entry = std::ptr::with_exposed_provenance::<()>(block);
        // SAFETY: the code is there, and can be run.
        let answer = unsafe { std::mem::transmute::<*const (), extern "C" fn() -> i32>(entry)() };
        assert_eq!(answer, 42);
    }
    memory.make_read_only(2 * PAGE..3 * PAGE).unwrap();
    assert_eq!(is(2), same("r--"));
    for guard in [block - PAGE, block + 3 * PAGE] {
        assert_eq!(rights(guard).0, none());
    }

    drop(memory);
    assert_eq!([is(0).0, is(1).0, is(2).0], [none(), none(), none()]);
}

#[test]
fn pages_are_never_writable_and_executable() {
    comes_and_goes(false);
}

#[test]
fn what_is_written_through_an_alias_has_none_when_it_runs() {
    comes_and_goes(true);
}
