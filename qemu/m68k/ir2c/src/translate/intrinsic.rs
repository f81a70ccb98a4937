//! LLVM's intrinsics.

use crate::error::Construct;
use crate::ir::{Call, IntegerPredicate, TypeKind, Value};

use super::comparison::{compare, compare_pointers};
use super::float::Format;
use super::function::Body;
use super::integer::{self, arithmetic, container, masked, signed, wide_masked, wide_signed};
use super::overflow::Overflow;

/// Those that only tell LLVM something.
const WITHOUT_EFFECT: [&str; 9] = [
    "assume",
    "dbg.declare",
    "dbg.value",
    "donothing",
    "experimental.noalias.scope.decl",
    "invariant.end",
    "lifetime.end",
    "lifetime.start",
    "prefetch",
];

/// The name of an intrinsic without `llvm.` and without the types at its end.
fn base_name(full: &str) -> &str {
    let mut name = full.strip_prefix("llvm.").unwrap_or(full);
    while let Some((start, last)) = name.rsplit_once('.') {
        let digits = last.strip_prefix(['i', 'f', 'p']).unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        name = start;
    }
    name
}

impl<'m> Body<'_, 'm> {
    /// Writes what an intrinsic stands for.
    pub fn intrinsic(
        &mut self,
        instruction: Value<'m>,
        call: &Call<'m>,
        target: &str,
    ) -> Result<(), Construct> {
        let full = call.callee.name();
        let name = base_name(&full);
        if WITHOUT_EFFECT.contains(&name) {
            return Ok(());
        }
        let arguments =
            call.arguments.iter().map(|value| self.value(*value)).collect::<Result<Vec<_>, _>>()?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();

        if let Some(statement) = self.effect(name, call, &arguments)? {
            self.emit(&statement);
            return Ok(());
        }
        let operand = call.arguments.first().ok_or_else(|| Construct::Intrinsic(full.clone()))?;
        if let Some(expression) = float_result(name, *operand, instruction, &arguments)? {
            self.assign(target, &expression);
            return Ok(());
        }
        if let Some(expression) = pointer_result(name, *operand, instruction, &arguments) {
            self.assign(target, &expression);
            return Ok(());
        }
        let width = operand.ty().integer_width();
        let statements =
            width.and_then(|width| match (Overflow::of_intrinsic(name), &arguments[..]) {
                (Some(overflow), [left, right]) => overflow.statements(target, left, right, width),
                (Some(_), _) => None,
                (None, _) => integer_result(name, &arguments, width)
                    .map(|expression| format!("{target} = {expression};")),
            });
        let statements = statements.ok_or(Construct::Intrinsic(full))?;
        self.emit(&statements);
        Ok(())
    }

    /// Intrinsics that do something instead of computing a value.
    fn effect(
        &mut self,
        name: &str,
        call: &Call<'m>,
        arguments: &[&str],
    ) -> Result<Option<String>, Construct> {
        let list = |pointer: &str| format!("*(__builtin_va_list *)({pointer})");
        let statement = match (name, arguments) {
            ("trap" | "ubsantrap", _) => "__builtin_trap();".into(),
            ("debugtrap", []) => "__asm__ volatile(\"trap #15\");".into(),
            (
                "memcpy" | "memcpy.inline" | "memmove" | "memset" | "memset.inline",
                [to, from, count, _],
            ) => {
                let function = name.trim_end_matches(".inline");
                let is_volatile = call.arguments[3].integer().is_none_or(|flag| flag.low() != 0);
                if is_volatile {
                    return Err(Construct::VolatileBlock(function.into()));
                }
                let width = call.arguments[2].ty().integer_width().unwrap_or_default();
                if integer::is_wide(width) {
                    return Err(Construct::IntegerWidth(width));
                }
                format!("__builtin_{function}({to},{from},(u32){count});")
            }
            ("va_start", [pointer]) => {
                let named = self.function.value_type().parameters().len();
                let last = named.checked_sub(1).ok_or(Construct::UnnamedVariadic)?;
                format!("__builtin_va_start({},parameter{last});", list(pointer))
            }
            ("va_end", [pointer]) => format!("__builtin_va_end({});", list(pointer)),
            ("va_copy", [to, from]) => {
                format!("__builtin_va_copy({},{});", list(to), list(from))
            }
            _ => return Ok(None),
        };
        Ok(Some(statement))
    }
}

