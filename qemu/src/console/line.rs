//! Lines that somebody types on the serial line.

use crate::machine::{Machine, This};
use alloc::string::String;
use alloc::vec::Vec;

const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
const END_OF_INPUT: u8 = 0x04;
const ERASE_LINE: u8 = 0x15;
const ESCAPE: u8 = 0x1b;

/// Reads lines and remembers them.
#[derive(Debug, Default)]
pub struct LineReader {
    earlier: Vec<String>,
}

impl LineReader {
    /// Reads a line; `None` if the input is ended with Ctrl-D. Backspace takes a character back,
    /// Ctrl-U the line; the arrows up and down bring earlier lines.
    pub fn read(&mut self, prompt: &str) -> Option<String> {
        print!("{prompt}");
        let mut line = String::new();
        let mut recalled = self.earlier.len();
        loop {
            match wait() {
                b'\r' | b'\n' => break,
                END_OF_INPUT if line.is_empty() => {
                    println!();
                    return None;
                }
                BACKSPACE | DELETE => {
                    if line.pop().is_some() {
                        print!("\u{8} \u{8}");
                    }
                }
                ERASE_LINE => replace(prompt, &mut line, ""),
                ESCAPE => {
                    recalled = match (wait(), wait()) {
                        (b'[', b'A') => recalled.saturating_sub(1),
                        (b'[', b'B') => (recalled + 1).min(self.earlier.len()),
                        _ => continue,
                    };
                    replace(prompt, &mut line, self.earlier.get(recalled).map_or("", |s| s));
                }
                byte @ b' '..=b'~' => {
                    line.push(char::from(byte));
                    print!("{}", char::from(byte));
                }
                _ => {}
            }
        }
        println!();
        if !line.trim().is_empty() && self.earlier.last() != Some(&line) {
            self.earlier.push(line.clone());
        }
        Some(line)
    }
}

/// Puts `new` in the place of the line that is shown.
fn replace(prompt: &str, line: &mut String, new: &str) {
    line.clear();
    line.push_str(new);
    print!("\r\u{1b}[K{prompt}{line}");
}

fn wait() -> u8 {
    loop {
        if let Some(byte) = This::get_byte() {
            return byte;
        }
        core::hint::spin_loop();
    }
}
