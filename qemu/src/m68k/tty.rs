//! The serial line: a goldfish tty, asked in a loop and never by interrupt.
//!
//! A byte goes out by writing it to a register. What comes in, the device writes to a buffer in
//! memory that it is told the physical address of, which here is the virtual one as well.

use super::registers::Registers;
use core::ptr;

const PUT_CHARACTER: usize = 0x00;
const BYTES_READY: usize = 0x04;
const COMMAND: usize = 0x08;
const DATA_ADDRESS: usize = 0x10;
const DATA_LENGTH: usize = 0x14;

const READ_BUFFER: u32 = 3;

/// A goldfish tty.
#[derive(Clone, Copy, Debug)]
pub struct Tty {
    registers: Registers,
}

impl Tty {
    /// The tty whose registers begin at the address `base`.
    ///
    /// # Safety
    /// It is there and can be reached uncached for as long as the value is used.
    pub const unsafe fn new(base: usize) -> Self {
        // SAFETY: the caller promises the device; it writes to memory only what `get` asks for, to
        // a byte of `get`'s own.
        let registers = unsafe { Registers::new(base) };
        Self { registers }
    }

    /// Sends one byte.
    pub fn put(self, byte: u8) {
        self.registers.write(PUT_CHARACTER, byte.into());
    }

    /// Takes a byte that has arrived, if there is one.
    pub fn get(self) -> Option<u8> {
        if self.registers.read(BYTES_READY) == 0 {
            return None;
        }
        let mut byte = 0u8;
        self.registers
            .write(DATA_ADDRESS, (&raw mut byte).expose_provenance() as u32);
        self.registers.write(DATA_LENGTH, 1);
        super::cache::push();
        self.registers.write(COMMAND, READ_BUFFER);
        // SAFETY: a live local; the device has just written it behind the compiler's back.
        Some(unsafe { ptr::read_volatile(&raw const byte) })
    }
}
