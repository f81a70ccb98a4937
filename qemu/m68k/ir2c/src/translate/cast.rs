//! Conversions between types.

use crate::error::Construct;
use crate::ir::{Opcode, Type, TypeKind, Value};

use super::float::Format;
use super::function::Body;
use super::integer::{self, masked, signed, wide_masked, wide_signed};

impl<'m> Body<'_, 'm> {
    /// A value converted to another type, as a C expression.
    pub fn cast(
        &mut self,
        opcode: Opcode,
        operand: Value<'m>,
        to: Type<'m>,
    ) -> Result<String, Construct> {
        let from = operand.ty();
        let value = self.value(operand)?;
        let unsupported = || Construct::Conversion { from: from.to_string(), to: to.to_string() };
        match (opcode, from.kind(), to.kind()) {
            (Opcode::LLVMTrunc, TypeKind::Integer(_), TypeKind::Integer(_))
            | (Opcode::LLVMZExt, TypeKind::Integer(_), TypeKind::Integer(_))
            | (Opcode::LLVMSExt, TypeKind::Integer(_), TypeKind::Integer(_)) => {
                let from = from.integer_width().ok_or_else(unsupported)?;
                let to = to.integer_width().ok_or_else(unsupported)?;
                Ok(match opcode {
                    Opcode::LLVMTrunc => truncated(&value, from, to),
                    Opcode::LLVMZExt => zero_extended(&value, from, to),
                    _ => sign_extended(&value, from, to),
                })
            }
            (
                Opcode::LLVMPtrToInt | Opcode::LLVMPtrToAddr,
                TypeKind::Pointer,
                TypeKind::Integer(width),
            ) => Ok(zero_extended(&masked(&format!("(u32){value}"), width.min(32)), 32, width)),
            (Opcode::LLVMIntToPtr, TypeKind::Integer(width), TypeKind::Pointer) => {
                Ok(format!("((pointer)(u32){})", truncated(&value, width, width.min(32))))
            }
            (Opcode::LLVMBitCast, ..) => bit_cast(&value, from, to).ok_or_else(unsupported),
            (Opcode::LLVMFPTrunc | Opcode::LLVMFPExt, ..) => {
                Format::of(from)?;
                Ok(format!("(({}){value})", Format::of(to)?.c_type))
            }
            (Opcode::LLVMFPToUI | Opcode::LLVMFPToSI, _, TypeKind::Integer(width)) => {
                Format::of(from)?;
                if integer::is_wide(width) {
                    return Err(unsupported());
                }
                let sign = if opcode == Opcode::LLVMFPToUI { "u64" } else { "s64" };
                Ok(masked(&format!("({sign}){value}"), width))
            }
            (Opcode::LLVMUIToFP | Opcode::LLVMSIToFP, TypeKind::Integer(width), _) => {
                let format = Format::of(to)?;
                if width > 128 {
                    return Err(unsupported());
                }
                Ok(to_float(&value, width, format, opcode == Opcode::LLVMSIToFP))
            }
            _ => Err(unsupported()),
        }
    }
}

fn truncated(value: &str, from: u32, to: u32) -> String {
    if integer::is_wide(to) {
        wide_masked(value, to)
    } else if integer::is_wide(from) {
        masked(&format!("wide_low({value})"), to)
    } else {
        masked(value, to)
    }
}

fn zero_extended(value: &str, from: u32, to: u32) -> String {
    if !integer::is_wide(to) {
        format!("((u{}){value})", integer::container(to))
    } else if integer::is_wide(from) {
        value.to_string()
    } else {
        format!("wide_from({value})")
    }
}

fn sign_extended(value: &str, from: u32, to: u32) -> String {
    if !integer::is_wide(to) {
        masked(&format!("(s{}){}", integer::arithmetic(to), signed(value, from)), to)
    } else if integer::is_wide(from) {
        wide_masked(&wide_signed(value, from), to)
    } else {
        let native = format!("wide_from((u64)(s64){})", signed(value, from));
        wide_masked(&wide_signed(&native, 64), to)
    }
}

fn bit_cast(value: &str, from: Type<'_>, to: Type<'_>) -> Option<String> {
    if from == to || from.kind() == to.kind() {
        return Some(value.to_string());
    }
    match (from.kind(), to.kind()) {
        (TypeKind::Integer(_), TypeKind::Float | TypeKind::Double) => {
            Some(format!("{}({value})", Format::of(to).ok()?.of_bits))
        }
        (TypeKind::Float | TypeKind::Double, TypeKind::Integer(_)) => {
            Some(format!("{}({value})", Format::of(from).ok()?.bits_of))
        }
        _ => None,
    }
}

fn to_float(value: &str, width: u32, format: &Format, is_signed: bool) -> String {
    let c_type = format.c_type;
    match (integer::is_wide(width), is_signed) {
        (false, false) => format!("(({c_type}){value})"),
        (false, true) => format!("(({c_type}){})", signed(value, width)),
        (true, false) => format!("wide_to_{c_type}({value})"),
        (true, true) => {
            let value = wide_signed(value, width);
            format!(
                "(wide_is_negative({value})?-wide_to_{c_type}(wide_negate({value})):\
                 wide_to_{c_type}({value}))"
            )
        }
    }
}
