//! Whether the processor takes interrupts.

use core::arch::asm;

const TAKEN: usize = 1 << 9;

/// Takes them from now on.
pub fn enable() {
    // SAFETY: whoever has interrupts come has set up gates for them.
    unsafe { asm!("sti", options(nostack)) }
}

/// Runs `what` without them; then they are taken if they were.
pub fn off<R>(what: impl FnOnce() -> R) -> R {
    let flags: usize;
    // SAFETY: what has to be undone is undone below.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("pushfq", "pop {}", "cli", out(reg) flags);
        #[cfg(target_arch = "x86")]
        asm!("pushfd", "pop {}", "cli", out(reg) flags);
    }
    let result = what();
    if flags & TAKEN != 0 {
        enable();
    }
    result
}
