//! Calls by the ABI of i386 kernels, GCC's `-mregparm=3`: arguments go to `eax`, `edx` and `ecx`
//! as long as they fit whole, the rest to the stack; the result is in `eax`, or `edx:eax`.

use crate::machine::{Argument, Returned};
use alloc::vec::Vec;
use core::arch::naked_asm;
use core::sync::atomic::{AtomicUsize, Ordering};
use modlink::platform::Faulted;

const REGISTERS: usize = 3;

/// The stack pointer of the innermost [`call_words`], which knows what is to be restored; 0 if there is none.
static INNERMOST: AtomicUsize = AtomicUsize::new(0);

/// Calls the C function at `entry`.
///
/// # Errors
/// It has faulted, and [`abandon`] was called.
///
/// # Safety
/// There is such a function, and it may be called with these arguments.
pub unsafe fn call(entry: usize, arguments: &[Argument]) -> Result<Returned, Faulted> {
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
    let mut wide = 0;
    // SAFETY: the caller vouches for the function; there are three words for the registers.
    let has_faulted = unsafe {
        call_words(entry, registers.as_ptr(), stack.as_ptr(), stack.len(), &mut wide) != 0
    };
    if has_faulted { Err(Faulted) } else { Ok(Returned { word: wide as usize, wide }) }
}

/// Whether a called function is running, which could be abandoned.
pub fn is_under_way() -> bool {
    INNERMOST.load(Ordering::Relaxed) != 0
}

fn words(argument: Argument) -> Vec<u32> {
    match argument {
        Argument::Word(word) => [word as u32].into(),
        Argument::Wide(value) => [value as u32, (value >> 32) as u32].into(),
    }
}

/// Calls `entry` with the three words at `registers` in registers, the `count` words at `stack` on
/// the stack, and the stack aligned to 16. Whether it has faulted. What a function preserves, and the flags,
/// are on the stack before that, for [`abandon`].
#[unsafe(naked)]
unsafe extern "C" fn call_words(
    entry: usize,
    registers: *const u32,
    stack: *const u32,
    count: usize,
    result: *mut u64,
) -> u32 {
    naked_asm!(
        "push ebp",
        "mov ebp, esp",
        "push ebx",
        "push esi",
        "push edi",
        "pushfd",
        "push dword ptr [{innermost}]",
        "mov [{innermost}], esp",
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
        "mov ecx, [ebp + 24]",
        "mov [ecx], eax",
        "mov [ecx + 4], edx",
        "xor eax, eax",
        "jmp {leave}",
        innermost = sym INNERMOST,
        leave = sym leave,
    )
}

/// Returns from the innermost [`call_words`] with what is in `eax`.
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    naked_asm!(
        "mov esp, [{innermost}]",
        "pop dword ptr [{innermost}]",
        "popfd",
        "pop edi",
        "pop esi",
        "pop ebx",
        "pop ebp",
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
    naked_asm!("mov eax, 1", "jmp {leave}", leave = sym leave)
}

/// `mov $value, %eax; ret`.
pub fn returning(value: usize) -> [u8; 6] {
    let mut code = [0xb8, 0, 0, 0, 0, 0xc3];
    code[1..5].copy_from_slice(&value.to_le_bytes());
    code
}
