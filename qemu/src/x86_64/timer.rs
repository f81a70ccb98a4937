//! The way into the timer's interrupt and back.

use core::arch::naked_asm;

/// Where the gate leads. What a function may change is saved; the processor has saved the rest, on
/// the stack of what was running, as there is nothing below its end (no red zone).
#[unsafe(naked)]
pub unsafe extern "C" fn entry() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "cld",
        "and rsp, -16",
        "call {interrupt}",
        "lea rsp, [rbp - 72]",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "pop rbp",
        "iretq",
        interrupt = sym crate::x86::timer::interrupt,
    )
}