/// Intrinsics on pointers, and those that give back their operand, whatever it is.
fn pointer_result(
    name: &str,
    operand: Value<'_>,
    instruction: Value<'_>,
    arguments: &[&str],
) -> Option<String> {
    use IntegerPredicate::{LLVMIntUGT, LLVMIntULT};
    match (name, arguments) {
        (
            "expect"
            | "expect.with.probability"
            | "launder.invariant.group"
            | "strip.invariant.group"
            | "ssa.copy",
            [value, ..],
        ) => Some(value.to_string()),
        ("invariant.start", [_, pointer]) => Some(pointer.to_string()),
        ("is.constant", _) => Some("0".into()),
        ("ptrmask", [pointer, mask]) => Some(format!("((pointer)((u32){pointer}&{mask}))")),
        ("returnaddress", [level]) => Some(format!("((pointer)__builtin_return_address({level}))")),
        ("frameaddress", [level]) => Some(format!("((pointer)__builtin_frame_address({level}))")),
        ("ucmp", [left, right]) if operand.ty().is_pointer() => {
            let above = compare_pointers(LLVMIntUGT, left, right);
            let below = compare_pointers(LLVMIntULT, left, right);
            Some(masked(&format!("{above}-{below}"), instruction.ty().integer_width()?))
        }
        ("ucmp" | "scmp", [left, right]) => {
            let (above, below) = match name {
                "ucmp" => (LLVMIntUGT, LLVMIntULT),
                _ => (IntegerPredicate::LLVMIntSGT, IntegerPredicate::LLVMIntSLT),
            };
            let width = operand.ty().integer_width()?;
            let above = compare(above, left, right, width);
            let below = compare(below, left, right, width);
            Some(masked(&format!("{above}-{below}"), instruction.ty().integer_width()?))
        }
        _ => None,
    }
}

/// Intrinsics on floating-point numbers.
fn float_result(
    name: &str,
    operand: Value<'_>,
    instruction: Value<'_>,
    arguments: &[&str],
) -> Result<Option<String>, Construct> {
    if !matches!(operand.ty().kind(), TypeKind::Float | TypeKind::Double) {
        return Ok(None);
    }
    let format = Format::of(operand.ty())?;
    Ok(match (name, arguments) {
        ("fabs", [x]) => Some(format.absolute(x)),
        ("copysign", [x, sign]) => Some(format.copy_sign(x, sign)),
        ("minnum" | "minimumnum", [x, y]) => Some(format.extremum(x, y, false)),
        ("maxnum" | "maximumnum", [x, y]) => Some(format.extremum(x, y, true)),
        ("is.fpclass", [x, mask]) => Some(format.is_class(x, mask)),
        ("fptoui.sat" | "fptosi.sat", [x]) => instruction
            .ty()
            .integer_width()
            .filter(|width| !integer::is_wide(*width))
            .map(|width| saturating_to_integer(x, width, name == "fptosi.sat")),
        _ => None,
    })
}

fn saturating_to_integer(number: &str, width: u32, is_signed: bool) -> String {
    let container = container(width);
    let power = |exponent: u32| 2f64.powi(exponent as i32);
    let (low, high, smallest, largest, sign) = if is_signed {
        let smallest = 1u64 << (width - 1);
        (-power(width - 1), power(width - 1), smallest, smallest - 1, 's')
    } else {
        (0.0, power(width), 0, u64::MAX >> (64 - width), 'u')
    };
    format!(
        "((u{container})({number}!={number}?0:{number}<={low:?}?{smallest}ull:\
         {number}>={high:?}?{largest}ull:(u64)({sign}64){number}))"
    )
}

/// Intrinsics on integers of `width` bits, with a result of the same type.
fn integer_result(name: &str, arguments: &[&str], width: u32) -> Option<String> {
    use IntegerPredicate::{LLVMIntSGT, LLVMIntSLT, LLVMIntUGT, LLVMIntULT};
    match (name, arguments) {
        ("umin", [x, y]) => Some(chosen(LLVMIntULT, x, y, width)),
        ("umax", [x, y]) => Some(chosen(LLVMIntUGT, x, y, width)),
        ("smin", [x, y]) => Some(chosen(LLVMIntSLT, x, y, width)),
        ("smax", [x, y]) => Some(chosen(LLVMIntSGT, x, y, width)),
        ("fshl", [x, y, count]) => funnel_shift(true, [x, y, count], width),
        ("fshr", [x, y, count]) => funnel_shift(false, [x, y, count], width),
        (_, [x]) | ("ctlz" | "cttz" | "abs", [x, _]) if integer::is_wide(width) => {
            wide_unary(name, x, width)
        }
        (_, [x]) | ("ctlz" | "cttz" | "abs", [x, _]) => unary(name, x, width),
        ("clmul", [x, y]) if integer::is_wide(width) => {
            Some(wide_masked(&format!("wide_carryless_mul({x},{y},{width})"), width))
        }
        ("clmul", [x, y]) => {
            let product = format!("wide_carryless_mul(wide_from({x}),wide_from({y}),{width})");
            Some(masked(&format!("wide_low({product})"), width))
        }
        _ => None,
    }
}

