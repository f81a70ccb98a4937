//! The processor's exceptions: where it goes at each, and what it is called (Intel SDM volume 3,
//! "Exception and Interrupt Reference").

#[cfg(target_arch = "x86")]
use crate::i386::faults::save_registers;
#[cfg(target_arch = "x86_64")]
use crate::x86_64::faults::save_registers;
use core::arch::global_asm;

/// How many vectors the processor keeps for exceptions.
pub const COUNT: usize = 32;

/// The exception at which a page could not be reached.
pub const PAGE_FAULT: usize = 14;

/// The exception at what nothing else is said of, such as an address that is not canonical.
pub const GENERAL_PROTECTION: usize = 13;

/// The exception raised when another could not be delivered, such as for want of stack.
pub const DOUBLE_FAULT: usize = 8;

/// The vectors, a bit each, at which the processor pushes an error code.
const WITH_ERROR_CODE: u32 =
    1 << DOUBLE_FAULT | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << PAGE_FAULT | 1 << 17 | 1 << 21;

const STUB_SIZE: usize = 16;

// Each leaves the error code and the vector on the stack.
global_asm!(
    r#"
    .pushsection .text.exception_stubs, "ax"
    .balign {size}
exception_stubs:
    .set vector, 0
    .rept {count}
    .balign {size}
    .ifeq {error_codes} >> vector & 1
    push $0                         # where the processor pushes no error code
    .endif
    push $vector
    jmp {save_registers}
    .set vector, vector + 1
    .endr
    .popsection
    "#,
    count = const COUNT,
    size = const STUB_SIZE,
    error_codes = const WITH_ERROR_CODE,
    save_registers = sym save_registers,
    options(att_syntax)
);

unsafe extern "C" {
    static exception_stubs: u8;
}

/// The address of the code that the processor is to go to for `vector`.
pub fn stub(vector: usize) -> usize {
    (&raw const exception_stubs) as usize + vector * STUB_SIZE
}

const WRITE: usize = 1 << 1;
const FETCH: usize = 1 << 4;

/// What happened, in words. `error` is the error code that the processor pushed.
pub fn name(vector: usize, error: usize) -> &'static str {
    match vector {
        0 => "division by zero",
        1 => "debug exception",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        4 => "overflow",
        5 => "bound exceeded",
        6 => "invalid instruction",
        7 => "no coprocessor",
        DOUBLE_FAULT => "double fault",
        10 => "invalid task state segment",
        11 => "segment not present",
        12 => "stack segment fault",
        GENERAL_PROTECTION => "general protection fault",
        PAGE_FAULT if error & FETCH != 0 => "page cannot be run",
        PAGE_FAULT if error & WRITE != 0 => "page cannot be written",
        PAGE_FAULT => "page cannot be read",
        16 => "floating-point exception",
        17 => "misaligned access",
        18 => "machine check",
        19 => "vector exception",
        21 => "control protection exception",
        _ => "unknown exception",
    }
}
