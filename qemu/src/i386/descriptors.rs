//! Segments, exception gates, and a task of its own for faults that happen for want of stack.
//!
//! Intel SDM volume 3, chapters "Protected-Mode Memory Management", "Task Management" and
//! "Interrupt and Exception Handling".

use super::{faults, timer};
use crate::x86::exceptions::{self, DOUBLE_FAULT};
use crate::x86::timer::VECTOR;
use core::arch::asm;
use core::cell::UnsafeCell;
use spin::Once;

const CODE: u64 = 0x00cf_9a00_0000_ffff;
const DATA: u64 = 0x00cf_9200_0000_ffff;
const CODE_SELECTOR: u16 = 0x08;
const DATA_SELECTOR: u16 = 0x10;
const TASK_SELECTOR: u16 = 0x18;
const FAULT_TASK_SELECTOR: u16 = 0x20;
const TASK_TYPE: u64 = 0x89;
const INTERRUPT_GATE: u16 = 0x8e00;
const TASK_GATE: u16 = 0x8500;

/// A task state segment; the processor writes to it when it switches tasks.
#[repr(C)]
pub struct TaskState {
    previous: u32,
    privilege_stacks: [u32; 6],
    /// The page tables.
    pub cr3: u32,
    /// The next instruction.
    pub eip: u32,
    /// The flags.
    pub eflags: u32,
    /// `eax`, `ecx`, `edx`, `ebx`, `esp`, `ebp`, `esi` and `edi`.
    pub registers: [u32; 8],
    /// `es`, `cs`, `ss`, `ds`, `fs` and `gs`.
    segments: [u32; 6],
    local_descriptors: u32,
    trap: u16,
    io_map: u16,
}

struct SharedTaskState(UnsafeCell<TaskState>);

// SAFETY: there is one processor; only it writes, and `faults` reads when it has stopped.
unsafe impl Sync for SharedTaskState {}

#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    offset_low: u16,
    selector: u16,
    flags: u16,
    offset_high: u16,
}

struct Descriptors {
    segments: [u64; 5],
    gates: [Gate; exceptions::COUNT + 1],
}

#[repr(C, packed)]
struct TablePointer {
    limit: u16,
    base: u32,
}

const NO_TASK: TaskState = TaskState {
    previous: 0,
    privilege_stacks: [0; 6],
    cr3: 0,
    eip: 0,
    eflags: 2,
    registers: [0; 8],
    segments: [0; 6],
    local_descriptors: 0,
    trap: 0,
    io_map: size_of::<TaskState>() as u16,
};

static TASK: SharedTaskState = SharedTaskState(UnsafeCell::new(NO_TASK));
static FAULT_TASK: SharedTaskState = SharedTaskState(UnsafeCell::new(NO_TASK));
static DESCRIPTORS: Once<Descriptors> = Once::new();

unsafe extern "C" {
    static __fault_stack_top: u8;
}

/// Loads all of it into the processor. Every segment covers all memory, so that `%fs:symbol`, by
/// which GCC's stack protector reads `__stack_chk_guard`, is the symbol itself.
pub fn install() {
    let tables = DESCRIPTORS.call_once(|| Descriptors {
        segments: [0, CODE, DATA, task_segment(&TASK), task_segment(&FAULT_TASK)],
        gates: core::array::from_fn(|vector| match vector {
            DOUBLE_FAULT => Gate {
                offset_low: 0,
                selector: FAULT_TASK_SELECTOR,
                flags: TASK_GATE,
                offset_high: 0,
            },
            VECTOR => gate(timer::entry as *const () as usize),
            _ => gate(exceptions::stub(vector)),
        }),
    });
    let segments = pointer(&tables.segments);
    let gates = pointer(&tables.gates);
    // SAFETY: the tables live for ever, and the segments cover the same memory as before.
    unsafe {
        asm!(
            "lgdt [{segments}]",
            "lidt [{gates}]",
            "push {code}",
            "lea {scratch}, [2f]",
            "push {scratch}",
            "retf",
            "2:",
            "mov {scratch:e}, {data}",
            "mov ds, {scratch:e}",
            "mov es, {scratch:e}",
            "mov ss, {scratch:e}",
            "mov fs, {scratch:e}",
            "mov gs, {scratch:e}",
            "ltr {task:x}",
            segments = in(reg) &segments,
            gates = in(reg) &gates,
            task = in(reg) TASK_SELECTOR,
            code = const CODE_SELECTOR,
            data = const DATA_SELECTOR,
            scratch = out(reg) _,
        );
    }
}

/// Makes faults that find no stack be reported with the page tables in use now.
pub fn arm_fault_task() {
    let cr3: u32;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mov {}, cr3", out(reg) cr3, options(nomem, nostack)) };
    let data = u32::from(DATA_SELECTOR);
    let state = TaskState {
        cr3,
        eip: faults::double_fault as *const () as u32,
        registers: [0, 0, 0, 0, (&raw const __fault_stack_top) as u32, 0, 0, 0],
        segments: [data, u32::from(CODE_SELECTOR), data, data, data, data],
        ..NO_TASK
    };
    // SAFETY: the fault task does not run before the gate is taken, which ends the kernel.
    unsafe { *FAULT_TASK.0.get() = state }
}

/// What the task that runs the kernel was doing when the fault task took over.
pub fn interrupted() -> &'static TaskState {
    // SAFETY: called from the fault task, after which the other one never runs again.
    unsafe { &*TASK.0.get() }
}

fn task_segment(task: &'static SharedTaskState) -> u64 {
    let base = task as *const SharedTaskState as u64;
    let limit = size_of::<TaskState>() as u64 - 1;
    limit | (base & 0xff_ffff) << 16 | TASK_TYPE << 40 | (base >> 24 & 0xff) << 56
}

fn gate(handler: usize) -> Gate {
    Gate {
        offset_low: handler as u16,
        selector: CODE_SELECTOR,
        flags: INTERRUPT_GATE,
        offset_high: (handler >> 16) as u16,
    }
}

fn pointer<T>(table: &'static T) -> TablePointer {
    TablePointer { limit: size_of::<T>() as u16 - 1, base: table as *const T as u32 }
}
