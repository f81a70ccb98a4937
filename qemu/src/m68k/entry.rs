//! The first instructions, and the first function: from what QEMU left in memory to a [`Boot`].

use super::bootinfo::BootInfo;
use super::mmu::PAGE_SIZE;
use super::{cache, devices, exceptions, layout};
use crate::machine::Boot;
use core::arch::global_asm;
use core::{ptr, slice};

// QEMU enters in supervisor mode, the MMU and the caches off, interrupts masked, .bss cleared, and
// leaves the stack to the kernel.
global_asm!(
    ".section .text.entry, \"ax\"",
    ".globl _start",
    "_start:",
    "lea __stack_top, %sp",
    "jsr m68k_start",
);

/// More than the boot information ever takes: a dozen small records and the command line.
const LONGEST_BOOT_INFO: usize = 8192;

#[unsafe(no_mangle)]
extern "C" fn m68k_start() -> ! {
    // SAFETY: the caches have been off until now.
    unsafe { cache::enable() };
    exceptions::install();
    let records = ptr::with_exposed_provenance(layout::kernel_end());
    // SAFETY: QEMU has put the boot information after the kernel, nothing else is there, and
    // `boot` keeps it out of the heap.
    let records = unsafe { slice::from_raw_parts(records, LONGEST_BOOT_INFO) };
    let info = BootInfo::parse(records).expect("QEMU's boot information is complete");
    // SAFETY: QEMU says where they are; without them there is nobody to tell.
    unsafe { devices::find(&info) };
    // SAFETY: entered once, and the ranges are what QEMU said there is.
    unsafe { crate::start(boot(&info)) }
}

/// Shares out the memory between the boot information and the initial RAM disk, which QEMU puts
/// at the end.
fn boot(info: &BootInfo<'static>) -> Boot {
    assert!(info.memory.contains(&layout::kernel_end()), "the kernel is not in the first memory");
    let start = (layout::kernel_end() + info.length).next_multiple_of(PAGE_SIZE);
    let end = if info.ramdisk.is_empty() { info.memory.end } else { info.ramdisk.start };
    let end = end / PAGE_SIZE * PAGE_SIZE;
    let middle = (start + end.saturating_sub(start) / 2).next_multiple_of(PAGE_SIZE);
    let initrd = ptr::with_exposed_provenance(info.ramdisk.start);
    // SAFETY: QEMU has put the file there, and neither heap nor modules get the place.
    let initrd = unsafe { slice::from_raw_parts(initrd, info.ramdisk.len()) };
    Boot {
        command_line: info.command_line,
        initrd: if info.ramdisk.is_empty() { &[] } else { initrd },
        heap: start..middle,
        module_frames: middle..end,
    }
}