fn chosen(predicate: IntegerPredicate, x: &str, y: &str, width: u32) -> String {
    format!("({} ? {x} : {y})", compare(predicate, x, y, width))
}

/// Shifts the concatenation of two integers and keeps the upper (left) or lower (right) one.
fn funnel_shift(left: bool, [x, y, count]: [&str; 3], width: u32) -> Option<String> {
    if integer::is_wide(width) {
        // The concatenation must fit; a count is taken modulo the width, a power of two.
        if width != 128 {
            return None;
        }
        let both = format!("wide_or(wide_shl({x},128),{y})");
        let count = if left {
            format!("128-({count}).word[0]%128")
        } else {
            format!("({count}).word[0]%128")
        };
        return Some(wide_masked(&format!("wide_lshr({both},{count})"), width));
    }
    let bits = arithmetic(width);
    let is_rotation = x == y && width == bits;
    let shifted = match (is_rotation, left) {
        // The form that GCC knows for a rotation.
        (true, true) => format!("x<<n|x>>(-n&{})", width - 1),
        (true, false) => format!("x>>n|x<<(-n&{})", width - 1),
        (false, true) => format!("n?x<<n|y>>({width}-n):x"),
        (false, false) => format!("n?x<<({width}-n)|y>>n:y"),
    };
    let shifted = masked(&shifted, width);
    Some(format!("({{u{bits} x={x},y={y};u32 n=(u32)({count}%{width});{shifted};}})"))
}

fn unary(name: &str, x: &str, width: u32) -> Option<String> {
    let container = container(width);
    let bits = arithmetic(width);
    let long = if bits == 64 { "ll" } else { "" };
    match name {
        "bswap" if width == container => Some(format!("__builtin_bswap{width}({x})")),
        "bitreverse" => {
            Some(format!("((u{container})(reverse_bits({x})>>{}))", integer::MAX_NATIVE - width))
        }
        "ctlz" => Some(format!("({x}?__builtin_clz{long}({x})-{}:{width})", bits - width)),
        "cttz" => Some(format!("({x}?__builtin_ctz{long}({x}):{width})")),
        "ctpop" => Some(format!("__builtin_popcount{long}({x})")),
        "abs" => {
            let negated = masked(&format!("-(u{bits}){x}"), width);
            Some(format!("({}<0?{negated}:{x})", signed(x, width)))
        }
        _ => None,
    }
}

fn wide_unary(name: &str, x: &str, width: u32) -> Option<String> {
    match name {
        "bswap" if width.is_multiple_of(16) => Some(format!("wide_swap_bytes({x},{})", width / 8)),
        "bitreverse" => Some(format!("wide_reverse_bits({x},{width})")),
        "ctlz" => Some(format!("wide_from(wide_leading_zeros({x},{width}))")),
        "cttz" => Some(format!("wide_from(wide_trailing_zeros({x},{width}))")),
        "ctpop" => Some(format!("wide_from(wide_ones({x}))")),
        "abs" => Some(wide_masked(&format!("wide_magnitude({})", wide_signed(x, width)), width)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_at_the_end_of_a_name_are_dropped() {
        assert_eq!(base_name("llvm.memcpy.inline.p0.p0.i32"), "memcpy.inline");
        assert_eq!(base_name("llvm.umul.with.overflow.i64"), "umul.with.overflow");
        assert_eq!(base_name("llvm.is.fpclass.f32"), "is.fpclass");
        assert_eq!(base_name("llvm.fptoui.sat.i32.f64"), "fptoui.sat");
        assert_eq!(base_name("llvm.trap"), "trap");
    }

    #[test]
    fn odd_widths_count_their_own_bits() {
        assert_eq!(unary("ctlz", "x", 24).unwrap(), "(x?__builtin_clz(x)-8:24)");
        assert_eq!(unary("bswap", "x", 24), None);
    }

    #[test]
    fn only_full_registers_are_rotated() {
        let rotated = funnel_shift(true, ["x1", "x1", "c"], 32).unwrap();
        assert!(rotated.contains("x<<n|x>>(-n&31)"), "{rotated}");
        let shifted = funnel_shift(true, ["x1", "x1", "c"], 16).unwrap();
        assert!(shifted.contains("n?x<<n|y>>(16-n):x"), "{shifted}");
    }
}
