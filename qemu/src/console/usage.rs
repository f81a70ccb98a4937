//! The memory that modules have, and how it is protected.

use super::Console;
use super::failure::Failure;
use super::words::Words;
use crate::audit::{self, Audit};
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

/// `audit`
pub fn audit(words: &mut Words<'_>) -> Result<(), Failure> {
    words.end()?;
    let Audit { mapped, of_modules, findings } = audit::run();
    if findings > 0 {
        return Err(Failure::Wrong(format!("{findings} findings in {mapped} mapped pages")));
    }
    println!("{mapped} pages are mapped, {of_modules} of modules: all as they should be");
    Ok(())
}
