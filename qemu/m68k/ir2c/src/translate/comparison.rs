//! Comparisons of integers.

use crate::ir::IntegerPredicate::{self, *};

use super::integer;

fn is_signed(predicate: IntegerPredicate) -> bool {
    matches!(predicate, LLVMIntSGT | LLVMIntSGE | LLVMIntSLT | LLVMIntSLE)
}

/// A C expression that is 1 or 0 as the predicate holds for two integers of `width` bits.
pub fn compare(predicate: IntegerPredicate, left: &str, right: &str, width: u32) -> String {
    if integer::is_wide(width) {
        return compare_wide(predicate, left, right, width);
    }
    let operator = match predicate {
        LLVMIntEQ => "==",
        LLVMIntNE => "!=",
        LLVMIntUGT | LLVMIntSGT => ">",
        LLVMIntUGE | LLVMIntSGE => ">=",
        LLVMIntULT | LLVMIntSLT => "<",
        LLVMIntULE | LLVMIntSLE => "<=",
    };
    if is_signed(predicate) {
        let (left, right) = (integer::signed(left, width), integer::signed(right, width));
        format!("({left}{operator}{right})")
    } else {
        format!("({left}{operator}{right})")
    }
}

fn compare_wide(predicate: IntegerPredicate, left: &str, right: &str, width: u32) -> String {
    let (below, left, right) = if is_signed(predicate) {
        let signed = |value| integer::wide_signed(value, width);
        ("wide_less", signed(left), signed(right))
    } else {
        ("wide_below", left.to_string(), right.to_string())
    };
    match predicate {
        LLVMIntEQ => format!("wide_equal({left},{right})"),
        LLVMIntNE => format!("(!wide_equal({left},{right}))"),
        LLVMIntUGT | LLVMIntSGT => format!("{below}({right},{left})"),
        LLVMIntUGE | LLVMIntSGE => format!("(!{below}({left},{right}))"),
        LLVMIntULT | LLVMIntSLT => format!("{below}({left},{right})"),
        LLVMIntULE | LLVMIntSLE => format!("(!{below}({right},{left}))"),
    }
}

/// The same for pointers, which are compared as unsigned 32-bit integers.
pub fn compare_pointers(predicate: IntegerPredicate, left: &str, right: &str) -> String {
    compare(predicate, &format!("(u32){left}"), &format!("(u32){right}"), 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_predicates_compare_signed_values() {
        assert_eq!(compare(LLVMIntSLT, "a", "b", 8), "(((s8)(a))<((s8)(b)))");
        assert_eq!(compare(LLVMIntULT, "a", "b", 8), "(a<b)");
    }

    #[test]
    fn wide_predicates_are_derived_from_below() {
        assert_eq!(compare(LLVMIntUGT, "a", "b", 128), "wide_below(b,a)");
        assert_eq!(compare(LLVMIntUGE, "a", "b", 128), "(!wide_below(a,b))");
        assert_eq!(
            compare(LLVMIntSLE, "a", "b", 128),
            "(!wide_less(wide_signed(b,128),wide_signed(a,128)))"
        );
    }
}
