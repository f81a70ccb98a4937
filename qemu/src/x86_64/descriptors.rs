//! Segments, the task state with its stack for faults, exception gates, and the stack canary.
//!
//! Intel SDM volume 3, chapters "Protected-Mode Memory Management", "Task Management" and
//! "Interrupt and Exception Handling".

use super::timer;
use crate::x86::exceptions;
use crate::x86::timer::VECTOR;
use core::arch::asm;
use core::mem::offset_of;
use spin::Once;

const CODE: u64 = 0x00af_9a00_0000_ffff;
const DATA: u64 = 0x00cf_9200_0000_ffff;
const CODE_SELECTOR: u16 = 0x08;
const TASK_SELECTOR: u16 = 0x18;
const TASK_TYPE: u64 = 0x89;
const INTERRUPT_GATE: u8 = 0x8e;
const FAULT_STACK: u8 = 1;
const SAME_STACK: u8 = 0;
const GS_BASE: u32 = 0xc000_0101;

#[repr(C, packed(4))]
struct TaskState {
    reserved: u32,
    privilege_stacks: [u64; 3],
    reserved_2: u64,
    interrupt_stacks: [u64; 7],
    reserved_3: u64,
    reserved_4: u16,
    io_map: u16,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    offset_low: u16,
    selector: u16,
    stack: u8,
    flags: u8,
    offset_middle: u16,
    offset_high: u32,
    reserved: u32,
}

struct Descriptors {
    segments: [u64; 5],
    gates: [Gate; exceptions::COUNT + 1],
}

/// What `%gs` points to. GCC's stack protector for x86_64 kernels reads the canary at offset 40.
#[repr(C)]
struct PerCpu {
    unused: [u64; 5],
    canary: u64,
}

const _: () = assert!(offset_of!(PerCpu, canary) == 0x28);

#[repr(C, packed)]
struct TablePointer {
    limit: u16,
    base: u64,
}

static PER_CPU: PerCpu = PerCpu { unused: [0; 5], canary: 0x57ac_cafe_0d15_ea00 };
static TASK: Once<TaskState> = Once::new();
static DESCRIPTORS: Once<Descriptors> = Once::new();

unsafe extern "C" {
    static __fault_stack_top: u8;
}

/// Loads all of it into the processor.
pub fn install() {
    let fault_stack = (&raw const __fault_stack_top) as u64;
    let task = TASK.call_once(|| TaskState {
        reserved: 0,
        privilege_stacks: [0; 3],
        reserved_2: 0,
        interrupt_stacks: [fault_stack; 7],
        reserved_3: 0,
        reserved_4: 0,
        io_map: size_of::<TaskState>() as u16,
    });
    let tables = DESCRIPTORS.call_once(|| Descriptors {
        segments: segments(task),
        gates: core::array::from_fn(|vector| match vector {
            VECTOR => gate(timer::entry as *const () as usize, SAME_STACK),
            _ => gate(exceptions::stub(vector), FAULT_STACK),
        }),
    });
    let segments = pointer(&tables.segments);
    let gates = pointer(&tables.gates);
    let canary = (&raw const PER_CPU) as u64;
    // SAFETY: the tables live for ever. The code and data segments are where they were before,
    // and nothing but compiled module code uses `%gs`.
    unsafe {
        asm!("lgdt [{}]", in(reg) &segments, options(nostack));
        asm!("lidt [{}]", in(reg) &gates, options(nostack));
        asm!("ltr {:x}", in(reg) TASK_SELECTOR, options(nostack));
        asm!(
            "wrmsr",
            in("ecx") GS_BASE,
            in("eax") canary as u32,
            in("edx") (canary >> 32) as u32,
            options(nostack)
        );
    }
}

fn segments(task: &'static TaskState) -> [u64; 5] {
    let base = task as *const TaskState as u64;
    let limit = size_of::<TaskState>() as u64 - 1;
    let low = limit | (base & 0xff_ffff) << 16 | TASK_TYPE << 40 | (base >> 24 & 0xff) << 56;
    [0, CODE, DATA, low, base >> 32]
}

fn gate(handler: usize, stack: u8) -> Gate {
    Gate {
        offset_low: handler as u16,
        selector: CODE_SELECTOR,
        stack,
        flags: INTERRUPT_GATE,
        offset_middle: (handler >> 16) as u16,
        offset_high: (handler >> 32) as u32,
        reserved: 0,
    }
}

fn pointer<T>(table: &'static T) -> TablePointer {
    TablePointer { limit: size_of::<T>() as u16 - 1, base: table as *const T as u64 }
}
