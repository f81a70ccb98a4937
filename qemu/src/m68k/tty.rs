//! The serial line: a goldfish tty, asked in a loop and never by interrupt.
//!
//! A byte goes out by writing it to a register. What comes in, the device writes to a buffer in
//! memory that it is told the physical address of, which here is the virtual one as well.

use super::clock::Clock;
use super::registers::Registers;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

const PUT_CHARACTER: usize = 0x00;
const BYTES_READY: usize = 0x04;
const COMMAND: usize = 0x08;
const DATA_ADDRESS: usize = 0x10;
const DATA_LENGTH: usize = 0x14;

const READ_BUFFER: u32 = 3;

/// Bytes that QEMU's device holds.
const CAPACITY: u32 = 128;

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
    ///
    /// QEMU 7.2 leaves what the device has no room for in its input, and does not come back to it
    /// before its event loop wakes for another reason: `hw/char/goldfish_tty.c` never says that
    /// there is room again. `clock` is that reason.
    pub fn get(self, clock: Option<Clock>) -> Option<u8> {
        static WAS_FULL: AtomicBool = AtomicBool::new(false);
        match self.registers.read(BYTES_READY) {
            0 => {
                if WAS_FULL.swap(false, Ordering::Relaxed)
                    && let Some(clock) = clock
                {
                    clock.set_alarm_soon();
                }
                return None;
            }
            CAPACITY.. => WAS_FULL.store(true, Ordering::Relaxed),
            _ => {}
        }
        let mut byte = 0u8;
        self.registers.write(DATA_ADDRESS, (&raw mut byte).expose_provenance() as u32);
        self.registers.write(DATA_LENGTH, 1);
        super::cache::push();
        self.registers.write(COMMAND, READ_BUFFER);
        // SAFETY: a live local; the device has just written it behind the compiler's back.
        Some(unsafe { ptr::read_volatile(&raw const byte) })
    }
}
