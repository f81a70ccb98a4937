//! Calls by the ABI of i386 kernels, GCC's `-mregparm=3`: arguments go to `eax`, `edx` and `ecx`
//! as long as they fit whole, the rest to the stack; the result is in `eax`, or `edx:eax`.

use crate::machine::{Argument, Returned};
use alloc::vec::Vec;
use core::arch::naked_asm;

const REGISTERS: usize = 3;

/// Calls the C function at `entry`.
///
/// # Safety
/// There is such a function, and it may be called with these arguments.
pub unsafe fn call(entry: usize, arguments: &[Argument]) -> Returned {
    let mut registers = Vec::new();
    let mut stack = Vec::new();
    for argument in arguments {
        let words = words(*argument);
        if stack.is_empty() && registers.len() + words.len() <= REGISTERS {
            registers.extend(words);
        } else {
            stack.extend(words);
        }
    }
    registers.resize(REGISTERS, 0);
    // SAFETY: the caller vouches for the function; there are three words for the registers.
    let wide = unsafe { call_words(entry, registers.as_ptr(), stack.as_ptr(), stack.len()) };
    Returned { word: wide as usize, wide }
}

fn words(argument: Argument) -> Vec<u32> {
    match argument {
        Argument::Word(word) => [word as u32].into(),
        Argument::Wide(value) => [value as u32, (value >> 32) as u32].into(),
    }
}

/// Calls `entry` with the three words at `registers` in registers, the `count` words at `stack` on
/// the stack, and the stack aligned to 16.
#[unsafe(naked)]
unsafe extern "C" fn call_words(
    entry: usize,
    registers: *const u32,
    stack: *const u32,
    count: usize,
) -> u64 {
    naked_asm!(
        "push ebp",
        "mov ebp, esp",
        "push esi",
        "push edi",
        "mov ecx, [ebp + 20]",
        "lea eax, [ecx * 4]",
        "sub esp, eax",
        "and esp, -16",
        "mov esi, [ebp + 16]",
        "mov edi, esp",
        "rep movsd",
        "mov esi, [ebp + 12]",
        "mov eax, [esi]",
        "mov edx, [esi + 4]",
        "mov ecx, [esi + 8]",
        "call [ebp + 8]",
        "lea esp, [ebp - 8]",
        "pop edi",
        "pop esi",
        "pop ebp",
        "ret",
    )
}

/// `mov $value, %eax; ret`.
pub fn returning(value: usize) -> [u8; 6] {
    let mut code = [0xb8, 0, 0, 0, 0, 0xc3];
    code[1..5].copy_from_slice(&value.to_le_bytes());
    code
}
