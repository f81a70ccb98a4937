//! The memory that modules have.

use super::Console;
use super::failure::Failure;
use super::words::Words;
use crate::memory::usage::{self, Usage};
use crate::memory::{heap, region};
use alloc::format;

/// `mem [mark|same]`
pub fn mem(console: &mut Console, words: &mut Words<'_>) -> Result<(), Failure> {
    let what = words.bare()?;
    words.end()?;
    let Usage { bytes, blocks } = usage::now();
    println!("modules have {bytes} bytes in {blocks} blocks");
    match what {
        None => {
            println!("{} bytes are left for modules", region::left());
            println!("the kernel's heap has {} bytes in use", heap::used());
            Ok(())
        }
        Some("mark") => {
            console.marked = usage::now();
            Ok(())
        }
        Some("same") if usage::now() == console.marked => Ok(()),
        Some("same") => {
            let Usage { bytes, blocks } = console.marked;
            Err(Failure::Wrong(format!("it was {bytes} bytes in {blocks} blocks")))
        }
        Some(other) => Err(Failure::Usage(format!("`mem {other}` means nothing"))),
    }
}
