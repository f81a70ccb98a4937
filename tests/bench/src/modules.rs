//! The modules that are loaded, in memory.

use anyhow::{Context, Result, ensure};
use modlink_host::corpus;
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};
use std::path::{Path, PathBuf};

/// A module file.
#[derive(Debug)]
pub struct Module {
    /// The name of the file without `.ko`.
    pub name: String,
    /// Where it was read from.
    pub path: PathBuf,
    /// Its bytes.
    pub file: Vec<u8>,
    /// How many relocations its loaded sections have.
    pub relocations: u64,
}

impl Module {
    /// Its path from the folder `kernel` on, without `.ko`: how Module.symvers calls it.
    pub fn owner(&self) -> Option<String> {
        let path = self.path.with_extension("");
        path.to_str()?.split_once("/kernel/").map(|(_, owner)| owner.to_owned())
    }
}

/// The folder with the modules that are loaded if no other is named.
pub fn folder() -> PathBuf {
    corpus::folder("amd64")
}

/// The paths of all modules in a folder and those below it, sorted.
///
/// # Errors
/// If there is none.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = corpus::find(folder);
    ensure!(!paths.is_empty(), "no modules in {}: run `make corpus-amd64`", folder.display());
    Ok(paths)
}

/// Reads module files.
///
/// # Errors
/// If one cannot be read, or is no ELF file.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Module>> {
    paths.iter().map(|path| one(path).with_context(|| path.display().to_string())).collect()
}

/// Reads the module files whose paths are the lines of a file.
///
/// # Errors
/// As for [`read`].
pub fn read_list(list: &Path) -> Result<Vec<Module>> {
    let list = std::fs::read_to_string(list)?;
    read(&list.lines().map(PathBuf::from).collect::<Vec<_>>())
}

fn one(path: &Path) -> Result<Module> {
    let file = std::fs::read(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let relocations = relocations(&file)?;
    Ok(Module { name, path: path.to_owned(), file, relocations })
}

fn relocations(file: &[u8]) -> Result<u64> {
    let header = FileHeader64::<Endianness>::parse(file)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, file)?;
    let mut count = 0;
    for section in sections.iter() {
        let target = object::SectionIndex(section.sh_info(endian) as usize);
        let is_table = section.sh_type(endian) == object::elf::SHT_RELA;
        if is_table && sections.section(target)?.sh_flags(endian).contains(object::elf::SHF_ALLOC) {
            count += section.sh_size(endian) / 24;
        }
    }
    Ok(count)
}
