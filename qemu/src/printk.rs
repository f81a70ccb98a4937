//! What modules print: Linux's `_printk`, with the conversions `%d %i %u %x %X %c %s %p %%`, and
//! for numbers the lengths `hh h l ll z`, a width and zero padding. Anything else is printed as it
//! stands, and so is everything after it, since nobody knows which arguments belong to it.

use core::ffi::{CStr, VaList, c_char, c_int, c_longlong, c_uint, c_ulonglong};
use core::fmt::{self, Write};

/// The character before the digit of a message's level, at its start.
const LEVEL: u8 = 1;

/// Prints a message. Its length in bytes, without the level.
///
/// # Safety
/// `arguments` are those that `format` speaks of.
pub unsafe fn print(format: &CStr, arguments: &mut VaList<'_>) -> c_int {
    let mut out = Counted { written: 0 };
    let format = match format.to_bytes() {
        [LEVEL, _, rest @ ..] => rest,
        all => all,
    };
    // SAFETY: the caller vouches for the arguments. The serial line accepts everything.
    let _ = unsafe { convert(&mut out, format, arguments) };
    out.written as c_int
}

struct Counted {
    written: usize,
}

impl Write for Counted {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.written += text.len();
        crate::print::Serial.write_str(text)
    }
}

/// # Safety
/// `arguments` are those that `format` speaks of.
unsafe fn convert(out: &mut Counted, mut format: &[u8], arguments: &mut VaList<'_>) -> fmt::Result {
    while let Some(percent) = format.iter().position(|byte| *byte == b'%') {
        text(out, &format[..percent])?;
        format = &format[percent..];
        let Some(conversion) = Conversion::read(format) else {
            break;
        };
        // SAFETY: the caller vouches for the arguments.
        unsafe { conversion.print(out, arguments)? };
        format = &format[conversion.length..];
    }
    text(out, format)
}

fn text(out: &mut Counted, bytes: &[u8]) -> fmt::Result {
    bytes.utf8_chunks().try_for_each(|chunk| {
        out.write_str(chunk.valid())?;
        if chunk.invalid().is_empty() { Ok(()) } else { out.write_char('\u{fffd}') }
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Int,
    Long,
    LongLong,
}

struct Conversion {
    /// How many bytes of the format it takes.
    length: usize,
    zeros: bool,
    width: usize,
    size: Size,
    kind: u8,
}

impl Conversion {
    /// Reads what follows a `%`; `None` if it is nothing known here.
    fn read(format: &[u8]) -> Option<Self> {
        let mut rest = format.iter().copied().peekable();
        let mut length = 1;
        rest.next();
        let zeros = rest.next_if_eq(&b'0').is_some();
        length += usize::from(zeros);
        let mut width = 0;
        while let Some(digit) = rest.next_if(u8::is_ascii_digit) {
            width = width * 10 + usize::from(digit - b'0');
            length += 1;
        }
        let mut size = Size::Int;
        while let Some(modifier) = rest.next_if(|byte| b"hlz".contains(byte)) {
            size = match (modifier, size) {
                (b'h', _) => Size::Int,
                (b'l', Size::Long) => Size::LongLong,
                _ => Size::Long,
            };
            length += 1;
        }
        let kind = rest.next()?;
        b"diuxXcsp%".contains(&kind).then_some(Self {
            length: length + 1,
            zeros,
            width: width.min(64),
            size,
            kind,
        })
    }

    /// # Safety
    /// The next argument is one that this conversion speaks of.
    unsafe fn print(&self, out: &mut Counted, arguments: &mut VaList<'_>) -> fmt::Result {
        let width = self.width;
        // SAFETY: the caller vouches for the argument.
        unsafe {
            match (self.kind, self.zeros) {
                (b'%', _) => out.write_char('%'),
                (b'c', _) => out.write_char(char::from(arguments.arg::<c_int>() as u8)),
                (b's', _) => match arguments.arg::<*const c_char>() {
                    string if string.is_null() => out.write_str("(null)"),
                    string => text(out, CStr::from_ptr(string).to_bytes()),
                },
                (b'p', _) => write!(out, "{:p}", arguments.arg::<*const u8>()),
                (b'd' | b'i', true) => write!(out, "{:0width$}", self.signed(arguments)),
                (b'd' | b'i', false) => write!(out, "{:width$}", self.signed(arguments)),
                (b'u', true) => write!(out, "{:0width$}", self.unsigned(arguments)),
                (b'u', false) => write!(out, "{:width$}", self.unsigned(arguments)),
                (b'X', true) => write!(out, "{:0width$X}", self.unsigned(arguments)),
                (b'X', false) => write!(out, "{:width$X}", self.unsigned(arguments)),
                (_, true) => write!(out, "{:0width$x}", self.unsigned(arguments)),
                (_, false) => write!(out, "{:width$x}", self.unsigned(arguments)),
            }
        }
    }

    /// # Safety
    /// The next argument is a signed integer of this size.
    unsafe fn signed(&self, arguments: &mut VaList<'_>) -> i64 {
        // SAFETY: the caller vouches for the argument.
        unsafe {
            match self.size {
                Size::Int => arguments.arg::<c_int>().into(),
                Size::Long => arguments.arg::<isize>() as i64,
                Size::LongLong => arguments.arg::<c_longlong>(),
            }
        }
    }

    /// # Safety
    /// The next argument is an unsigned integer of this size.
    unsafe fn unsigned(&self, arguments: &mut VaList<'_>) -> u64 {
        // SAFETY: the caller vouches for the argument.
        unsafe {
            match self.size {
                Size::Int => arguments.arg::<c_uint>().into(),
                Size::Long => arguments.arg::<usize>() as u64,
                Size::LongLong => arguments.arg::<c_ulonglong>(),
            }
        }
    }
}
