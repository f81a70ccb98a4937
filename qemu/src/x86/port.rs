//! The processor's input and output ports.

use core::arch::asm;

/// Writes a byte to a port.
///
/// # Safety
/// The device behind `port` does with the byte nothing that endangers memory.
pub unsafe fn write(port: u16, byte: u8) {
    // SAFETY: the caller vouches for the device.
    unsafe { asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack)) }
}

/// Reads a byte from a port.
///
/// # Safety
/// Reading from the device behind `port` endangers no memory.
pub unsafe fn read(port: u16) -> u8 {
    let byte;
    // SAFETY: the caller vouches for the device.
    unsafe { asm!("in al, dx", in("dx") port, out("al") byte, options(nomem, nostack)) }
    byte
}
