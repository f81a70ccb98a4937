//! The C calling convention of m68k (System V ABI, Motorola 68000 Processor Family Supplement, as
//! Linux has it): arguments on the stack, each in one or two words of 32 bits, the first at the
//! lowest address; the caller removes them. A result is in %d0, one of 64 bits in %d0 and %d1
//! with the high half in %d0, and a pointer in %a0 as well as in %d0.

use crate::machine::{Argument, Returned};
use alloc::vec::Vec;
use core::arch::global_asm;
use modlink::platform::Faulted;

// What a function preserves, and the status register, are on the stack before the function is called; the
// stack pointer is kept then, for who abandons it. Of the words the last is pushed first.
global_asm!(
    ".bss",
    ".balign 4",
    "m68k_innermost_call:",
    ".skip 4",
    ".text",
    ".balign 2",
    "m68k_call:",
    "movem.l %d2-%d7/%a2-%a6, -(%sp)",
    "move.w %sr, %d0",
    "move.l %d0, -(%sp)",
    "move.l m68k_innermost_call, -(%sp)",
    "move.l %sp, m68k_innermost_call",
    "move.l 56(%sp), %a0",
    "move.l 60(%sp), %d0",
    "move.l 64(%sp), %a1",
    "bra 3f",
    "2: move.l -(%a1), -(%sp)",
    "3: move.l %a1, %d1",
    "cmp.l %d0, %d1",
    "bne 2b",
    "jsr (%a0)",
    "move.l m68k_innermost_call, %sp",
    "move.l 68(%sp), %a0",
    "move.l %d0, (%a0)+",
    "move.l %d1, (%a0)",
    "moveq #0, %d0",
    "m68k_leave_call:",
    "move.l (%sp)+, m68k_innermost_call",
    "move.l (%sp)+, %d1",
    "move.w %d1, %sr",
    "movem.l (%sp)+, %d2-%d7/%a2-%a6",
    "rts",
    "m68k_abandon_call:",
    "move.l m68k_innermost_call, %sp",
    "moveq #1, %d0",
    "bra m68k_leave_call",
);

unsafe extern "C" {
    /// The stack pointer of the innermost call; 0 if there is none.
    static m68k_innermost_call: usize;

    /// Calls `entry` with these words, and puts its result where `result` says. Whether it has faulted.
    fn m68k_call(entry: usize, first: *const u32, end: *const u32, result: *mut [u32; 2]) -> u32;
    fn m68k_abandon_call() -> !;
}

/// Calls a C function.
///
/// # Errors
/// It has faulted, and [`abandon`] was called.
///
/// # Safety
/// There is such a function at `entry`, and it may be called with these arguments.
pub unsafe fn call(entry: usize, arguments: &[Argument]) -> Result<Returned, Faulted> {
    let mut words = Vec::with_capacity(2 * arguments.len());
    for argument in arguments {
        match *argument {
            Argument::Word(word) => words.push(word as u32),
            Argument::Wide(wide) => words.extend([(wide >> 32) as u32, wide as u32]),
        }
    }
    let words = words.as_ptr_range();
    let mut result = [0; 2];
    // SAFETY: the caller vouches for the function.
    let has_faulted = unsafe { m68k_call(entry, words.start, words.end, &mut result) != 0 };
    let [first, second] = result;
    let wide = u64::from(first) << 32 | u64::from(second);
    if has_faulted { Err(Faulted) } else { Ok(Returned { word: first as usize, wide }) }
}

/// Whether a called function is running, which could be abandoned.
pub fn is_under_way() -> bool {
    // SAFETY: it is a word, which is written when a call begins and when it ends.
    unsafe { (&raw const m68k_innermost_call).read_volatile() != 0 }
}

/// Makes the innermost [`call`] return that its function has faulted.
///
/// # Safety
/// It [is under way](is_under_way), and nothing that was called since has to go on: the frames of these are
/// skipped.
pub unsafe fn abandon() -> ! {
    // SAFETY: the caller's promise.
    unsafe { m68k_abandon_call() }
}

/// The machine code of a C function that returns `value`, as an integer and as a pointer.
///
/// It has the value in %d1 too, so that 0 is 0 for callers that expect 64 bits as well.
pub fn returning(value: usize) -> [u8; 12] {
    const MOVE_IMMEDIATE_TO_D0: [u8; 2] = 0x203c_u16.to_be_bytes();
    const MOVE_D0_TO_D1: [u8; 2] = 0x2200_u16.to_be_bytes();
    const MOVE_D0_TO_A0: [u8; 2] = 0x2040_u16.to_be_bytes();
    const RTS: [u8; 2] = 0x4e75_u16.to_be_bytes();

    let [a, b, c, d] = value.to_be_bytes();
    let ([m0, m1], [n0, n1]) = (MOVE_IMMEDIATE_TO_D0, MOVE_D0_TO_D1);
    let ([p0, p1], [r0, r1]) = (MOVE_D0_TO_A0, RTS);
    [m0, m1, a, b, c, d, n0, n1, p0, p1, r0, r1]
}
