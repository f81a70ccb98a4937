//! Calls by the System V ABI for x86-64 ("Function Calling Sequence"): six words in registers,
//! the others on the stack, the result in `rax`.

use crate::machine::{Argument, Returned};
use alloc::vec::Vec;
use core::arch::naked_asm;

const REGISTERS: usize = 6;

/// Calls the C function at `entry`.
///
/// # Safety
/// There is such a function, and it may be called with these arguments.
pub unsafe fn call(entry: usize, arguments: &[Argument]) -> Returned {
    let mut words: Vec<u64> = arguments
        .iter()
        .map(|argument| match *argument {
            Argument::Word(word) => word as u64,
            Argument::Wide(value) => value,
        })
        .collect();
    words.resize(words.len().max(REGISTERS), 0);
    // SAFETY: the caller vouches for the function; there are at least six words.
    let result = unsafe { call_words(entry, words.as_ptr(), words.len() - REGISTERS) };
    Returned { word: result as usize, wide: result }
}

/// Calls `entry` with the six words at `words` in registers and `on_stack` more on the stack.
#[unsafe(naked)]
unsafe extern "C" fn call_words(entry: usize, words: *const u64, on_stack: usize) -> u64 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov rax, rdi",
        "mov r10, rsi",
        "lea rcx, [rdx * 8 + 15]",
        "and rcx, -16",
        "sub rsp, rcx",
        "mov rcx, rdx",
        "lea rsi, [r10 + 48]",
        "mov rdi, rsp",
        "rep movsq",
        "mov rdi, [r10]",
        "mov rsi, [r10 + 8]",
        "mov rdx, [r10 + 16]",
        "mov rcx, [r10 + 24]",
        "mov r8, [r10 + 32]",
        "mov r9, [r10 + 40]",
        "mov r11, rax",
        "xor eax, eax",
        "call r11",
        "leave",
        "ret",
    )
}

/// `movabs $value, %rax; ret`.
pub fn returning(value: usize) -> [u8; 11] {
    let mut code = [0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3];
    code[2..10].copy_from_slice(&value.to_le_bytes());
    code
}
