//! The types of parameters that Linux has: text to value and value to text.
//!
//! Numbers are written as for Linux's `kstrtoint` and its like: `0x` and digits, `0` and octal digits,
//! or decimal digits, a sign before them, and perhaps a line feed at the end.

use core::fmt::{self, Write};

/// A type of one value in one variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `unsigned char`.
    Byte,
    /// `short`.
    Short,
    /// `unsigned short`.
    Ushort,
    /// `int`.
    Int,
    /// `unsigned int`.
    Uint,
    /// `long`.
    Long,
    /// `unsigned long`.
    Ulong,
    /// `unsigned long long`.
    Ullong,
    /// `unsigned int`, shown with hexadecimal digits.
    HexInt,
    /// `bool`: `Y`, `T`, `1` or `on`; `N`, `F`, `0` or `of`, in either case and whatever follows.
    Bool,
    /// `bool`, which is the opposite of what is said.
    InvBool,
    /// `int`, which is set as a `bool` is.
    BInt,
    /// `bool`, which stays true once it is.
    BoolEnableOnly,
    /// `char *`, to a string of at most [`MAX_STRING`] bytes.
    CharP,
}

/// The longest string in bytes that a `char *` can be set to, without its NUL.
pub const MAX_STRING: usize = 1024;

/// Why a text is no number of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// It is no number.
    Invalid,
    /// The type cannot hold it.
    OutOfRange,
}

/// How a type is kept.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Unsigned(usize),
    Signed(usize),
    Bool(usize),
}

impl Type {
    fn form(self, long: usize) -> Form {
        match self {
            Self::Byte => Form::Unsigned(1),
            Self::Short => Form::Signed(2),
            Self::Ushort => Form::Unsigned(2),
            Self::Int => Form::Signed(4),
            Self::Uint | Self::HexInt => Form::Unsigned(4),
            Self::Long => Form::Signed(long),
            Self::Ulong | Self::CharP => Form::Unsigned(long),
            Self::Ullong => Form::Unsigned(8),
            Self::Bool | Self::InvBool | Self::BoolEnableOnly => Form::Bool(1),
            Self::BInt => Form::Bool(4),
        }
    }

    /// Its size in bytes, where a `long` has this size.
    pub fn size(self, long: usize) -> usize {
        let (Form::Unsigned(size) | Form::Signed(size) | Form::Bool(size)) = self.form(long);
        size
    }

    /// Whether it may be named without a value, which enables it.
    pub const fn takes_no_value(self) -> bool {
        matches!(self, Self::Bool | Self::BInt | Self::BoolEnableOnly)
    }

    /// The lowest bytes of the value that a text says, where a `long` has this size. That of a
    /// [`Type::CharP`] is no text.
    ///
    /// # Errors
    /// [`NumberError`].
    pub fn parse(self, text: &[u8], long: usize) -> Result<u64, NumberError> {
        match self.form(long) {
            Form::Bool(_) => {
                let value = boolean(text).ok_or(NumberError::Invalid)?;
                Ok(u64::from(value != (self == Self::InvBool)))
            }
            Form::Unsigned(size) => {
                let number = unsigned(text.strip_prefix(b"+").unwrap_or(text))?;
                if number <= highest(size) { Ok(number) } else { Err(NumberError::OutOfRange) }
            }
            Form::Signed(size) => {
                let negative = text.strip_prefix(b"-");
                let digits = negative.unwrap_or(text.strip_prefix(b"+").unwrap_or(text));
                let number = unsigned(digits)?;
                let most = (highest(size) >> 1).saturating_add(u64::from(negative.is_some()));
                if number > most {
                    return Err(NumberError::OutOfRange);
                }
                Ok(if negative.is_some() { number.wrapping_neg() } else { number })
            }
        }
    }

    /// Writes the value whose lowest bytes these are. Not for [`Type::CharP`].
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(self, value: u64, long: usize, out: &mut dyn Write) -> fmt::Result {
        match (self, self.form(long)) {
            (Self::BInt, _) => write!(out, "{}", value as i32),
            (Self::HexInt, _) => write!(out, "{:#08x}", value as u32),
            (_, Form::Bool(_)) => {
                let is_true = (value & 0xff != 0) != (self == Self::InvBool);
                out.write_char(if is_true { 'Y' } else { 'N' })
            }
            (_, Form::Unsigned(size)) => write!(out, "{}", value & highest(size)),
            (_, Form::Signed(size)) => {
                let above = 64_u32.wrapping_sub((size as u32).wrapping_mul(8));
                let value = value.wrapping_shl(above) as i64;
                write!(out, "{}", value.wrapping_shr(above))
            }
        }
    }
}

