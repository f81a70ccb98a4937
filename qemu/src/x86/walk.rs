//! The page tables as the processor reads them: from the root that it has, with the rights of every
//! level (Intel SDM volume 3, "Determination of Access Rights").

use super::layout::KERNEL_BASE;
use crate::machine::Mapping;
use core::arch::asm;
#[cfg(target_arch = "x86")]
use core::arch::x86::{__cpuid, __get_cpuid_max};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__cpuid, __get_cpuid_max};

const PAGE: usize = 4096;
const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// The level of the root's entries, counted from that of pages, and how many it has.
#[cfg(target_arch = "x86_64")]
const ROOT: (u32, usize) = (3, 512);
#[cfg(target_arch = "x86")]
const ROOT: (u32, usize) = (2, 4);

/// Calls `visit` for each page that is mapped, lowest address first.
pub fn for_each_mapping(mut visit: impl FnMut(Mapping)) {
    let (level, entries) = ROOT;
    let walk = Walk { forbids_writing: forbids_writing(), forbids_execution: forbids_execution() };
    let all = Mapping { page: 0, frame: root(), writable: true, executable: true };
    walk.table(all, level, entries, &mut visit);
}

/// Whether the processor heeds the NX bit (`IA32_EFER.NXE`).
pub fn forbids_execution() -> bool {
    const FEATURES: u32 = 0x8000_0001;
    const NX: u32 = 1 << 20;
    const EFER: u32 = 0xc000_0080;
    const NXE: u32 = 1 << 11;
    if __get_cpuid_max(0x8000_0000).0 < FEATURES || __cpuid(FEATURES).edx & NX == 0 {
        return false;
    }
    let low: u32;
    // SAFETY: the register exists where NX does.
    unsafe {
        asm!("rdmsr", in("ecx") EFER, out("eax") low, out("edx") _, options(nomem, nostack));
    }
    low & NXE != 0
}

/// Whether the kernel's own writes heed the writable bit (`CR0.WP`).
fn forbids_writing() -> bool {
    const WRITE_PROTECT: usize = 1 << 16;
    let control: usize;
    // SAFETY: reads a control register in supervisor mode.
    unsafe { asm!("mov {}, cr0", out(reg) control, options(nomem, nostack)) };
    control & WRITE_PROTECT != 0
}

/// The physical address of the top table. PAE's is aligned to 32 only; the bits below are flags.
fn root() -> u64 {
    let root: usize;
    // SAFETY: reads a control register in supervisor mode.
    unsafe { asm!("mov {}, cr3", out(reg) root, options(nomem, nostack)) };
    if cfg!(target_arch = "x86") { root as u64 & !0x1f } else { root as u64 & ADDRESS }
}

/// What the control registers say.
struct Walk {
    forbids_writing: bool,
    forbids_execution: bool,
}

impl Walk {
    /// Visits what the table at `above.frame` maps: from `above.page` on, with no more rights than
    /// `above` has.
    fn table(&self, above: Mapping, level: u32, entries: usize, visit: &mut impl FnMut(Mapping)) {
        let table = (KERNEL_BASE + above.frame as usize) as *const u64;
        for index in 0..entries {
            // SAFETY: the processor translates by this table, and tables lie in the kernel's heap,
            // at their physical address above the kernel's base.
            let entry = unsafe { table.add(index).read_volatile() };
            if entry & PRESENT == 0 {
                continue;
            }
            let may_write = !self.forbids_writing || entry & WRITABLE != 0 || !has_rights(level);
            let may_run = !self.forbids_execution || entry & NO_EXECUTE == 0;
            let below = Mapping {
                page: above.page | first_page(index, level),
                frame: entry & ADDRESS,
                writable: above.writable && may_write,
                executable: above.executable && may_run,
            };
            match level {
                0 => visit(below),
                1 | 2 if entry & LARGE != 0 && has_rights(level) => large(below, level, visit),
                _ => self.table(below, level - 1, 512, visit),
            }
        }
    }
}

/// Whether entries of that level have bits for rights and size: those of PAE's root do not.
fn has_rights(level: u32) -> bool {
    cfg!(target_arch = "x86_64") || level < ROOT.0
}

/// The lowest address that an entry stands for; that of the root's upper half is negative.
fn first_page(index: usize, level: u32) -> usize {
    let page = index << (12 + 9 * level);
    let is_upper_half = level == ROOT.0 && index >= 256;
    if is_upper_half { page | usize::MAX << (12 + 9 * level) } else { page }
}

/// Visits the pages of a large one.
fn large(first: Mapping, level: u32, visit: &mut impl FnMut(Mapping)) {
    let size = PAGE << (9 * level);
    let frame = first.frame & !(size as u64 - 1);
    for offset in (0..size).step_by(PAGE) {
        visit(Mapping { page: first.page + offset, frame: frame + offset as u64, ..first });
    }
}
