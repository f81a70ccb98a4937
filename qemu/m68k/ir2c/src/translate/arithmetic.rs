//! Arithmetic and logic on integers.

use crate::error::Construct;
use crate::ir::Opcode;

use super::integer::{self, masked, signed, wide_masked, wide_signed};

/// A C expression for a binary operation on two integers of `width` bits.
pub fn binary(opcode: Opcode, left: &str, right: &str, width: u32) -> Result<String, Construct> {
    if integer::is_wide(width) {
        return wide_binary(opcode, left, right, width);
    }
    let bits = integer::arithmetic(width);
    let unsigned = |value: &str| format!("(u{bits}){value}");
    // More than the width is undefined in the IR, but C must not take advantage of it.
    let count = || {
        let mask = if matches!(width, 32 | 64) { width - 1 } else { bits - 1 };
        format!("((u32){right}&{mask})")
    };
    let unsigned_operation =
        |operator: &str| masked(&format!("{}{operator}{}", unsigned(left), unsigned(right)), width);
    let signed_operation = |operator: &str| {
        masked(&format!("{}{operator}{}", signed(left, width), signed(right, width)), width)
    };
    Ok(match opcode {
        Opcode::LLVMAdd => unsigned_operation("+"),
        Opcode::LLVMSub => unsigned_operation("-"),
        Opcode::LLVMMul => unsigned_operation("*"),
        Opcode::LLVMUDiv => format!("({left}/{right})"),
        Opcode::LLVMURem => format!("({left}%{right})"),
        Opcode::LLVMSDiv => signed_operation("/"),
        Opcode::LLVMSRem => signed_operation("%"),
        Opcode::LLVMShl => masked(&format!("{}<<{}", unsigned(left), count()), width),
        Opcode::LLVMLShr => format!("({}>>{})", unsigned(left), count()),
        Opcode::LLVMAShr => {
            masked(&format!("(s{bits}){}>>{}", signed(left, width), count()), width)
        }
        Opcode::LLVMAnd => format!("({left}&{right})"),
        Opcode::LLVMOr => format!("({left}|{right})"),
        Opcode::LLVMXor => format!("({left}^{right})"),
        other => return Err(Construct::Instruction(format!("{other:?}"))),
    })
}

fn wide_binary(opcode: Opcode, left: &str, right: &str, width: u32) -> Result<String, Construct> {
    let on = |function: &str, left: &str, right: &str| format!("{function}({left},{right})");
    let extended = |value: &str| wide_signed(value, width);
    let count = format!("wide_count({right})");
    Ok(match opcode {
        Opcode::LLVMAdd => wide_masked(&on("wide_add", left, right), width),
        Opcode::LLVMSub => wide_masked(&on("wide_sub", left, right), width),
        Opcode::LLVMMul => wide_masked(&on("wide_mul", left, right), width),
        Opcode::LLVMUDiv => on("wide_udiv", left, right),
        Opcode::LLVMURem => on("wide_urem", left, right),
        Opcode::LLVMSDiv => wide_masked(&on("wide_sdiv", &extended(left), &extended(right)), width),
        Opcode::LLVMSRem => wide_masked(&on("wide_srem", &extended(left), &extended(right)), width),
        Opcode::LLVMShl => wide_masked(&on("wide_shl", left, &count), width),
        Opcode::LLVMLShr => on("wide_lshr", left, &count),
        Opcode::LLVMAShr => wide_masked(&on("wide_ashr", &extended(left), &count), width),
        Opcode::LLVMAnd => on("wide_and", left, right),
        Opcode::LLVMOr => on("wide_or", left, right),
        Opcode::LLVMXor => on("wide_xor", left, right),
        other => return Err(Construct::Instruction(format!("{other:?}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_masked_to_their_width() {
        let sum = binary(Opcode::LLVMAdd, "a", "b", 24).unwrap();
        assert_eq!(sum, "((u32)(((u32)a+(u32)b)&16777215u))");
    }

    #[test]
    fn shift_counts_are_masked() {
        let shifted = binary(Opcode::LLVMLShr, "a", "b", 64).unwrap();
        assert_eq!(shifted, "((u64)a>>((u32)b&63))");
        let shifted = binary(Opcode::LLVMAShr, "a", "b", 16).unwrap();
        assert_eq!(shifted, "((u16)((s32)((s16)(a))>>((u32)b&31)))");
    }

    #[test]
    fn wide_signed_division_extends_both_signs() {
        let quotient = binary(Opcode::LLVMSDiv, "a", "b", 128).unwrap();
        let expected = "wide_mask(wide_sdiv(wide_signed(a,128),wide_signed(b,128)),128)";
        assert_eq!(quotient, expected);
    }

    #[test]
    fn other_opcodes_are_rejected() {
        assert!(binary(Opcode::LLVMFAdd, "a", "b", 32).is_err());
        assert!(binary(Opcode::LLVMFAdd, "a", "b", 128).is_err());
    }
}