/// The highest number in so many bytes.
fn highest(size: usize) -> u64 {
    u64::MAX.wrapping_shr(64_u32.wrapping_sub((size as u32).wrapping_mul(8)))
}

/// What a text that begins so means to Linux's `kstrtobool`.
fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        [b'y' | b'Y' | b't' | b'T' | b'1', ..] | [b'o' | b'O', b'n' | b'N', ..] => Some(true),
        [b'n' | b'N' | b'f' | b'F' | b'0', ..] | [b'o' | b'O', b'f' | b'F', ..] => Some(false),
        _ => None,
    }
}

/// The number that the digits are, by Linux's `kstrtoull`. That it is too large counts before that
/// something else follows.
fn unsigned(text: &[u8]) -> Result<u64, NumberError> {
    let (radix, digits) = match text {
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
            (16_u32, digits)
        }
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(radix).map(u64::from);
    let count = digits.iter().take_while(|byte| digit(byte).is_some()).count();
    let (digits, rest) = digits.split_at_checked(count).unwrap_or((digits, b""));
    if count == 0 {
        return Err(NumberError::Invalid);
    }
    let number = digits
        .iter()
        .filter_map(digit)
        .try_fold(0_u64, |number, digit| number.checked_mul(radix.into())?.checked_add(digit));
    let number = number.ok_or(NumberError::OutOfRange)?;
    if matches!(rest, b"" | b"\n") { Ok(number) } else { Err(NumberError::Invalid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    const NUMBERS: [Type; 9] = [
        Type::Byte,
        Type::Short,
        Type::Ushort,
        Type::Int,
        Type::Uint,
        Type::Long,
        Type::Ulong,
        Type::Ullong,
        Type::HexInt,
    ];

    fn text(kind: Type, value: u64, long: usize) -> String {
        let mut text = String::new();
        kind.write(value, long, &mut text).unwrap();
        text
    }

    /// Set to this, it reads so.
    fn reads(kind: Type, set: &str, long: usize) -> Result<String, NumberError> {
        kind.parse(set.as_bytes(), long).map(|value| text(kind, value, long))
    }

    /// The lowest and the highest value of a type.
    fn range(kind: Type, long: usize) -> (i128, i128) {
        let bits = 8 * kind.size(long) as u32;
        match kind {
            Type::Short | Type::Int | Type::Long => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            _ => (0, (1 << bits) - 1),
        }
    }

    #[test]
    fn numbers_have_the_radix_that_their_first_digits_say() {
        for (set, expected) in [
            ("10", Ok("10")),
            ("+10", Ok("10")),
            ("010", Ok("8")),
            ("0x10", Ok("16")),
            ("0Xfe", Ok("254")),
            ("0", Ok("0")),
            ("10\n", Ok("10")),
            ("", Err(NumberError::Invalid)),
            ("\n", Err(NumberError::Invalid)),
            ("10\n\n", Err(NumberError::Invalid)),
            ("08", Err(NumberError::Invalid)),
            ("0x", Err(NumberError::Invalid)),
            ("0xg", Err(NumberError::Invalid)),
            (" 1", Err(NumberError::Invalid)),
            ("1 ", Err(NumberError::Invalid)),
            ("1a", Err(NumberError::Invalid)),
            ("-1", Err(NumberError::Invalid)),
            ("++1", Err(NumberError::Invalid)),
            ("256", Err(NumberError::OutOfRange)),
            ("99999999999999999999x", Err(NumberError::OutOfRange)),
            ("255x", Err(NumberError::Invalid)),
        ] {
            let found = reads(Type::Byte, set, 8);
            assert_eq!(found.as_deref().map_err(|error| *error), expected, "{set:?}");
        }
        assert_eq!(reads(Type::Int, "-0x10", 8).as_deref(), Ok("-16"));
        assert_eq!(reads(Type::Int, "-+1", 8), Err(NumberError::Invalid));
        assert_eq!(reads(Type::Int, "--1", 8), Err(NumberError::Invalid));
        assert_eq!(reads(Type::Long, "-9223372036854775808", 8).unwrap(), "-9223372036854775808");
        assert_eq!(reads(Type::Long, "-18446744073709551615", 8), Err(NumberError::OutOfRange));
    }

    #[test]
    fn each_number_takes_its_range_and_nothing_beyond() {
        for long in [4, 8] {
            for kind in NUMBERS {
                let (low, high) = range(kind, long);
                for value in [low, low + 1, 0, 1, high - 1, high] {
                    let set = format!("{value}");
                    let expected =
                        if kind == Type::HexInt { format!("{value:#08x}") } else { set.clone() };
                    assert_eq!(reads(kind, &set, long), Ok(expected), "{kind:?} of {long}");
                }
                let above = reads(kind, &format!("{}", high + 1), long);
                assert_eq!(above, Err(NumberError::OutOfRange), "{kind:?} of {long}");
                let below = reads(kind, &format!("{}", low - 1), long);
                let why = if low == 0 { NumberError::Invalid } else { NumberError::OutOfRange };
                assert_eq!(below, Err(why), "{kind:?} of {long}");
            }
        }
    }

    #[test]
    fn truth_is_told_by_the_first_letters() {
        for (set, expected) in [
            ("Y", Some("Y")),
            ("yes", Some("Y")),
            ("true", Some("Y")),
            ("T", Some("Y")),
            ("1", Some("Y")),
            ("12", Some("Y")),
            ("on", Some("Y")),
            ("ON", Some("Y")),
            ("n", Some("N")),
            ("No", Some("N")),
            ("f", Some("N")),
            ("FALSE", Some("N")),
            ("0\n", Some("N")),
            ("off", Some("N")),
            ("oF", Some("N")),
            ("", None),
            ("o", None),
            ("ox", None),
            ("2", None),
            (" y", None),
            ("-1", None),
        ] {
            for kind in [Type::Bool, Type::BoolEnableOnly, Type::InvBool] {
                assert_eq!(reads(kind, set, 8).ok().as_deref(), expected, "{set:?}");
            }
            let number = expected.map(|text| if text == "Y" { "1" } else { "0" });
            assert_eq!(reads(Type::BInt, set, 8).ok().as_deref(), number, "{set:?}");
        }
        assert_eq!(Type::InvBool.parse(b"y", 8), Ok(0));
        // What a module makes of its own variable is no concern of the text's.
        assert_eq!(text(Type::BInt, 0xffff_fffe, 8), "-2");
        assert_eq!(text(Type::Bool, 2, 8), "Y");
        assert_eq!(text(Type::HexInt, 0, 8), "0x000000");
        assert_eq!(text(Type::HexInt, 0xdead_beef, 8), "0xdeadbeef");
    }

    proptest! {
        #[test]
        fn any_number_is_taken_as_by_a_model(
            value in any::<i128>(),
            shift in 0_u32..128,
            radix in 0_usize..3,
            tail in prop::sample::select(&["", "\n", "x", " "]),
        ) {
            let value = value >> shift;
            let sign = if value < 0 { "-" } else { "" };
            let magnitude = value.unsigned_abs();
            let digits = [
                format!("{magnitude}"),
                format!("{magnitude:#x}"),
                format!("0{magnitude:o}"),
            ];
            let set = format!("{sign}{}{tail}", digits[radix]);
            for long in [4, 8] {
                for kind in NUMBERS {
                    let (low, high) = range(kind, long);
                    // Linux looks at 64 bits, then at what follows, then at the type.
                    let expected = if low == 0 && value < 0 {
                        Err(NumberError::Invalid)
                    } else if magnitude > u64::MAX.into() {
                        Err(NumberError::OutOfRange)
                    } else if !["", "\n"].contains(&tail) {
                        Err(NumberError::Invalid)
                    } else if value < low || value > high {
                        Err(NumberError::OutOfRange)
                    } else if kind == Type::HexInt {
                        Ok(format!("{value:#08x}"))
                    } else {
                        Ok(format!("{value}"))
                    };
                    prop_assert_eq!(reads(kind, &set, long), expected);
                }
            }
        }
    }
}
