//! The translation tables as the processor reads them: from the supervisor root pointer, with the
//! write protection of every level (M68040 User's Manual, section 3.2).

use super::mmu::PAGE_SIZE;
use crate::machine::Mapping;
use core::arch::asm;
use core::ptr;

/// What the low bits of a descriptor say.
const RESIDENT_TABLE: u32 = 0b10;
const PAGE_TYPE: u32 = 0b11;
const NOT_RESIDENT_PAGE: u32 = 0b00;
const INDIRECT_PAGE: u32 = 0b10;
const WRITE_PROTECTED: u32 = 1 << 2;

/// A level of the tables: the entries of its tables, the shift of their index in an address, and
/// the bits of an entry that are the address of what is below.
struct Level {
    entries: usize,
    shift: u32,
    below: u32,
}

const LEVELS: [Level; 3] = [
    Level { entries: 128, shift: 25, below: !0x1ff },
    Level { entries: 128, shift: 18, below: !0xff },
    Level { entries: 64, shift: 12, below: !(PAGE_SIZE as u32 - 1) },
];

/// Calls `visit` for each page that is mapped, lowest address first. What the transparent
/// translation registers reach, the devices, is not among them.
pub fn for_each_mapping(mut visit: impl FnMut(Mapping)) {
    let root: u32;
    // SAFETY: reads a control register in supervisor mode.
    unsafe { asm!("movec %srp, {}", out(reg) root, options(nomem, nostack)) };
    let all = Mapping { page: 0, frame: u64::from(root), writable: true, executable: true };
    table(all, &LEVELS, &mut visit);
}

/// Visits what the table at `above.frame` maps: from `above.page` on, with no more rights than
/// `above` has.
fn table(above: Mapping, levels: &[Level], visit: &mut impl FnMut(Mapping)) {
    let Some((level, lower)) = levels.split_first() else {
        visit(above);
        return;
    };
    for index in 0..level.entries {
        let descriptor = read(above.frame as usize + size_of::<u32>() * index);
        let descriptor = match descriptor & PAGE_TYPE {
            _ if !lower.is_empty() && descriptor & RESIDENT_TABLE == 0 => continue,
            _ if !lower.is_empty() => descriptor,
            NOT_RESIDENT_PAGE => continue,
            INDIRECT_PAGE => read((descriptor & !PAGE_TYPE) as usize),
            _ => descriptor,
        };
        let below = Mapping {
            page: above.page | index << level.shift,
            frame: u64::from(descriptor & level.below),
            writable: above.writable && descriptor & WRITE_PROTECTED == 0,
            executable: true,
        };
        table(below, lower, visit);
    }
}

/// The descriptor at a physical address.
fn read(address: usize) -> u32 {
    // SAFETY: the processor translates by the tables that this is a part of; they lie in the
    // kernel's heap, whose addresses are their physical ones.
    unsafe { ptr::with_exposed_provenance::<u32>(address).read_volatile() }
}
