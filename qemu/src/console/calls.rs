//! Calls of exported functions.

use super::Console;
use super::failure::Failure;
use super::integer;
use super::words::{Word, Words};
use crate::kernel::LOADER;
use crate::machine::{Argument, Machine, Returned, This};
use crate::stopwatch;
use alloc::ffi::CString;
use alloc::format;
use alloc::vec::Vec;
use modlink::Errno;

/// `call SYMBOL ARGUMENT... [= VALUE]`
pub fn call(console: &mut Console, words: &mut Words<'_>) -> Result<(), Failure> {
    let name = words.need("a symbol")?;
    let mut strings = Vec::new();
    let mut arguments = Vec::new();
    let mut wanted = None;
    while let Some(word) = words.next()? {
        match word {
            Word::Bare("=") => {
                wanted = Some(Value::read(words.need("the value")?)?);
                words.end()?;
            }
            Word::Bare(word) => arguments.push(argument(console, word)?),
            Word::Quoted(text) => {
                let text = CString::new(text)
                    .map_err(|_| Failure::Usage("a NUL where none belongs".into()))?;
                arguments.push(Argument::Word(text.as_ptr() as usize));
                strings.push(text);
            }
        }
    }
    let function = LOADER.symbol(name.as_bytes()).ok_or(Failure::Errno(Errno::ENOENT))?;
    // SAFETY: the module that has the function stays while `function` lives. That it may be called
    // so is for whoever typed the command to know: this is what the command is for.
    let returned =
        stopwatch::timed(|| unsafe { This::call(function.address as usize, &arguments) });
    check(returned, wanted)
}

fn argument(console: &Console, text: &str) -> Result<Argument, Failure> {
    if let Some(name) = text.strip_prefix('&') {
        let address = console.buffers.address(name);
        let address =
            address.ok_or_else(|| Failure::Usage(format!("no buffer is called {name}")))?;
        return Ok(Argument::Word(address));
    }
    match text.strip_suffix(":64") {
        Some(digits) => Ok(Argument::Wide(integer::bits(digits, 64)?)),
        None => Ok(Argument::Word(integer::bits(text, usize::BITS)? as usize)),
    }
}

/// Prints a result, and compares it with what it should be.
fn check(returned: Returned, wanted: Option<Value>) -> Result<(), Failure> {
    let width = wanted.as_ref().map_or(usize::BITS, |value| value.width);
    let register = if width > usize::BITS { returned.wide } else { returned.word as u64 };
    let result = register & (u64::MAX >> (u64::BITS - width));
    let digits = 2 + width as usize / 4;
    println!("= {result:#0digits$x}");
    match wanted {
        Some(Value { bits, .. }) if bits != result => {
            Err(Failure::Wrong(format!("the result should be {bits:#0digits$x}")))
        }
        _ => Ok(()),
    }
}

/// A result as a script writes it.
struct Value {
    width: u32,
    bits: u64,
}

impl Value {
    fn read(text: &str) -> Result<Self, Failure> {
        let (digits, width) = match text.split_once(':') {
            Some((digits, "8")) => (digits, 8),
            Some((digits, "16")) => (digits, 16),
            Some((digits, "32")) => (digits, 32),
            Some((digits, "64")) => (digits, 64),
            Some(_) => return Err(Failure::Usage("the width is 8, 16, 32 or 64".into())),
            None => (text, written_width(text)),
        };
        Ok(Self { width, bits: integer::bits(digits, width)? })
    }
}

/// The width at which a value without `:BITS` is meant.
fn written_width(text: &str) -> u32 {
    match text.strip_prefix("0x").map(str::len) {
        None => 32,
        Some(0..=2) => 8,
        Some(3..=4) => 16,
        Some(5..=8) => 32,
        Some(_) => 64,
    }
}
