//! The intrinsics that tell whether arithmetic overflows, or stop at the largest or smallest
//! value.

use super::integer::{self, masked, signed, wide_masked, wide_signed};

/// An operation of `llvm.{s,u}{add,sub,mul}.with.overflow` or `llvm.{s,u}{add,sub}.sat`.
pub struct Overflow {
    operation: &'static str,
    operator: char,
    is_signed: bool,
    saturates: bool,
}

impl Overflow {
    /// Recognises an intrinsic by its name without types.
    pub fn of_intrinsic(name: &str) -> Option<Self> {
        let (name, saturates) = match name.strip_suffix(".with.overflow") {
            Some(name) => (name, false),
            None => (name.strip_suffix(".sat")?, true),
        };
        let (is_signed, name) = match name.strip_prefix('s') {
            Some(name) => (true, name),
            None => (false, name.strip_prefix('u')?),
        };
        let (operation, operator) = match name {
            "add" => ("add", '+'),
            "sub" => ("sub", '-'),
            "mul" if !saturates => ("mul", '*'),
            _ => return None,
        };
        Some(Overflow { operation, operator, is_signed, saturates })
    }

    /// C statements that set `target`; none if this width is not supported.
    pub fn statements(&self, target: &str, left: &str, right: &str, width: u32) -> Option<String> {
        match (self.saturates, width) {
            (_, 129..) => None,
            (false, 65..) => Some(self.wide_flag(target, left, right, width)),
            (true, 65..) => Some(self.wide_saturated(target, left, right, width)),
            (false, 8 | 16 | 32 | 64) => Some(self.flag(target, left, right, width)),
            (true, 8 | 16 | 32 | 64) => Some(self.saturated(target, left, right, width)),
            (_, 33..) => None,
            (false, _) => Some(self.odd_flag(target, left, right, width)),
            (true, _) => Some(self.odd_saturated(target, left, right, width)),
        }
    }

    fn sign(&self) -> char {
        if self.is_signed { 's' } else { 'u' }
    }

    /// GCC's builtin function, which computes in the signed or unsigned type of this width.
    fn builtin(&self, left: &str, right: &str, width: u32) -> String {
        let Overflow { operation, .. } = self;
        let c_type = format!("{}{width}", self.sign());
        format!("__builtin_{operation}_overflow(({c_type}){left},({c_type}){right},&exact)")
    }

    fn flag(&self, target: &str, left: &str, right: &str, width: u32) -> String {
        let overflows = self.builtin(left, right, width);
        let sign = self.sign();
        format!(
            "{{{sign}{width} exact; {target}.f1 = {overflows}; {target}.f0 = (u{width})exact;}}"
        )
    }

    fn saturated(&self, target: &str, left: &str, right: &str, width: u32) -> String {
        let overflows = self.builtin(left, right, width);
        let sign = self.sign();
        let limit = if self.is_signed {
            // Both operations can only leave the range on the left operand's side.
            let smallest = 1u64 << (width - 1);
            let largest = smallest - 1;
            format!("{}<0?(u{width}){smallest}ull:(u{width}){largest}ull", signed(left, width))
        } else if self.operator == '+' {
            format!("(u{width})-1")
        } else {
            "0".into()
        };
        format!("{{{sign}{width} exact; {target} = {overflows} ? ({limit}) : (u{width})exact;}}")
    }

    /// The exact result for operands of less than 32 bits, in 64.
    fn odd_exact(&self, left: &str, right: &str, width: u32) -> String {
        let operand = |value: &str| match self.is_signed {
            true => format!("(s64){}", signed(value, width)),
            false => format!("(s64){value}"),
        };
        format!("s64 exact = {}{}{};", operand(left), self.operator, operand(right))
    }

    fn odd_flag(&self, target: &str, left: &str, right: &str, width: u32) -> String {
        let exact = self.odd_exact(left, right, width);
        let kept = masked("exact", width);
        let back = if self.is_signed { signed("exact", width) } else { kept.clone() };
        format!("{{{exact} {target}.f0 = {kept}; {target}.f1 = exact != (s64){back};}}")
    }

    fn odd_saturated(&self, target: &str, left: &str, right: &str, width: u32) -> String {
        let exact = self.odd_exact(left, right, width);
        let (smallest, largest) = if self.is_signed {
            (-(1i64 << (width - 1)), (1i64 << (width - 1)) - 1)
        } else {
            (0, (1i64 << width) - 1)
        };
        let kept = masked("exact", width);
        format!(
            "{{{exact} if (exact<{smallest}ll) exact = {smallest}ll; \
             if (exact>{largest}ll) exact = {largest}ll; {target} = {kept};}}"
        )
    }

    /// The exact result for operands of at most 128 bits, in 256.
    fn wide_exact(&self, left: &str, right: &str, width: u32) -> String {
        let (left, right) = (self.extended(left, width), self.extended(right, width));
        format!("wide exact = wide_{}({left},{right});", self.operation)
    }

    fn extended(&self, value: &str, width: u32) -> String {
        if self.is_signed { wide_signed(value, width) } else { value.into() }
    }

    fn wide_flag(&self, target: &str, left: &str, right: &str, width: u32) -> String {
        debug_assert!(2 * width <= integer::MAX_WIDE);
        let exact = self.wide_exact(left, right, width);
        let kept = wide_masked("exact", width);
        let back = self.extended(&format!("{target}.f0"), width);
        format!("{{{exact} {target}.f0 = {kept}; {target}.f1 = !wide_equal({back},exact);}}")
    }

    fn wide_saturated(&self, target: &str, left: &str, right: &str, width: u32) -> String {
        let exact = self.wide_exact(left, right, width);
        let power = |bit: u32| format!("wide_shl(wide_from(1),{bit})");
        let (smallest, beyond) = if self.is_signed {
            (format!("wide_negate({})", power(width - 1)), power(width - 1))
        } else {
            ("wide_from(0)".into(), power(width))
        };
        let kept = wide_masked("exact", width);
        format!(
            "{{{exact} wide smallest = {smallest}, largest = wide_sub({beyond},wide_from(1)); \
             if (wide_less(exact,smallest)) exact = smallest; \
             if (wide_less(largest,exact)) exact = largest; {target} = {kept};}}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intrinsics_are_recognised_by_name() {
        for name in ["sadd.with.overflow", "umul.with.overflow", "usub.sat", "sadd.sat"] {
            assert!(Overflow::of_intrinsic(name).is_some(), "{name}");
        }
        for name in ["umul.sat", "sshl.sat", "fptoui.sat", "add.sat", "uadd"] {
            assert!(Overflow::of_intrinsic(name).is_none(), "{name}");
        }
    }

    #[test]
    fn widths_without_an_exact_type_are_not_supported() {
        let sum = Overflow::of_intrinsic("uadd.with.overflow").unwrap();
        assert!(sum.statements("t", "a", "b", 40).is_none());
        assert!(sum.statements("t", "a", "b", 129).is_none());
        assert!(sum.statements("t", "a", "b", 7).is_some());
        assert!(sum.statements("t", "a", "b", 128).is_some());
    }
}
