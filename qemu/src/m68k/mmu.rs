//! Address translation on the 68040 (M68040 User's Manual, section 3): three levels of tables,
//! indexed by seven, seven and six bits of the address, and pages of 4 KiB. The tables come from
//! the heap and are never freed.
//!
//! The 68040 can protect a page against writing, in supervisor mode too, but has nothing like an
//! NX bit: whatever can be read can be run. Code and constants are therefore protected alike, and
//! variables stay executable.
//!
//! Device registers are reached through the transparent translation registers instead.

use super::{cache, devices, layout};
use crate::machine::Boot;
use alloc::boxed::Box;
use core::arch::asm;
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use modlink::platform::Protection;
use spin::Mutex;

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

static TRANSLATION: Mutex<Option<Translation>> = Mutex::new(None);

/// Builds the kernel's tables and switches translation on.
pub fn install(boot: &Boot) {
    let translation = Translation { root: new_table() };
    let initrd = boot.initrd.as_ptr_range();
    translation.map_all(layout::text(), Protection::Execute);
    translation.map_all(layout::rodata(), Protection::ReadOnly);
    translation.map_all(layout::data(), Protection::ReadWrite);
    translation.map_all(layout::stack(), Protection::ReadWrite);
    translation.map_all(boot.heap.clone(), Protection::ReadWrite);
    translation.map_all(initrd.start.addr()..initrd.end.addr(), Protection::ReadOnly);
    // SAFETY: everything in use is mapped at the address that it had without translation.
    unsafe { translation.switch_on(devices::blocks()) };
    *TRANSLATION.lock() = Some(translation);
}

/// Maps `page` to `frame`, readable and writable.
///
/// # Safety
/// As for [`Machine::map`](crate::machine::Machine::map).
pub unsafe fn map(page: usize, frame: usize) {
    change(page, |_| descriptor(frame, Protection::ReadWrite));
}

/// Removes the mapping of `page`.
///
/// # Safety
/// As for [`Machine::unmap`](crate::machine::Machine::unmap).
pub unsafe fn unmap(page: usize) {
    change(page, |_| NOT_RESIDENT);
}

/// Changes what may be done with `page`.
///
/// # Safety
/// As for [`Machine::protect`](crate::machine::Machine::protect).
pub unsafe fn protect(page: usize, protection: Protection) {
    change(page, |present| descriptor(present as usize & FRAME, protection));
}

fn change(page: usize, new: impl FnOnce(u32) -> u32) {
    let translation = TRANSLATION.lock();
    let translation = translation.as_ref().expect("translation is switched on at boot");
    let slot = translation.slot(page);
    slot.store(new(slot.load(Ordering::Relaxed)), Ordering::Relaxed);
}

/// The translation tables, by their root.
struct Translation {
    root: &'static UpperTable,
}

/// The first and the second level: descriptors of tables.
#[repr(C, align(512))]
struct UpperTable([AtomicU32; 128]);

/// The third level: descriptors of pages.
#[repr(C, align(256))]
struct PageTable([AtomicU32; 64]);

const NOT_RESIDENT: u32 = 0;
const TABLE_RESIDENT: u32 = 0b10;
const TABLE: usize = !0xff;
const PAGE_RESIDENT: u32 = 0b01;
const FRAME: usize = !0xfff;
const WRITE_PROTECTED: u32 = 1 << 2;
/// Bits that the processor would set in a descriptor when it first uses it. They are set from the
/// beginning, so that nobody but the kernel ever writes to the tables.
const USED: u32 = 1 << 3;
const MODIFIED: u32 = 1 << 4;
const COPY_BACK: u32 = 0b01 << 5;
const UNCACHED_IN_ORDER: u32 = 0b10 << 5;

fn descriptor(frame: usize, protection: Protection) -> u32 {
    let rights = match protection {
        Protection::Execute | Protection::ReadOnly => WRITE_PROTECTED,
        Protection::ReadWrite => MODIFIED,
    };
    frame as u32 | COPY_BACK | rights | USED | PAGE_RESIDENT
}

