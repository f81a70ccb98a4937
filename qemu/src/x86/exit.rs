//! QEMU's `isa-debug-exit` device at port 0xf4: writing `v` ends QEMU with status `2v + 1`.

use super::port;
use crate::machine::Outcome;
use core::arch::asm;

const PORT: u16 = 0xf4;
const SUCCESS: u8 = 0x10;
const FAILURE: u8 = 0x11;

/// Ends QEMU, with status 33 for success and 35 for failure.
pub fn exit(outcome: Outcome) -> ! {
    let code = match outcome {
        Outcome::Success => SUCCESS,
        Outcome::Failure => FAILURE,
    };
    // SAFETY: the device ends the machine.
    unsafe { port::write(PORT, code) };
    loop {
        // SAFETY: without the device the machine just stops here for ever.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) }
    }
}
