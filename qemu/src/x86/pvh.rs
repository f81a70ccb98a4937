//! What QEMU tells a kernel that it starts by the PVH boot protocol.
//!
//! The structures are those of Xen's "x86/HVM direct boot ABI" (`hvm_start_info`), version 1.

use super::layout::{self, DIRECT_LIMIT, KERNEL_BASE};
use crate::machine::Boot;
use core::ffi::CStr;
use core::ops::Range;

const MAGIC: u32 = 0x336e_c578;
const RAM: u32 = 1;
const PAGE: usize = 4096;

#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    module_count: u32,
    modules: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_count: u32,
    reserved: u32,
}

#[repr(C)]
struct Module {
    address: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

#[repr(C)]
struct MemoryRange {
    address: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// Reads the start information at physical address `info`.
///
/// # Safety
/// QEMU wrote it there, the first GiB of memory is mapped at [`KERNEL_BASE`], and nothing but the
/// kernel's own image has been written since.
pub unsafe fn read(info: usize) -> Boot {
    // SAFETY: the caller vouches for what is there and that it is mapped.
    let info: &'static StartInfo = unsafe { &*at(info as u64) };
    assert!(info.magic == MAGIC && info.version >= 1, "started by something else than PVH");
    // SAFETY: the same; the counts belong to these arrays.
    let (modules, ranges) = unsafe {
        (
            array(at::<Module>(info.modules), info.module_count),
            array(at::<MemoryRange>(info.memory_map), info.memory_map_count),
        )
    };
    let command_line = match info.command_line {
        0 => &[],
        // SAFETY: it is a C string, by the protocol.
        line => unsafe { CStr::from_ptr(at(line)) }.to_bytes(),
    };
    let initrd = modules.first().map_or(&[][..], |module| {
        let end = module.address + module.size;
        assert!(end <= DIRECT_LIMIT as u64, "the initial RAM disk ends at {end:#x}: too much RAM");
        // SAFETY: QEMU put the initial RAM disk there; `free_memory` leaves it alone.
        unsafe { core::slice::from_raw_parts(at(module.address), module.size as usize) }
    });
    let free = free_memory(ranges, modules.first());
    let middle = (free.start + free.len() / 2).next_multiple_of(PAGE);
    Boot {
        command_line,
        initrd,
        heap: KERNEL_BASE + free.start..KERNEL_BASE + middle,
        module_frames: middle..free.end,
    }
}

/// Physical memory after the kernel, without the initial RAM disk, in whole pages.
fn free_memory(ranges: &[MemoryRange], initrd: Option<&Module>) -> Range<usize> {
    let start = layout::kernel_end() - KERNEL_BASE;
    let holds_kernel = |range: &&MemoryRange| {
        range.kind == RAM
            && range.address <= start as u64
            && (start as u64) < range.address + range.size
    };
    let ram = ranges.iter().find(holds_kernel).expect("the kernel lies in memory");
    let end = (ram.address + ram.size).min(DIRECT_LIMIT as u64) as usize / PAGE * PAGE;
    let Some(initrd) = initrd else {
        return start..end;
    };
    let before = start..(initrd.address as usize / PAGE * PAGE).clamp(start, end);
    let after_initrd = (initrd.address + initrd.size) as usize;
    let after = after_initrd.next_multiple_of(PAGE).clamp(start, end)..end;
    if before.len() >= after.len() { before } else { after }
}

fn at<T>(physical: u64) -> *const T {
    (KERNEL_BASE + physical as usize) as *const T
}

/// # Safety
/// `first` points to `count` valid values that live for ever; it may point anywhere for 0.
unsafe fn array<T>(first: *const T, count: u32) -> &'static [T] {
    match count {
        0 => &[],
        // SAFETY: the caller vouches for them.
        count => unsafe { core::slice::from_raw_parts(first, count as usize) },
    }
}
