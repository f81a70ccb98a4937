//! The C calling convention of m68k (System V ABI, Motorola 68000 Processor Family Supplement, as
//! Linux has it): arguments on the stack, each in one or two words of 32 bits, the first at the
//! lowest address; the caller removes them. A result is in %d0, one of 64 bits in %d0 and %d1
//! with the high half in %d0, and a pointer in %a0 as well as in %d0.

use crate::machine::Argument;
use alloc::vec::Vec;
use core::arch::asm;

/// Calls a C function; the contents of %d0 and %d1.
///
/// # Safety
/// There is such a function at `entry`, and it may be called with these arguments.
pub unsafe fn call(entry: usize, arguments: &[Argument]) -> [u32; 2] {
    let mut words = Vec::with_capacity(2 * arguments.len());
    for argument in arguments {
        match *argument {
            Argument::Word(word) => words.push(word as u32),
            Argument::Wide(wide) => words.extend([(wide >> 32) as u32, wide as u32]),
        }
    }
    let words = words.as_ptr_range();
    let (first, second);
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
    [first, second]
}

/// The machine code of a C function that returns `value`: as a word or pointer if it is one, else
/// as a 64-bit integer.
pub fn returning(value: u64) -> [u8; 18] {
    let word = value as u32;
    let (first, second) = match u32::try_from(value) {
        Ok(word) => (word, word),
        Err(_) => ((value >> 32) as u32, word),
    };
    let mut code = [0; 18];
    let parts: [&[u8]; 6] = [
        &MOVE_TO_D0,
        &first.to_be_bytes(),
        &MOVE_TO_D1,
        &second.to_be_bytes(),
        &MOVE_D0_TO_A0,
        &RTS,
    ];
    let mut rest = &mut code[..];
    for part in parts {
        let (head, tail) = rest.split_at_mut(part.len());
        head.copy_from_slice(part);
        rest = tail;
    }
    code
}

const MOVE_TO_D0: [u8; 2] = 0x203c_u16.to_be_bytes();
const MOVE_TO_D1: [u8; 2] = 0x223c_u16.to_be_bytes();
const MOVE_D0_TO_A0: [u8; 2] = 0x2040_u16.to_be_bytes();
const RTS: [u8; 2] = 0x4e75_u16.to_be_bytes();