impl Translation {
    /// Maps the pages that touch `range` to the physical pages of the same addresses.
    fn map_all(&self, range: Range<usize>, protection: Protection) {
        for page in (range.start / PAGE_SIZE * PAGE_SIZE..range.end).step_by(PAGE_SIZE) {
            self.slot(page).store(descriptor(page, protection), Ordering::Relaxed);
        }
    }

    /// The descriptor of the page at `address`; the tables on the way to it are made if need be.
    fn slot(&self, address: usize) -> &'static AtomicU32 {
        // SAFETY: these are this module's tables: the root names tables of the second level, and
        // those name page tables.
        let pages: &PageTable = unsafe {
            let middle: &UpperTable = below(&self.root.0[address >> 25]);
            below(&middle.0[address >> 18 & 127])
        };
        &pages.0[address >> 12 & 63]
    }

    /// Lets the processor translate by these tables from now on, except for data accesses to the
    /// 16 MiB blocks around the addresses in `devices`.
    ///
    /// # Safety
    /// The running code, its stack and its data are mapped where they are.
    unsafe fn switch_on(&self, devices: [usize; 2]) {
        const TRANSPARENT: u32 = 1 << 15 | SUPERVISOR_ONLY | UNCACHED_IN_ORDER;
        const SUPERVISOR_ONLY: u32 = 0b01 << 13;
        const TRANSLATE_4K_PAGES: u32 = 1 << 15;
        let [first, second] = devices.map(|base| base as u32 & 0xff00_0000 | TRANSPARENT);
        cache::push();
        // SAFETY: privileged instructions in supervisor mode; the caller vouches for the tables.
        unsafe {
            asm!(
                "movec {none}, %itt0",
                "movec {none}, %itt1",
                "movec {first}, %dtt0",
                "movec {second}, %dtt1",
                "movec {root}, %urp",
                "movec {root}, %srp",
                "pflusha",
                "movec {translate}, %tc",
                none = in(reg) 0,
                first = in(reg) first,
                second = in(reg) second,
                root = in(reg) ptr::from_ref(self.root).expose_provenance(),
                translate = in(reg) TRANSLATE_4K_PAGES,
                options(nostack, preserves_flags)
            );
        }
    }
}

/// The table that `entry` names, made now if there is none.
///
/// # Safety
/// `entry` is 0 or was written by this function for the same type of table.
unsafe fn below<T: Table>(entry: &AtomicU32) -> &'static T {
    let present = entry.load(Ordering::Relaxed);
    if present == NOT_RESIDENT {
        let table = new_table::<T>();
        let address = ptr::from_ref(table).expose_provenance() as u32;
        entry.store(address | USED | TABLE_RESIDENT, Ordering::Relaxed);
        return table;
    }
    // SAFETY: the address of a table of this type that is never freed.
    unsafe { &*ptr::with_exposed_provenance(present as usize & TABLE) }
}

fn new_table<T: Table>() -> &'static T {
    Box::leak(Box::new(T::EMPTY))
}

/// A table of either kind.
trait Table: 'static {
    /// One that maps nothing.
    const EMPTY: Self;
}

impl Table for UpperTable {
    const EMPTY: Self = Self([const { AtomicU32::new(NOT_RESIDENT) }; 128]);
}

impl Table for PageTable {
    const EMPTY: Self = Self([const { AtomicU32::new(NOT_RESIDENT) }; 64]);
}

/// Makes the processor forget the descriptors that it remembers, of all pages, and lets it see those
/// that are still in the data cache: it reads the tables from memory.
pub fn forget(_pages: Range<usize>) {
    cache::push();
    // SAFETY: a privileged instruction in supervisor mode; the tables are complete at any time.
    unsafe { asm!("pflusha", options(nostack, preserves_flags)) }
}
