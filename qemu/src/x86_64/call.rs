//! Calls by the System V ABI for x86-64 ("Function Calling Sequence"): six words in registers,
//! the others on the stack, the result in `rax`.

use crate::machine::{Argument, Returned};
use alloc::vec::Vec;
use core::arch::naked_asm;
use core::sync::atomic::{AtomicUsize, Ordering};
use modlink::platform::Faulted;

const REGISTERS: usize = 6;

/// The stack pointer of the innermost [`call_words`], which knows what is to be restored; 0 if there is none.
static INNERMOST: AtomicUsize = AtomicUsize::new(0);

/// What `call_words` returns, in `rax` and `rdx`.
#[repr(C)]
struct Outcome {
    result: u64,
    has_faulted: u64,
}

/// Calls the C function at `entry`.
///
/// # Errors
/// It has faulted, and [`abandon`] was called.
///
/// # Safety
/// There is such a function, and it may be called with these arguments.
pub unsafe fn call(entry: usize, arguments: &[Argument]) -> Result<Returned, Faulted> {
    let mut words: Vec<u64> = arguments
        .iter()
        .map(|argument| match *argument {
            Argument::Word(word) => word as u64,
            Argument::Wide(value) => value,
        })
        .collect();
    words.resize(words.len().max(REGISTERS), 0);
    // SAFETY: the caller vouches for the function; there are at least six words.
    let outcome = unsafe { call_words(entry, words.as_ptr(), words.len() - REGISTERS) };
    let Outcome { result, has_faulted } = outcome;
    if has_faulted != 0 {
        Err(Faulted)
    } else {
        Ok(Returned { word: result as usize, wide: result })
    }
}

/// Whether a called function is running, which could be abandoned.
pub fn is_under_way() -> bool {
    INNERMOST.load(Ordering::Relaxed) != 0
}

/// Calls `entry` with the six words at `words` in registers and `on_stack` more on the stack. What a
/// function preserves, and the flags, are on the stack before that, for [`abandon`].
#[unsafe(naked)]
unsafe extern "C" fn call_words(entry: usize, words: *const u64, on_stack: usize) -> Outcome {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "pushfq",
        "push qword ptr [rip + {innermost}]",
        "mov [rip + {innermost}], rsp",
        "sub rsp, 8",
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
        "xor edx, edx",
        "jmp {leave}",
        innermost = sym INNERMOST,
        leave = sym leave,
    )
}

/// Returns from the innermost [`call_words`] with what is in `rax` and `rdx`.
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    naked_asm!(
        "mov rsp, [rip + {innermost}]",
        "pop qword ptr [rip + {innermost}]",
        "popfq",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        innermost = sym INNERMOST,
    )
}

/// Makes the innermost [`call`] return that its function has faulted.
///
/// # Safety
/// It [is under way](is_under_way), and nothing that was called since has to go on: the frames of these are
/// skipped.
#[unsafe(naked)]
pub unsafe extern "C" fn abandon() -> ! {
    naked_asm!("xor eax, eax", "mov edx, 1", "jmp {leave}", leave = sym leave)
}

/// `movabs $value, %rax; ret`.
pub fn returning(value: usize) -> [u8; 11] {
    let mut code = [0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3];
    code[2..10].copy_from_slice(&value.to_le_bytes());
    code
}
