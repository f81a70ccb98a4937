//! Looking at modules as processes of Linux do: by files.

use super::failure::Failure;
use super::integer;
use super::words::Words;
use crate::kernel::LOADER;
use crate::names;
use alloc::format;
use alloc::string::String;
use core::fmt;
use modlink::Errno;
use modlink::text::sys::{self, Kind, Path};
use modlink::text::{self, Addresses};

/// `lsmod`
pub fn lsmod(words: &mut Words<'_>) -> Result<(), Failure> {
    words.end()?;
    show(|text| text::modules(&LOADER, Addresses::Shown, text))
}

/// `counters`
pub fn counters(words: &mut Words<'_>) -> Result<(), Failure> {
    words.end()?;
    show(|text| text::counters(&LOADER, text))
}

/// `cat [--hidden] PATH`
pub fn cat(words: &mut Words<'_>) -> Result<(), Failure> {
    let word = words.need("a path")?;
    let (addresses, path) = match word {
        "--hidden" => (Addresses::Hidden, words.need("a path")?),
        path => (Addresses::Shown, path),
    };
    words.end()?;
    match path {
        "/proc/modules" => show(|text| text::modules(&LOADER, addresses, text)),
        "/proc/kallsyms" => {
            show(|text| text::kallsyms(&LOADER, names::kernel_lines(), addresses, text))
        }
        "/proc/sys/kernel/tainted" => show(|text| text::tainted(&LOADER, text)),
        path => {
            let path = below_sys_module(path)?;
            if path.kind(&LOADER)? == Kind::Link {
                // What it leads to is a folder.
                return Err(Failure::Errno(Errno::EISDIR));
            }
            let mut text = String::new();
            path.write(&LOADER, addresses, &mut text)?;
            print!("{text}");
            Ok(())
        }
    }
}

/// `kallsyms [NAME|ADDRESS]`
pub fn kallsyms(words: &mut Words<'_>) -> Result<(), Failure> {
    let Some(word) = words.bare()? else {
        return show(|text| text::kallsyms(&LOADER, names::kernel_lines(), Addresses::Shown, text));
    };
    words.end()?;
    let address = match word.strip_prefix("0x") {
        Some(_) => integer::bits(word, usize::BITS)? as usize,
        None => {
            let found = LOADER.lookup_name(word.as_bytes());
            found.ok_or(Failure::Errno(Errno::ENOENT))? as usize
        }
    };
    print!("{address:#x} ");
    names::print(address);
    println!();
    Ok(())
}

/// `ls PATH`
pub fn ls(words: &mut Words<'_>) -> Result<(), Failure> {
    let path = words.need("a path")?;
    words.end()?;
    let folder = below_sys_module(path)?;
    let mut text = String::new();
    folder.list(&LOADER, &mut |kind, name| {
        let name = name.escape_ascii();
        text += &match kind {
            Kind::Directory => format!("{name}/\n"),
            Kind::File => format!("{name}\n"),
            Kind::Link => format!("{name}@\n"),
        };
    })?;
    print!("{text}");
    Ok(())
}

/// The path in the tree of modules.
fn below_sys_module(path: &str) -> Result<Path<'_>, Failure> {
    let rest =
        path.strip_prefix("/sys/module").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let rest = rest.map(|rest| rest.strip_prefix('/').unwrap_or(rest));
    rest.and_then(|rest| Path::parse(rest.as_bytes())).ok_or(Failure::Errno(Errno::ENOENT))
}

/// Prints a text that is all there before the first byte of it is printed.
fn show(write: impl FnOnce(&mut String) -> fmt::Result) -> Result<(), Failure> {
    let mut text = String::new();
    write(&mut text).map_err(|_| Failure::Errno(Errno::EIO))?;
    print!("{text}");
    Ok(())
}

impl From<sys::Error> for Failure {
    fn from(error: sys::Error) -> Self {
        Self::Errno(error.errno())
    }
}
