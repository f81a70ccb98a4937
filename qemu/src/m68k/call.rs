//! The C calling convention of m68k (System V ABI, Motorola 68000 Processor Family Supplement, as
//! Linux has it): arguments on the stack, each in one or two words of 32 bits, the first at the
//! lowest address; the caller removes them. A result is in %d0, one of 64 bits in %d0 and %d1
//! with the high half in %d0, and a pointer in %a0 as well as in %d0.

use crate::machine::{Argument, Returned};
use alloc::vec::Vec;
use core::arch::asm;

/// Calls a C function.
///
/// # Safety
/// There is such a function at `entry`, and it may be called with these arguments.
pub unsafe fn call(entry: usize, arguments: &[Argument]) -> Returned {
    let mut words = Vec::with_capacity(2 * arguments.len());
    for argument in arguments {
        match *argument {
            Argument::Word(word) => words.push(word as u32),
            Argument::Wide(wide) => words.extend([(wide >> 32) as u32, wide as u32]),
        }
    }
    let words = words.as_ptr_range();
    let (first, second): (u32, u32);
    // SAFETY: the caller vouches for the function; a C function preserves %d2 and with it the
    // stack pointer from before the arguments were pushed.
    unsafe {
        asm!(
            "move.l %sp, %d2",
            "bra 3f",
            "2: move.l -(%a1), -(%sp)",
            "3: cmp.l %d3, %a1",
            "bne 2b",
            "jsr (%a0)",
            "move.l %d2, %sp",
            inout("a0") entry => _,
            inout("a1") words.end => _,
            in("d3") words.start,
            out("d2") _,
            out("d0") first,
            out("d1") second,
        );
    }
    Returned { word: first as usize, wide: u64::from(first) << 32 | u64::from(second) }
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
