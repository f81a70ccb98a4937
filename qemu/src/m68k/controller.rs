//! The virt machine's controller: how the kernel ends.

use super::registers::Registers;

const COMMAND: usize = 0x04;

/// How QEMU ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With exit status 0.
    Halt = 2,
    /// With exit status 1, if it was started with `-action panic=exit-failure`, else with 0.
    Panic = 3,
}

/// The virt machine's controller.
#[derive(Clone, Copy, Debug)]
pub struct Controller {
    registers: Registers,
}

impl Controller {
    /// The controller whose registers begin at the address `base`.
    ///
    /// # Safety
    /// It is there and can be reached uncached for as long as the value is used.
    pub const unsafe fn new(base: usize) -> Self {
        // SAFETY: the caller promises the device; it does not touch memory.
        let registers = unsafe { Registers::new(base) };
        Self { registers }
    }

    /// Ends the machine, a few instructions later.
    pub fn end(self, ending: Ending) {
        self.registers.write(COMMAND, ending as u32);
    }
}
