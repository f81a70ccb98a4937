//! Page tables of 512 entries of 64 bits: four levels of them on x86_64, three on i386 (PAE).
//!
//! Intel SDM volume 3, chapter "Paging". Every table comes from the heap and is never freed.

use super::layout::{self, KERNEL_BASE};
use crate::machine::Boot;
use alloc::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use core::arch::asm;
use core::ops::Range;
use modlink::platform::Protection;
use spin::Mutex;

const PAGE: usize = 4096;
const ENTRIES: usize = 512;
const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

#[cfg(target_arch = "x86_64")]
const LEVELS: u32 = 4;
#[cfg(target_arch = "x86")]
const LEVELS: u32 = 3;

type Table = [u64; ENTRIES];

static TABLES: Mutex<Option<Tables>> = Mutex::new(None);

struct Tables {
    root: usize,
    no_execute: u64,
}

/// Builds the kernel's final page tables and switches to them. `no_execute` says whether the
/// processor knows the NX bit and has it enabled.
pub fn install(boot: &Boot, no_execute: bool) {
    let no_execute = if no_execute { NO_EXECUTE } else { 0 };
    let mut tables = Tables { root: new_table(), no_execute };
    let initrd = boot.initrd.as_ptr_range();
    tables.map_direct(layout::text(), Protection::Execute);
    tables.map_direct(layout::rodata(), Protection::ReadOnly);
    tables.map_direct(layout::data(), Protection::ReadWrite);
    tables.map_direct(layout::stacks(), Protection::ReadWrite);
    tables.map_direct(boot.heap.clone(), Protection::ReadWrite);
    if !boot.initrd.is_empty() {
        tables.map_direct(initrd.start as usize..initrd.end as usize, Protection::ReadOnly);
    }
    #[cfg(target_arch = "x86")]
    tables.fill_root();
    let root = tables.root - KERNEL_BASE;
    // SAFETY: the new tables map the running code, its data and stack as before, and the heap.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack)) };
    *TABLES.lock() = Some(tables);
}

/// Maps `page` to `frame`, readable and writable.
///
/// # Safety
/// As for [`Machine::map`](crate::machine::Machine::map).
pub unsafe fn map(page: usize, frame: usize) {
    with_tables(|tables| tables.set(page, frame as u64, Protection::ReadWrite));
}

/// Removes the mapping of `page`.
///
/// # Safety
/// As for [`Machine::unmap`](crate::machine::Machine::unmap).
pub unsafe fn unmap(page: usize) {
    with_tables(|tables| *tables.entry(page) = 0);
}

/// Changes what may be done with `page`.
///
/// # Safety
/// As for [`Machine::protect`](crate::machine::Machine::protect).
pub unsafe fn protect(page: usize, protection: Protection) {
    with_tables(|tables| {
        let frame = *tables.entry(page) & ADDRESS;
        tables.set(page, frame, protection);
    });
}

fn with_tables(change: impl FnOnce(&mut Tables)) {
    change(TABLES.lock().as_mut().expect("page tables are installed at boot"));
}

/// Makes the processor forget what it remembers of `pages`.
pub fn forget(pages: Range<usize>) {
    for page in pages.step_by(PAGE) {
        // SAFETY: the instruction only drops a cached translation.
        unsafe { asm!("invlpg [{}]", in(reg) page, options(nostack)) }
    }
}

impl Tables {
    fn map_direct(&mut self, range: Range<usize>, protection: Protection) {
        for page in (range.start / PAGE * PAGE..range.end).step_by(PAGE) {
            self.set(page, (page - KERNEL_BASE) as u64, protection);
        }
    }

    fn set(&mut self, page: usize, frame: u64, protection: Protection) {
        let bits = match protection {
            Protection::Execute => 0,
            Protection::ReadOnly => self.no_execute,
            Protection::ReadWrite => WRITABLE | self.no_execute,
        };
        *self.entry(page) = frame | PRESENT | bits;
    }

    /// The lowest-level entry for `page`; the tables on the way to it are made if need be.
    fn entry(&mut self, page: usize) -> &mut u64 {
        let mut table = self.root;
        for level in (1..LEVELS).rev() {
            let entry = self.slot(table, page, level);
            if *entry & PRESENT == 0 {
                *entry = link(new_table(), level + 1 == LEVELS);
            }
            table = KERNEL_BASE + (*entry & ADDRESS) as usize;
        }
        self.slot(table, page, 0)
    }

    fn slot(&mut self, table: usize, page: usize, level: u32) -> &mut u64 {
        let index = page >> (12 + 9 * level) & (ENTRIES - 1);
        // SAFETY: `table` is one of `new_table`'s, reached through `self` alone.
        unsafe { &mut (*(table as *mut Table))[index] }
    }

    /// Fills the four entries of the top table: the processor reads them only when the tables are
    /// installed, so that they cannot be added later (Intel SDM, "PDPTE Registers").
    #[cfg(target_arch = "x86")]
    fn fill_root(&mut self) {
        for quarter in 0..4 {
            let entry = self.slot(self.root, quarter << 30, LEVELS - 1);
            if *entry & PRESENT == 0 {
                *entry = link(new_table(), true);
            }
        }
    }
}

/// An entry that leads to `table`. What may be done is decided in the lowest level alone; in
/// PAE's top level the bits for it are reserved.
fn link(table: usize, top: bool) -> u64 {
    let rights = if cfg!(target_arch = "x86") && top { 0 } else { WRITABLE };
    (table - KERNEL_BASE) as u64 | PRESENT | rights
}

fn new_table() -> usize {
    let layout = Layout::new::<Table>().align_to(PAGE).expect("a page is a valid alignment");
    // SAFETY: the layout is not empty.
    let table = unsafe { alloc_zeroed(layout) };
    if table.is_null() {
        handle_alloc_error(layout);
    }
    table as usize
}
