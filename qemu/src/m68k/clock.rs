//! The goldfish real-time clock: what it says, and a side effect of its alarm: setting it wakes
//! QEMU's event loop.

use super::registers::Registers;

const TIME_LOW: usize = 0x00;
const TIME_HIGH: usize = 0x04;
const ALARM_LOW: usize = 0x08;
const ALARM_HIGH: usize = 0x0c;

/// A goldfish real-time clock, whose interrupt stays off.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    registers: Registers,
}

impl Clock {
    /// The clock whose registers begin at the address `base`.
    ///
    /// # Safety
    /// It is there and can be reached uncached for as long as the value is used.
    pub const unsafe fn new(base: usize) -> Self {
        // SAFETY: the caller promises the device; it does not touch memory.
        let registers = unsafe { Registers::new(base) };
        Self { registers }
    }

    /// What it says, in nanoseconds.
    pub fn now(self) -> u64 {
        // Reading the low half keeps the high half that belongs to it.
        let low = self.registers.read(TIME_LOW);
        let high = self.registers.read(TIME_HIGH);
        u64::from(high) << 32 | u64::from(low)
    }

    /// Sets the alarm to a moment that is about to come.
    pub fn set_alarm_soon(self) {
        const SOON_NS: u64 = 100_000;
        let alarm = self.now() + SOON_NS;
        // Writing the low half is what sets the alarm.
        self.registers.write(ALARM_HIGH, (alarm >> 32) as u32);
        self.registers.write(ALARM_LOW, alarm as u32);
    }
}
