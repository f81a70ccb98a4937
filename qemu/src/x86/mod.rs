//! What x86_64 and i386 share: devices, the way they are booted, page tables of 64-bit entries.

pub mod exceptions;
pub mod exit;
pub mod fixup;
pub mod interrupts;
pub mod layout;
pub mod paging;
pub mod pc;
pub mod port;
pub mod pvh;
pub mod serial;
pub mod timer;
pub mod walk;
