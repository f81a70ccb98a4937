//! Exceptions: registers are saved and reported.

use super::descriptors;
use crate::fault::{self, Fault};
use crate::x86::exceptions::{self, DOUBLE_FAULT, PAGE_FAULT};
use core::arch::{asm, global_asm};

const STUB_SIZE: usize = 16;

global_asm!(
    r#"
    .pushsection .text.faults, "ax"
    .balign 16
exception_stubs:
    .set vector, 0
    .rept {count}
    .balign {size}
    .ifeq {error_codes} >> vector & 1
    push $0                         # where the processor pushes no error code
    .endif
    push $vector
    jmp save_registers
    .set vector, vector + 1
    .endr
save_registers:
    pusha
    cld
    mov %esp, %eax
    and $-16, %esp
    sub $12, %esp
    push %eax
    call {report}
    ud2
double_fault:
    and $-16, %esp
    call {report_double}
    ud2
    .popsection
    "#,
    count = const exceptions::COUNT,
    size = const STUB_SIZE,
    error_codes = const exceptions::WITH_ERROR_CODE,
    report = sym report,
    report_double = sym report_double,
    options(att_syntax)
);

unsafe extern "C" {
    static exception_stubs: u8;
    static double_fault: u8;
}

/// The address of the code that the processor is to go to for `vector`.
pub fn stub(vector: usize) -> usize {
    (&raw const exception_stubs) as usize + vector * STUB_SIZE
}

/// Where the fault task starts.
pub fn double_fault_entry() -> usize {
    (&raw const double_fault) as usize
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
