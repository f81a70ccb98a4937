//! `Module.symvers`, which names all symbols that a kernel and its modules export.

use crate::lookup::Export;
use anyhow::{Context, Result};
use std::path::Path;

/// The lowest address of an exported symbol.
const FIRST: u64 = 0xffff_ffff_8100_0000;
const SPACING: u64 = 16;

/// The symbols of a kernel and those of its modules.
#[derive(Debug)]
pub struct Symvers {
    /// What the kernel exports, sorted by name.
    pub kernel: &'static [Export],
    /// The names of what its modules export, each with the path of its module's file, without
    /// `.ko`, from the folder `kernel` on.
    pub modules: Vec<(String, String)>,
}

/// Reads a file.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path) -> Result<Symvers> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut kernel = Vec::new();
    let mut modules = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, name, owner, kind, ..] = fields[..] else {
            continue;
        };
        if owner == "vmlinux" {
            let name: &'static str = name.to_owned().leak();
            kernel.push(Export::new(0, name, kind.ends_with("GPL")));
        } else {
            modules.push((name.to_owned(), owner.to_owned()));
        }
    }
    kernel.sort_by_key(|export| export.name);
    for (index, export) in kernel.iter_mut().enumerate() {
        export.address = FIRST + SPACING * index as u64;
    }
    Ok(Symvers { kernel: kernel.leak(), modules })
}
