//! Whether the processor takes interrupts, and the goldfish interrupt controllers that they come
//! through: one for each of the processor's levels 1 to 6, with 32 lines.

use super::registers::Registers;
use core::arch::asm;

const ENABLE: usize = 0x10;

/// How far apart the controllers' registers are.
const NEXT_CONTROLLER: usize = 0x1000;
const LINES: usize = 32;
/// The number of the first controller's first line.
const FIRST_LINE: usize = 8;

/// The bits of the status register for the level up to which interrupts are masked.
const MASK: u16 = 0b111 << 8;

/// A line by which a device interrupts.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    controller: Registers,
    /// The processor's level of the controller.
    pub level: usize,
    line: usize,
}

impl Line {
    /// The line that has that number in QEMU's boot information; `None` if there is none.
    ///
    /// # Safety
    /// The controllers are at `base` and can be reached uncached for as long as the value is used.
    pub unsafe fn new(base: usize, number: usize) -> Option<Self> {
        let line = number.checked_sub(FIRST_LINE)?;
        let (index, line) = (line / LINES, line % LINES);
        // SAFETY: the caller promises the device; it does not touch memory.
        let controller = unsafe { Registers::new(base + index * NEXT_CONTROLLER) };
        Some(Self { controller, level: index + 1, line })
    }

    /// Lets interrupts come by it.
    pub fn enable(self) {
        self.controller.write(ENABLE, 1 << self.line);
    }
}

/// Lets interrupts of every level come from now on.
pub fn enable() {
    // SAFETY: a privileged instruction in supervisor mode; every vector leads somewhere.
    unsafe { asm!("and.w #0xf8ff, %sr", options(nostack)) }
}

/// Runs `what` with none; then they come if they did.
pub fn off<R>(what: impl FnOnce() -> R) -> R {
    let status: u32;
    // SAFETY: privileged instructions in supervisor mode; what has to be undone is undone below.
    unsafe {
        asm!(
            "move.w %sr, {}",
            "or.w #0x0700, %sr",
            out(reg_data) status,
            options(nostack)
        );
    }
    let result = what();
    if status as u16 & MASK == 0 {
        enable();
    }
    result
}
