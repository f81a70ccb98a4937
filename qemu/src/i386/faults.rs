//! Exceptions: registers are saved and reported.

use super::descriptors;
use crate::fault::{self, Fault};
use crate::x86::exceptions::{self, DOUBLE_FAULT, PAGE_FAULT};
use core::arch::{asm, naked_asm};

/// Where the [stubs](exceptions::stub) go, which have pushed two words.
#[unsafe(naked)]
pub unsafe extern "C" fn save_registers() {
    naked_asm!(
        "pusha",
        "cld",
        "mov eax, esp",
        "and esp, -16",
        "sub esp, 12",
        "push eax",
        "call {report}",
        "ud2",
        report = sym report,
    )
}

/// Where the fault task starts.
#[unsafe(naked)]
pub unsafe extern "C" fn double_fault() {
    naked_asm!("and esp, -16", "call {report}", "ud2", report = sym report_double)
}

/// What `save_registers`, the stubs and the processor pushed, last first.
#[repr(C)]
struct Frame {
    edi: usize,
    esi: usize,
    ebp: usize,
    esp: usize,
    ebx: usize,
    edx: usize,
    ecx: usize,
    eax: usize,
    vector: usize,
    error: usize,
    eip: usize,
    cs: usize,
    eflags: usize,
}

/// The words between `pusha`'s value of `esp` and the one before the exception.
const PUSHED_BEFORE: usize = 5;

extern "C" fn report(frame: &Frame) -> ! {
    let esp = frame.esp + PUSHED_BEFORE * size_of::<usize>();
    fault::report(&Fault {
        what: exceptions::name(frame.vector, frame.error),
        instruction: frame.eip,
        address: (frame.vector == PAGE_FAULT).then(missed_address),
        stack: esp,
        registers: &[
            ("eax", frame.eax),
            ("ebx", frame.ebx),
            ("ecx", frame.ecx),
            ("edx", frame.edx),
            ("esi", frame.esi),
            ("edi", frame.edi),
            ("ebp", frame.ebp),
            ("esp", esp),
            ("eflags", frame.eflags),
            ("cs", frame.cs),
            ("error", frame.error),
        ],
    })
}

extern "C" fn report_double() -> ! {
    let state = descriptors::interrupted();
    let [eax, ecx, edx, ebx, esp, ebp, esi, edi] = state.registers.map(|value| value as usize);
    fault::report(&Fault {
        what: exceptions::name(DOUBLE_FAULT, 0),
        instruction: state.eip as usize,
        address: Some(missed_address()),
        stack: esp,
        registers: &[
            ("eax", eax),
            ("ebx", ebx),
            ("ecx", ecx),
            ("edx", edx),
            ("esi", esi),
            ("edi", edi),
            ("ebp", ebp),
            ("esp", esp),
            ("eflags", state.eflags as usize),
        ],
    })
}

/// The address at which the last page fault happened.
fn missed_address() -> usize {
    let address: usize;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack)) };
    address
}
