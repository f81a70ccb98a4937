//! The memory of the calling process: whole pages, with holes between them.

use modlink::syscall::Fault;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// The size of a page in bytes.
pub(crate) const PAGE: u64 = 4096;

/// What pages hold where nobody has written: no NUL, so that a string that is not ended runs on
/// to the end of its page.
const FILLER: u8 = 0xcc;

/// Where the next bytes go that are put anywhere. Low enough for 32-bit processes.
const ANYWHERE: u64 = 0x0100_0000;

#[derive(Debug)]
pub(crate) struct User(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    pages: BTreeMap<u64, Box<[u8]>>,
    next: u64,
    /// Whether the process changes each byte as soon as it has been copied.
    fickle: bool,
}

impl User {
    pub fn new() -> Self {
        Self(Mutex::new(Pages { pages: BTreeMap::new(), next: ANYWHERE, fickle: false }))
    }

    /// Writes bytes at an address, whose pages are there from then on.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        self.0.lock().unwrap().write(address, bytes);
    }

    /// Writes bytes so that they end where a page ends and a hole begins.
    pub fn put(&self, bytes: &[u8]) -> u64 {
        let mut pages = self.0.lock().unwrap();
        let size = bytes.len().max(1) as u64;
        let end = pages.next + size.next_multiple_of(PAGE);
        pages.next = end + PAGE;
        let address = end - size;
        pages.write(address, bytes);
        address
    }

    pub fn become_fickle(&self) {
        self.0.lock().unwrap().fickle = true;
    }

    pub fn copy(&self, from: u64, to: &mut [u8]) -> Result<(), Fault> {
        let mut pages = self.0.lock().unwrap();
        let mut done = 0;
        while done < to.len() {
            let at = from.checked_add(done as u64).ok_or(Fault)?;
            let page = pages.pages.get(&(at / PAGE)).ok_or(Fault)?;
            let rest = &page[(at % PAGE) as usize..];
            let length = rest.len().min(to.len() - done);
            to[done..done + length].copy_from_slice(&rest[..length]);
            done += length;
        }
        if pages.fickle {
            let changed: Vec<u8> = to.iter().map(|byte| !byte).collect();
            pages.write(from, &changed);
        }
        Ok(())
    }
}

impl Pages {
    fn write(&mut self, address: u64, bytes: &[u8]) {
        let mut rest = bytes;
        let mut at = address;
        while !rest.is_empty() {
            let new = || vec![FILLER; PAGE as usize].into_boxed_slice();
            let page = self.pages.entry(at / PAGE).or_insert_with(new);
            let target = &mut page[(at % PAGE) as usize..];
            let (now, later) = rest.split_at(rest.len().min(target.len()));
            target[..now.len()].copy_from_slice(now);
            at += now.len() as u64;
            rest = later;
        }
    }
}
