//! The timer: the alarm of the goldfish real-time clock, set anew each time that it has come.

use super::{clock, devices, interrupts};
use crate::timer::RATE;
use core::arch::global_asm;

/// The level at which the alarm interrupts.
pub const LEVEL: usize = 6;

const PERIOD_NS: u64 = 1_000_000_000 / RATE as u64;

// The frame that the processor pushes may begin at any even address, while compiled code wants the
// stack at a multiple of four. Functions preserve %d2.
global_asm!(
    ".text",
    ".balign 2",
    ".globl m68k_timer_entry",
    "m68k_timer_entry:",
    "movem.l %d0-%d2/%a0-%a1, -(%sp)",
    "move.l %sp, %d2",
    "move.l %sp, %d0",
    "and.l #-4, %d0",
    "move.l %d0, %sp",
    "jsr m68k_timer",
    "move.l %d2, %sp",
    "movem.l (%sp)+, %d0-%d2/%a0-%a1",
    "rte",
);

/// Lets its interrupts come, and no others.
pub fn start() {
    let line = devices::clock_interrupt().expect("the machine has interrupt controllers");
    assert!(line.level == LEVEL, "the clock interrupts at level {}", line.level);
    let clock = clock();
    clock.clear_interrupt();
    clock.enable_interrupt();
    line.enable();
    clock.set_alarm_in(PERIOD_NS);
    interrupts::enable();
}

/// What the vector leads to, once the registers are saved. No interrupt of its level comes meanwhile.
#[unsafe(no_mangle)]
extern "C" fn m68k_timer() {
    crate::timer::tick();
    let clock = clock();
    clock.clear_interrupt();
    clock.set_alarm_in(PERIOD_NS);
}

fn clock() -> clock::Clock {
    devices::clock().expect("the machine has a real-time clock")
}
