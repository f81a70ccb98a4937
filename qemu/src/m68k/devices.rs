//! The devices of QEMU's virt machine that the kernel uses, wherever the machine has put them.

use super::bootinfo::BootInfo;
use super::clock::Clock;
use super::controller::{Controller, Ending};
use super::interrupts::Line;
use super::tty::Tty;
use core::sync::atomic::{AtomicUsize, Ordering};

static TTY: AtomicUsize = AtomicUsize::new(0);
static CONTROLLER: AtomicUsize = AtomicUsize::new(0);
static CLOCK: AtomicUsize = AtomicUsize::new(0);
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);
static CLOCK_INTERRUPT: AtomicUsize = AtomicUsize::new(0);

/// Remembers where the devices are. Without this the functions here do nothing.
///
/// # Safety
/// `info` tells the truth, and the registers can be reached uncached at these addresses for ever.
pub unsafe fn find(info: &BootInfo<'_>) {
    if let (Some(tty), Some(controller)) = (info.tty, info.controller) {
        TTY.store(tty, Ordering::Relaxed);
        CONTROLLER.store(controller, Ordering::Relaxed);
        // There are registers for two blocks.
        let in_block = |base: &usize| base / BLOCK == tty / BLOCK;
        CLOCK.store(info.clock.filter(in_block).unwrap_or(0), Ordering::Relaxed);
        INTERRUPTS.store(info.interrupts.filter(in_block).unwrap_or(0), Ordering::Relaxed);
        CLOCK_INTERRUPT.store(info.clock_interrupt.unwrap_or(0), Ordering::Relaxed);
    }
}

/// Bytes that one transparent translation register can cover at least.
const BLOCK: usize = 16 << 20;

/// Addresses in the 16 MiB blocks in which device registers are.
pub fn blocks() -> [usize; 2] {
    [TTY.load(Ordering::Relaxed), CONTROLLER.load(Ordering::Relaxed)]
}

/// The serial line.
pub fn tty() -> Option<Tty> {
    match TTY.load(Ordering::Relaxed) {
        0 => None,
        // SAFETY: `find`'s caller promised that a goldfish tty is there.
        base => Some(unsafe { Tty::new(base) }),
    }
}

/// The real-time clock.
pub fn clock() -> Option<Clock> {
    match CLOCK.load(Ordering::Relaxed) {
        0 => None,
        // SAFETY: `find`'s caller promised that a goldfish real-time clock is there.
        base => Some(unsafe { Clock::new(base) }),
    }
}

/// The line by which the clock interrupts.
pub fn clock_interrupt() -> Option<Line> {
    match INTERRUPTS.load(Ordering::Relaxed) {
        0 => None,
        // SAFETY: `find`'s caller promised that the goldfish interrupt controllers are there.
        base => unsafe { Line::new(base, CLOCK_INTERRUPT.load(Ordering::Relaxed)) },
    }
}

/// Ends the machine, if it has a controller.
pub fn end(ending: Ending) {
    let base = CONTROLLER.load(Ordering::Relaxed);
    if base != 0 {
        // SAFETY: `find`'s caller promised that a controller is there.
        unsafe { Controller::new(base) }.end(ending);
    }
}
