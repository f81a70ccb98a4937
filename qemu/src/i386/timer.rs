//! The way into the timer's interrupt and back.

use core::arch::naked_asm;

/// Where the gate leads. What a function may change is saved; the processor has saved the rest.
#[unsafe(naked)]
pub unsafe extern "C" fn entry() {
    naked_asm!(
        "push ebp",
        "mov ebp, esp",
        "push eax",
        "push ecx",
        "push edx",
        "cld",
        "and esp, -16",
        "call {interrupt}",
        "lea esp, [ebp - 12]",
        "pop edx",
        "pop ecx",
        "pop eax",
        "pop ebp",
        "iretd",
        interrupt = sym crate::x86::timer::interrupt,
    )
}
