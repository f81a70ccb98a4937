//! What the kernel lets modules do, as the console says.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use modlink::image::{KnownSection, signature};
use spin::Mutex;

static DENIED: Mutex<&str> = Mutex::new("");
static BOOT_LINE: Mutex<&str> = Mutex::new("");
static ACCEPTED_LOSSES: Mutex<Vec<KnownSection>> = Mutex::new(Vec::new());

static TELLS_SIGNED: AtomicBool = AtomicBool::new(false);
static FORCES: AtomicBool = AtomicBool::new(true);
static KEEPS_SECTIONS: AtomicBool = AtomicBool::new(true);

/// Takes files that end in the mark of a signature for signed, and all others for not signed, from
/// now on.
pub fn tell_signed() {
    TELLS_SIGNED.store(true, Ordering::Relaxed);
}

/// Whether a file counts as signed.
pub fn is_signed(file: &[u8]) -> bool {
    !TELLS_SIGNED.load(Ordering::Relaxed) || signature::split(file).1
}

/// From now on no module is loaded that lacks what it is compared with the kernel by.
pub fn never_force() {
    FORCES.store(false, Ordering::Relaxed);
}

/// Whether such modules are loaded (Linux: CONFIG_MODULE_FORCE_LOAD).
pub fn forces() -> bool {
    FORCES.load(Ordering::Relaxed)
}

/// From now on modules keep no account of their sections.
pub fn forget_sections() {
    KEEPS_SECTIONS.store(false, Ordering::Relaxed);
}

/// Whether modules keep account of their sections.
pub fn keeps_sections() -> bool {
    KEEPS_SECTIONS.load(Ordering::Relaxed)
}

/// Puts names, separated by commas, on the list of modules that may not be loaded.
pub fn deny(names: &str) {
    let mut denied = DENIED.lock();
    *denied = format!("{denied},{names}").leak();
}

/// Lets this be the kernel's boot line from now on.
pub fn set_boot_line(line: &str) {
    *BOOT_LINE.lock() = String::from(line).leak();
}

/// The kernel's boot line.
pub fn boot_line() -> &'static str {
    *BOOT_LINE.lock()
}

/// The names on that list, separated by commas.
pub fn denied() -> &'static str {
    *DENIED.lock()
}

/// Takes modules with such sections from now on, though nobody does what those ask for. The kernel
/// accepts no such loss by itself, since no module that it boots with needs it to.
pub fn accept_loss(of: KnownSection) {
    ACCEPTED_LOSSES.lock().push(of);
}

/// Whether modules with sections of that name in the table are taken so.
pub fn accepts_loss(of: &str) -> bool {
    ACCEPTED_LOSSES.lock().iter().any(|accepted| accepted.name() == of)
}
