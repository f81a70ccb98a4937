//! The caches of the 68040: one for instructions and one for data, neither of which sees what the
//! other holds (M68040 User's Manual, section 4).

use core::arch::asm;

/// Writes what only the data cache holds to memory and empties both caches: memory, devices and
/// instruction fetch then see everything that has been written.
pub fn push() {
    // SAFETY: a privileged instruction in supervisor mode; it changes no value in memory.
    unsafe { asm!("cpusha %bc", options(nostack, preserves_flags)) }
}

/// Empties both caches, which hold garbage after a reset, and switches them on.
///
/// # Safety
/// They have been off so far: what only the data cache holds is lost.
pub unsafe fn enable() {
    const DATA_AND_INSTRUCTIONS: u32 = 1 << 31 | 1 << 15;
    // SAFETY: privileged instructions in supervisor mode; the caller says that nothing is lost.
    unsafe {
        asm!(
            "cinva %bc",
            "movec {}, %cacr",
            in(reg_data) DATA_AND_INSTRUCTIONS,
            options(nostack, preserves_flags)
        );
    }
}
