//! The goldfish real-time clock: what it says, its alarm, and a side effect of that: setting it wakes
//! QEMU's event loop.

use super::interrupts;
use super::registers::Registers;

const TIME_LOW: usize = 0x00;
const TIME_HIGH: usize = 0x04;
const ALARM_LOW: usize = 0x08;
const ALARM_HIGH: usize = 0x0c;
const INTERRUPT_ENABLED: usize = 0x10;
const CLEAR_INTERRUPT: usize = 0x1c;

/// A goldfish real-time clock, whose interrupt is off at first.
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
        interrupts::off(|| {
            // Reading the low half keeps the high half that belongs to it.
            let low = self.registers.read(TIME_LOW);
            let high = self.registers.read(TIME_HIGH);
            u64::from(high) << 32 | u64::from(low)
        })
    }

    /// Sets the alarm to a moment that is about to come.
    pub fn set_alarm_soon(self) {
        const SOON_NS: u64 = 100_000;
        self.set_alarm_in(SOON_NS);
    }

    /// Sets the alarm, the only one, to `nanoseconds` from now.
    pub fn set_alarm_in(self, nanoseconds: u64) {
        interrupts::off(|| {
            let alarm = self.now() + nanoseconds;
            // Writing the low half is what sets the alarm.
            self.registers.write(ALARM_HIGH, (alarm >> 32) as u32);
            self.registers.write(ALARM_LOW, alarm as u32);
        });
    }

    /// Lets the alarm interrupt.
    pub fn enable_interrupt(self) {
        self.registers.write(INTERRUPT_ENABLED, 1);
    }

    /// Ends the interrupt of an alarm that has come.
    pub fn clear_interrupt(self) {
        self.registers.write(CLEAR_INTERRUPT, 1);
    }
}
