//! Text on the serial line.

use crate::machine::{Machine, This};
use core::fmt;

/// The serial line as a place to format to.
pub struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(This::put_byte);
        Ok(())
    }
}

/// Writes formatted text to the serial line.
macro_rules! print {
    ($($argument:tt)*) => {{
        use core::fmt::Write as _;
        // The serial line accepts everything; an error could only come from a Display impl.
        let _ = write!($crate::print::Serial, $($argument)*);
    }};
}

/// Writes formatted text and a line end to the serial line.
macro_rules! println {
    () => { print!("\n") };
    ($($argument:tt)*) => {{
        print!($($argument)*);
        print!("\n");
    }};
}
