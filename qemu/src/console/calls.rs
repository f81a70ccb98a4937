//! Calls of exported functions and of system calls.

use super::failure::Failure;
use super::words::{Word, Words};
use super::{Console, integer, modules};
use crate::kernel::LOADER;
use crate::machine::{Argument, Machine, Returned, This};
use crate::{audit, stopwatch};
use alloc::ffi::CString;
use alloc::format;
use alloc::vec::Vec;
use modlink::platform::Faulted;
use modlink::{Errno, Taints};

/// `call SYMBOL ARGUMENT... [= VALUE]`
pub fn call(console: &mut Console, words: &mut Words<'_>) -> Result<(), Failure> {
    let name = words.need("a symbol")?;
    let mut arguments = Arguments::default();
    let mut wanted = None;
    while let Some(word) = words.next()? {
        if word == Word::Bare("=") {
            wanted = Some(Value::read(words.need("the value")?)?);
            words.end()?;
        } else {
            arguments.push(console, word)?;
        }
    }
    let function = LOADER.symbol(name.as_bytes()).ok_or(Failure::Errno(Errno::ENOENT))?;
    // SAFETY: the module that has the function stays while `function` lives. That it may be called
    // so is for whoever typed the command to know: this is what the command is for.
    let returned =
        stopwatch::timed(|| unsafe { This::call(function.address as usize, &arguments.values) });
    let returned = returned.map_err(|Faulted| {
        LOADER.taint(Taints::DIE);
        Failure::Errno(Errno::ENOTRECOVERABLE)
    })?;
    check(returned, wanted)
}

/// `syscall NAME ARGUMENT...`
pub fn syscall(console: &mut Console, words: &mut Words<'_>) -> Result<(), Failure> {
    let number = modules::system_call_number(words.need("a system call")?)?;
    let mut arguments = Arguments::default();
    while let Some(word) = words.next()? {
        arguments.push(console, word)?;
    }
    let mut registers = [0; 3];
    if arguments.values.len() > registers.len() {
        return Err(Failure::Usage("three arguments are the most".into()));
    }
    for (register, argument) in registers.iter_mut().zip(&arguments.values) {
        match *argument {
            Argument::Word(value) => *register = value,
            Argument::Wide(_) => {
                return Err(Failure::Usage("a register has no room for `:64`".into()));
            }
        }
    }
    modules::system_call(number, registers)
}

/// Arguments, and the strings that some of them are the addresses of.
#[derive(Default)]
struct Arguments {
    values: Vec<Argument>,
    strings: Vec<CString>,
}

impl Arguments {
    /// Adds the argument that a word stands for.
    fn push(&mut self, console: &Console, word: Word<'_>) -> Result<(), Failure> {
        let value = match word {
            Word::Bare(word) => argument(console, word)?,
            Word::Quoted(text) => {
                let text = CString::new(text)
                    .map_err(|_| Failure::Usage("a NUL where none belongs".into()))?;
                let address = text.as_ptr() as usize;
                self.strings.push(text);
                Argument::Word(address)
            }
        };
        self.values.push(value);
        Ok(())
    }
}

fn argument(console: &Console, text: &str) -> Result<Argument, Failure> {
    if let Some(name) = text.strip_prefix('&') {
        let address = console.buffers.address(name);
        let address =
            address.ok_or_else(|| Failure::Usage(format!("no buffer is called {name}")))?;
        return Ok(Argument::Word(address));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let file = modules::find(path)?;
        // It may be about to be loaded.
        audit::announce(file.bytes);
        return Ok(Argument::Word(file.bytes.as_ptr() as usize));
    }
    if let Some(path) = text.strip_prefix("size:") {
        return Ok(Argument::Word(modules::find(path)?.bytes.len()));
    }
    if let Some(offset) = text.strip_prefix("guard") {
        let offset = match offset.strip_prefix('+').unwrap_or(offset) {
            "" => 0,
            offset => integer::bits(offset, usize::BITS)? as usize,
        };
        return Ok(Argument::Word(This::stack_guard().wrapping_add(offset)));
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
