//! The timer of a PC: channel 0 of the 8254, whose output is input 0 of the first of two 8259A
//! (Intel's data sheets of both).

use super::port;
use super::{exceptions, interrupts};
use crate::timer::RATE;

/// The vector of the timer's interrupts, the first that is no exception's.
pub const VECTOR: usize = exceptions::COUNT;

/// The rate of the 8254's clock in a PC.
const CLOCK_HZ: u32 = 1_193_182;
const CHANNEL_0: u16 = 0x40;
const MODE: u16 = 0x43;
/// For channel 0: the low byte of the divisor comes first, then the high one; mode 2, which
/// makes a pulse each time that the divisor has been counted down; binary.
const RATE_GENERATOR: u8 = 0b00_11_010_0;

const FIRST: u16 = 0x20;
const SECOND: u16 = 0xa0;
/// ICW1: edges count, there are two of them, ICW4 follows.
const INITIALIZE: u8 = 0b1_0001;
/// ICW3: the first has the second at input 2.
const CASCADE: u8 = 2;
/// ICW4: vectors as the 8086 has them.
const VECTORS_OF_8086: u8 = 1;
/// OCW2: the interrupt of the highest priority that is in service has ended.
const END: u8 = 1 << 5;

/// Lets its interrupts come, and no others.
pub fn start() {
    let divisor = (CLOCK_HZ / RATE) as u16;
    let [low, high] = divisor.to_le_bytes();
    let first = VECTOR as u8;
    // Each takes ICW1 at its even port and the rest at its odd one, and then OCW1, the inputs that
    // do not count.
    let words = [
        (FIRST, INITIALIZE),
        (FIRST + 1, first),
        (FIRST + 1, 1 << CASCADE),
        (FIRST + 1, VECTORS_OF_8086),
        (FIRST + 1, !1),
        (SECOND, INITIALIZE),
        (SECOND + 1, first + 8),
        (SECOND + 1, CASCADE),
        (SECOND + 1, VECTORS_OF_8086),
        (SECOND + 1, !0),
        (MODE, RATE_GENERATOR),
        (CHANNEL_0, low),
        (CHANNEL_0, high),
    ];
    for (port, word) in words {
        // SAFETY: neither device touches memory, and there is a gate for the vector.
        unsafe { port::write(port, word) }
    }
    interrupts::enable();
}

/// What the interrupt's gate leads to, once the registers are saved.
pub extern "C" fn interrupt() {
    crate::timer::tick();
    // SAFETY: the device does not touch memory.
    unsafe { port::write(FIRST, END) }
}
