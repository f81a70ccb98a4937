//! Loading, unloading and looking at modules. The loader is reached through its system calls.

use super::failure::Failure;
use super::integer;
use super::words::Words;
use crate::files::{self, Descriptor};
use crate::initrd::File;
use crate::kernel::{LOADER, TestKernel};
use crate::timer::Change;
use crate::{audit, report, stopwatch, timer};
use alloc::ffi::CString;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ffi::CStr;
use core::time::Duration;
use modlink::arch::Arch;
use modlink::image::Image;
use modlink::syscall::{DeleteFlags, dispatch};
use modlink::{Errno, Platform};

type ThisArch = <TestKernel as Platform>::Arch;

/// `insmod [--init] FILE [ARGUMENTS]`
pub fn insmod(words: &mut Words<'_>) -> Result<(), Failure> {
    let (from_memory, file) = with_option(words, "--init", "a file")?;
    let file = find(file)?;
    let arguments = c_string(words.rest())?;
    if from_memory {
        audit::announce(file.bytes);
        let image = file.bytes.as_ptr() as usize;
        let number = ThisArch::SYSCALLS.init_module;
        system_call(number, [image, file.bytes.len(), arguments.as_ptr() as usize])
    } else {
        load(file, &arguments)
    }
}

fn load(file: File, arguments: &CStr) -> Result<(), Failure> {
    audit::announce(file.bytes);
    let descriptor = Descriptor::open(file);
    let arguments = arguments.as_ptr() as usize;
    system_call(ThisArch::SYSCALLS.finit_module, [descriptor.number(), arguments, 0])
}

/// `rmmod [-f|--force] [-w SECONDS] NAME`
pub fn rmmod(words: &mut Words<'_>) -> Result<(), Failure> {
    let (mut force, mut limit) = (false, None);
    let name = loop {
        match words.need("a module")? {
            "-f" | "--force" => force = true,
            "-w" => limit = Some(integer::bits(words.need("how many seconds")?, u32::BITS)?),
            name => break name,
        }
    };
    words.end()?;
    match limit {
        None => unload(force, name),
        Some(seconds) => unload_within(force, name, Duration::from_secs(seconds)),
    }
}

/// What no system call does since Linux 3.13.
fn unload_within(force: bool, name: &str, limit: Duration) -> Result<(), Failure> {
    let name = name.replace('-', "_");
    timer::during(Change::Unload, || LOADER.unload_within(name.as_bytes(), force, limit)).map_err(
        |error| {
            println!("error: module {name} not unloaded: {error}");
            Failure::Errno(error.errno())
        },
    )
}

/// `cycle COUNT FILE...`
pub fn cycle(words: &mut Words<'_>) -> Result<(), Failure> {
    let count = integer::bits(words.need("how many times")?, u32::BITS)?;
    let mut files = Vec::new();
    while let Some(path) = words.bare()? {
        let file = find(path)?;
        files.push((file, name(file)?));
    }
    let was_quiet = report::be_quiet(true);
    let has_audited = audit::at_every_event(false);
    for _ in 0..count {
        files.iter().try_for_each(|(file, _)| load(*file, c""))?;
        files.iter().rev().try_for_each(|(_, name)| unload(false, name))?;
    }
    report::be_quiet(was_quiet);
    audit::at_every_event(has_audited);
    Ok(())
}

/// The name of the module in a file.
fn name(file: File) -> Result<String, Failure> {
    let image = Image::<ThisArch>::check(file.bytes, TestKernel::MAX_MODULE_SIZE);
    let image = image.map_err(|error| Failure::Errno(error.errno()))?;
    let name = image.modinfo().iter().find(|(key, _)| *key == b"name");
    let name = name.and_then(|(_, name)| core::str::from_utf8(name).ok());
    name.map(ToString::to_string)
        .ok_or_else(|| Failure::Wrong(format!("{} has no name", file.name)))
}

fn unload(force: bool, name: &str) -> Result<(), Failure> {
    let force = if force { DeleteFlags::TRUNC } else { DeleteFlags::empty() };
    let flags = DeleteFlags::NONBLOCK | force;
    // Names have `_` where those of files may have `-`; kmod's rmmod takes either too.
    let name = c_string(&name.replace('-', "_"))?;
    let number = ThisArch::SYSCALLS.delete_module;
    system_call(number, [name.as_ptr() as usize, flags.bits() as usize, 0])
}

/// `ignored`
pub fn ignored(words: &mut Words<'_>) -> Result<(), Failure> {
    words.end()?;
    LOADER.for_each(|module| {
        let mut sections = module.ignored_sections().peekable();
        if sections.peek().is_some() {
            print!("{} ignores", module.name());
            sections.for_each(|section| print!(" {section}"));
            println!();
        }
    });
    Ok(())
}

/// `modinfo FILE`
pub fn modinfo(words: &mut Words<'_>) -> Result<(), Failure> {
    let file = find(words.need("a file")?)?;
    words.end()?;
    let image = Image::<ThisArch>::check(file.bytes, TestKernel::MAX_MODULE_SIZE);
    let image = image.map_err(|error| {
        println!("error: {}: {error}", file.name);
        Failure::Errno(error.errno())
    })?;
    let modinfo = image.modinfo();
    let is_of_parameter = |key: &[u8]| [&b"parm"[..], b"parmtype"].contains(&key);
    for (key, value) in modinfo.iter().filter(|(key, _)| !is_of_parameter(key)) {
        let (key, value) = (key.escape_ascii(), value.escape_ascii());
        println!("{:12} {value}", format!("{key}:"));
    }
    super::parameters::stated(modinfo);
    Ok(())
}

/// Reads a word that has to be there, and the option before it if that is there.
fn with_option<'a>(
    words: &mut Words<'a>,
    option: &str,
    what: &str,
) -> Result<(bool, &'a str), Failure> {
    let word = words.need(what)?;
    if word == option { Ok((true, words.need(what)?)) } else { Ok((false, word)) }
}

/// The file of that path.
pub fn find(path: &str) -> Result<File, Failure> {
    files::find(path).ok_or(Failure::Errno(Errno::ENOENT))
}

fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::Usage("a NUL where none belongs".into()))
}

/// The number of the system call of that name.
pub fn system_call_number(name: &str) -> Result<usize, Failure> {
    match name {
        "init_module" => Ok(ThisArch::SYSCALLS.init_module),
        "finit_module" => Ok(ThisArch::SYSCALLS.finit_module),
        "delete_module" => Ok(ThisArch::SYSCALLS.delete_module),
        _ => Err(Failure::Usage(format!("no system call is called {name}"))),
    }
}

/// Makes a system call.
pub fn system_call(number: usize, [a, b, c]: [usize; 3]) -> Result<(), Failure> {
    let unloads = number == ThisArch::SYSCALLS.delete_module;
    let change = if unloads { Change::Unload } else { Change::Load };
    let status = timer::during(change, || {
        stopwatch::timed(|| dispatch(&LOADER, number, [a, b, c, 0, 0, 0]))
    });
    match Errno::from_status(status as i32) {
        Some(errno) => Err(Failure::Errno(errno)),
        None => Ok(()),
    }
}
