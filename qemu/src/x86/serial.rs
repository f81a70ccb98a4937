//! The first serial port, a 16550 without interrupts.

use super::port;

const DATA: u16 = 0x3f8;
const LINE_STATUS: u16 = DATA + 5;
const RECEIVED: u8 = 1 << 0;
const CAN_SEND: u8 = 1 << 5;

/// Sends a byte, waiting until the port accepts it.
pub fn put_byte(byte: u8) {
    // SAFETY: the serial port does not touch memory.
    unsafe {
        while port::read(LINE_STATUS) & CAN_SEND == 0 {
            core::hint::spin_loop();
        }
        port::write(DATA, byte);
    }
}

/// A byte that has arrived, if there is one.
pub fn get_byte() -> Option<u8> {
    // SAFETY: the serial port does not touch memory.
    unsafe { (port::read(LINE_STATUS) & RECEIVED != 0).then(|| port::read(DATA)) }
}
