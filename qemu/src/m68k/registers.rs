//! Device registers of 32 bits.

use core::ptr;

/// A block of device registers.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    base: usize,
}

impl Registers {
    /// The registers from the address `base` on.
    ///
    /// # Safety
    /// A device is there, can be reached uncached for as long as the value is used, and what it
    /// is told through [`write`](Self::write) endangers no memory.
    pub const unsafe fn new(base: usize) -> Self {
        Self { base }
    }

    /// Reads the register that is `offset` bytes from the base.
    pub fn read(self, offset: usize) -> u32 {
        // SAFETY: `new`'s caller promised that the device is there.
        unsafe { ptr::read_volatile(ptr::with_exposed_provenance(self.base + offset)) }
    }

    /// Writes the register that is `offset` bytes from the base.
    pub fn write(self, offset: usize, value: u32) {
        // SAFETY: `new`'s caller promised that the device is there and what it does is harmless.
        unsafe { ptr::write_volatile(ptr::with_exposed_provenance_mut(self.base + offset), value) }
    }
}
