//! Floating point, where the options allow it: `float` and `double`, computed by the FPU.

use crate::error::Construct;
use crate::ir::FloatPredicate::{self, *};
use crate::ir::{Opcode, Type, TypeKind};

/// What differs between `float` and `double`.
pub struct Format {
    /// The C type.
    pub c_type: &'static str,
    /// The unsigned type of the same size.
    pub bits: &'static str,
    /// The prelude's function from bits to number.
    pub of_bits: &'static str,
    /// The prelude's function from number to bits.
    pub bits_of: &'static str,
    /// The sign bit.
    pub sign: &'static str,
    /// The bits of infinity, the largest exponent.
    pub infinity: &'static str,
    /// The bit that tells quiet from signalling NaNs.
    pub quiet: &'static str,
    /// The suffix of GCC's builtin functions.
    pub suffix: &'static str,
}

const FLOAT: Format = Format {
    c_type: "float",
    bits: "u32",
    of_bits: "float_of_bits",
    bits_of: "bits_of_float",
    sign: "0x80000000u",
    infinity: "0x7f800000u",
    quiet: "0x400000u",
    suffix: "f",
};

const DOUBLE: Format = Format {
    c_type: "double",
    bits: "u64",
    of_bits: "double_of_bits",
    bits_of: "bits_of_double",
    sign: "0x8000000000000000ull",
    infinity: "0x7ff0000000000000ull",
    quiet: "0x8000000000000ull",
    suffix: "",
};

impl Format {
    /// The format of a type; others are rejected.
    pub fn of(ty: Type<'_>) -> Result<&'static Format, Construct> {
        match ty.kind() {
            TypeKind::Float => Ok(&FLOAT),
            TypeKind::Double => Ok(&DOUBLE),
            TypeKind::Half | TypeKind::Quad => Err(Construct::ExtendedFloat),
            _ => Err(Construct::Type(ty.to_string())),
        }
    }

    /// The sign changed, of NaNs too.
    pub fn negate(&self, number: &str) -> String {
        format!("{}({}({number})^{})", self.of_bits, self.bits_of, self.sign)
    }

    /// The sign cleared.
    pub fn absolute(&self, number: &str) -> String {
        format!("{}({}({number})&~{})", self.of_bits, self.bits_of, self.sign)
    }

    /// The magnitude of one number with the sign of another.
    pub fn copy_sign(&self, number: &str, sign: &str) -> String {
        let Format { of_bits, bits_of, sign: bit, .. } = self;
        format!("{of_bits}(({bits_of}({number})&~{bit})|({bits_of}({sign})&{bit}))")
    }

    /// Arithmetic.
    pub fn binary(&self, opcode: Opcode, left: &str, right: &str) -> Result<String, Construct> {
        Ok(match opcode {
            Opcode::LLVMFAdd => format!("({left}+{right})"),
            Opcode::LLVMFSub => format!("({left}-{right})"),
            Opcode::LLVMFMul => format!("({left}*{right})"),
            Opcode::LLVMFDiv => format!("({left}/{right})"),
            Opcode::LLVMFRem => format!("__builtin_fmod{}({left},{right})", self.suffix),
            other => return Err(Construct::Instruction(format!("{other:?}"))),
        })
    }

    /// The smaller or larger number; a number if the other is none; of zeros, the negative is the
    /// smaller.
    pub fn extremum(&self, x: &str, y: &str, maximum: bool) -> String {
        let Format { of_bits, bits_of, .. } = self;
        // Equal numbers have equal bits but for the sign of zero.
        let (operator, both) = if maximum { ('>', '&') } else { ('<', '|') };
        let equal = format!("{of_bits}({bits_of}({x}){both}{bits_of}({y}))");
        format!("({x}!={x}?{y}:{y}!={y}?{x}:{x}=={y}?{equal}:{x}{operator}{y}?{x}:{y})")
    }

    /// Whether a number is of one of the classes in LLVM's mask for `is.fpclass`.
    pub fn is_class(&self, number: &str, mask: &str) -> String {
        let Format { bits, bits_of, infinity, quiet, .. } = self;
        format!(
            "({{{bits} all={bits_of}({number}),negative=all>>(sizeof all*8-1),size=all<<1>>1;\
             u32 class=size>{infinity}?((size&{quiet})?2:1):size=={infinity}?(negative?4:512):\
             (size&{infinity})?(negative?8:256):size?(negative?16:128):(negative?32:64);\
             (u8)((class&{mask})!=0);}})"
        )
    }
}

/// A C expression that is 1 or 0 as the predicate holds.
pub fn compare(predicate: FloatPredicate, left: &str, right: &str) -> String {
    let unordered = format!("__builtin_isunordered({left},{right})");
    match predicate {
        LLVMRealPredicateFalse => "0".into(),
        LLVMRealOEQ => format!("({left}=={right})"),
        LLVMRealOGT => format!("({left}>{right})"),
        LLVMRealOGE => format!("({left}>={right})"),
        LLVMRealOLT => format!("({left}<{right})"),
        LLVMRealOLE => format!("({left}<={right})"),
        LLVMRealONE => format!("(!{unordered}&&{left}!={right})"),
        LLVMRealORD => format!("(!{unordered})"),
        LLVMRealUNO => unordered,
        LLVMRealUEQ => format!("({unordered}||{left}=={right})"),
        LLVMRealUGT => format!("(!({left}<={right}))"),
        LLVMRealUGE => format!("(!({left}<{right}))"),
        LLVMRealULT => format!("(!({left}>={right}))"),
        LLVMRealULE => format!("(!({left}>{right}))"),
        LLVMRealUNE => format!("({left}!={right})"),
        LLVMRealPredicateTrue => "1".into(),
    }
}
