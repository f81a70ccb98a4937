//! Buffers that functions are called with.

use super::Console;
use super::failure::Failure;
use super::integer;
use super::words::{Word, Words};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::UnsafeCell;

/// The largest buffer.
const MAX: usize = 16 << 20;

/// The buffers by name.
#[derive(Debug, Default)]
pub struct Buffers(BTreeMap<String, Buffer>);

impl Buffers {
    /// The address of the buffer of that name.
    pub fn address(&self, name: &str) -> Option<usize> {
        self.0.get(name).map(Buffer::address)
    }
}

/// As much as any C type's alignment asks for.
#[derive(Debug)]
#[repr(C, align(16))]
struct Unit(UnsafeCell<[u8; 16]>);

/// Bytes that C functions may read and write.
#[derive(Debug)]
struct Buffer {
    units: Box<[Unit]>,
    length: usize,
}

impl Buffer {
    /// A copy of `bytes`; at least one zero follows it.
    fn new(bytes: &[u8]) -> Self {
        let mut units: Box<[Unit]> =
            (0..=bytes.len() / size_of::<Unit>()).map(|_| Unit(UnsafeCell::new([0; 16]))).collect();
        for (unit, chunk) in units.iter_mut().zip(bytes.chunks(size_of::<Unit>())) {
            unit.0.get_mut()[..chunk.len()].copy_from_slice(chunk);
        }
        Self { units, length: bytes.len() }
    }

    fn address(&self) -> usize {
        self.units.as_ptr() as usize
    }

    /// A copy of its first `length` bytes.
    fn read(&self, length: usize) -> Vec<u8> {
        let copy = self.units.iter().flat_map(|unit| {
            // SAFETY: no function that could write to it is running.
            unsafe { *unit.0.get() }
        });
        copy.take(length).collect()
    }
}

/// `buf NAME LENGTH|"TEXT"|hex:DIGITS`
pub fn buf(console: &mut Console, words: &mut Words<'_>) -> Result<(), Failure> {
    let name = words.need("a name")?;
    let bytes = match words.next()? {
        None => {
            return Err(Failure::Usage("what to put into the buffer is missing".into()));
        }
        Some(Word::Quoted(text)) => text,
        Some(Word::Bare(word)) => match word.strip_prefix("hex:") {
            Some(digits) => hex_digits(digits)
                .ok_or_else(|| Failure::Usage("not pairs of hexadecimal digits".into()))?,
            None => vec![0; length(word)?],
        },
    };
    words.end()?;
    console.buffers.0.insert(name.to_string(), Buffer::new(&bytes));
    Ok(())
}

/// `hex NAME [LENGTH]`
pub fn hex(console: &mut Console, words: &mut Words<'_>) -> Result<(), Failure> {
    let name = words.need("a name")?;
    let buffer = console.buffers.0.get(name);
    let buffer = buffer.ok_or_else(|| Failure::Usage(format!("no buffer is called {name}")))?;
    let length = match words.bare()? {
        Some(word) => length(word)?,
        None => buffer.length,
    };
    words.end()?;
    if length > buffer.length {
        return Err(Failure::Usage(format!("{name} has only {} bytes", buffer.length)));
    }
    for row in buffer.read(length).chunks(32) {
        print!("  ");
        row.iter().for_each(|byte| print!("{byte:02x}"));
        println!();
    }
    Ok(())
}

fn length(word: &str) -> Result<usize, Failure> {
    match integer::bits(word, usize::BITS)? as usize {
        length @ 0..=MAX => Ok(length),
        _ => Err(Failure::Usage(format!("{word} bytes are too many"))),
    }
}

fn hex_digits(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
            _ => None,
        })
        .collect()
}
