//! Integers in C: an IR integer of any width is held in the next larger unsigned type, with the
//! bits beyond its width zero.

use crate::error::Construct;

/// Bits of the largest integer that C has a type for.
pub const MAX_NATIVE: u32 = 64;
/// Bits of the prelude's `wide`.
pub const MAX_WIDE: u32 = 256;

/// Whether an integer of this width is a `wide`.
pub fn is_wide(width: u32) -> bool {
    width > MAX_NATIVE
}

/// Bits of the C type that holds an integer of `width` bits.
pub fn container(width: u32) -> u32 {
    width.next_power_of_two().clamp(8, MAX_NATIVE)
}

/// Bits of the C type in which such integers are computed, after C's promotions.
pub fn arithmetic(width: u32) -> u32 {
    if width <= 32 { 32 } else { MAX_NATIVE }
}

/// The C type that holds such an integer.
pub fn c_type(width: u32) -> Result<String, Construct> {
    match width {
        0..=MAX_NATIVE => Ok(format!("u{}", container(width))),
        _ if width <= MAX_WIDE => Ok("wide".into()),
        _ => Err(Construct::IntegerWidth(width)),
    }
}

/// The low `width` bits of an expression of some C integer type.
pub fn masked(expression: &str, width: u32) -> String {
    let container = container(width);
    if width == container {
        return format!("((u{container})({expression}))");
    }
    let mask = (1u64 << width) - 1;
    let suffix = if width < 32 { "u" } else { "ull" };
    format!("((u{container})(({expression})&{mask}{suffix}))")
}

/// The low `width` bits of an expression as a signed number of the C type that holds them.
pub fn signed(expression: &str, width: u32) -> String {
    let container = container(width);
    if width == container {
        return format!("((s{container})({expression}))");
    }
    let unused = container - width;
    format!("((s{container})(u{container})(({expression})<<{unused})>>{unused})")
}

/// A `wide` with the bits beyond `width` cleared.
pub fn wide_masked(expression: &str, width: u32) -> String {
    format!("wide_mask({expression},{width})")
}

/// A `wide` of `width` bits with its sign in all bits beyond.
pub fn wide_signed(expression: &str, width: u32) -> String {
    format!("wide_signed({expression},{width})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_container_is_the_next_c_type() {
        let containers = [1, 8, 9, 16, 17, 32, 33, 64].map(container);
        assert_eq!(containers, [8, 8, 16, 16, 32, 32, 64, 64]);
    }

    #[test]
    fn only_odd_widths_are_masked() {
        assert_eq!(masked("x", 32), "((u32)(x))");
        assert_eq!(masked("x", 24), "((u32)((x)&16777215u))");
        assert_eq!(masked("x", 40), "((u64)((x)&1099511627775ull))");
    }

    #[test]
    fn odd_widths_are_sign_extended_by_shifting() {
        assert_eq!(signed("x", 16), "((s16)(x))");
        assert_eq!(signed("x", 3), "((s8)(u8)((x)<<5)>>5)");
    }

    #[test]
    fn widths_beyond_the_wide_type_are_rejected() {
        assert_eq!(c_type(256), Ok("wide".into()));
        assert_eq!(c_type(257), Err(Construct::IntegerWidth(257)));
    }
}
