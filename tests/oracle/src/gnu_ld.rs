//! Linking with GNU ld.

use crate::linked::{Linked, Section};
use crate::recipe::{GOT_NAME, Prepared, output_name};
use crate::target::Target;
use anyhow::{Context, Error, Result, bail};
use object::elf::SHT_NOBITS;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, FileKind};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use wait_timeout::ChildExt;

/// How long one link may take; the largest module takes a second.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Nothing but relocating: no start-up code, no pages, no relaxing, no tables beside the sections.
const OPTIONS: &[&str] = &[
    "-static",
    "--no-relax",
    "--no-gc-sections",
    "--no-check-sections",
    "-N",
    "-z",
    "norelro",
    "-z",
    "noexecstack",
    "--no-eh-frame-hdr",
    "--no-dynamic-linker",
    "-z",
    "nocopyreloc",
    "--no-warn-mismatch",
    "-e",
    "0",
    "-s",
];

/// What ld says of a value that does not fit its field.
const OVERFLOW: &str = "relocation truncated to fit";

/// Whether ld rejected because a value does not fit its field.
pub fn is_overflow(error: &Error) -> bool {
    error.to_string().contains(OVERFLOW)
}

/// Links a prepared file in a folder of its own. Empty sections may be absent from the result.
///
/// # Errors
/// If ld rejects, with its words, or its output cannot be read.
pub fn link(prepared: &Prepared, target: Target, folder: &Path) -> Result<Linked> {
    let (object, script) = (folder.join("in.o"), folder.join("script.ld"));
    let (output, messages) = (folder.join("out"), folder.join("messages"));
    fs::write(&object, &prepared.object)?;
    fs::write(&script, &prepared.script)?;

    let (program, kind) = target.linker();
    let mut child = Command::new(program)
        .env("LC_ALL", "C")
        .args(kind)
        .args(OPTIONS)
        .arg("-T")
        .arg(&script)
        .arg("-o")
        .arg(&output)
        .arg(&object)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&messages)?)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    match child.wait_timeout(TIME_LIMIT)? {
        Some(status) if status.success() => read(&fs::read(&output)?),
        Some(_) => {
            let words = fs::read(&messages)?;
            let words = String::from_utf8_lossy(&words);
            let line = words.lines().find(|line| line.contains(OVERFLOW));
            let line = line.or(words.lines().next()).unwrap_or("no message").trim();
            bail!("{program} rejects: {line}");
        }
        None => {
            child.kill()?;
            child.wait()?;
            bail!("{program} was killed after {} s", TIME_LIMIT.as_secs());
        }
    }
}

fn read(file: &[u8]) -> Result<Linked> {
    match FileKind::parse(file)? {
        FileKind::Elf32 => sections::<object::elf::FileHeader32<Endianness>>(file),
        FileKind::Elf64 => sections::<object::elf::FileHeader64<Endianness>>(file),
        kind => bail!("ld's output is {kind:?}"),
    }
}

fn sections<H: FileHeader<Endian = Endianness>>(file: &[u8]) -> Result<Linked> {
    let header = H::parse(file)?;
    let endian = header.endian()?;
    let table = header.sections(endian, file)?;
    let mut output = Linked::default();
    for section in table.iter() {
        let name = String::from_utf8_lossy(table.section_name(endian, section)?).into_owned();
        let index = name.strip_prefix(".O").and_then(|index| index.parse().ok());
        let index = index.filter(|index| output_name(*index) == name);
        if index.is_none() && name != GOT_NAME {
            continue;
        }
        let bytes = if section.sh_type(endian) == SHT_NOBITS {
            vec![0; usize::try_from(section.sh_size(endian).into())?]
        } else {
            section.data(endian, file)?.to_vec()
        };
        let section = Section { address: section.sh_addr(endian).into(), bytes };
        match index {
            Some(index) => _ = output.sections.insert(index, section),
            None => output.got = Some(section),
        }
    }
    Ok(output)
}
