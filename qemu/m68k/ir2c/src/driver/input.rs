//! What an input file is, judged by its contents.

use std::fs;
use std::path::Path;

use object::read::archive::ArchiveFile;

use super::DriverError;

/// The first bytes of LLVM bitcode, bare and in the wrapper that some platforms put around it.
const BITCODE_MAGICS: [&[u8]; 2] = [b"BC\xC0\xDE", b"\xDE\xC0\x17\x0B"];
const ARCHIVE_MAGIC: &[u8] = b"!<arch>\n";

/// An input file and what becomes of it.
pub enum Input {
    /// LLVM bitcode modules to translate, each with a name for messages.
    Bitcode(Vec<(String, Vec<u8>)>),
    /// Rust's arithmetic and memory functions, for which libgcc and C ones are linked.
    CompilerBuiltins,
    /// For ld as it is: an object file, an archive of them, a linker script.
    PassedOn,
}

impl Input {
    pub fn read(path: &Path) -> Result<Self, DriverError> {
        if is_compiler_builtins(path) {
            return Ok(Input::CompilerBuiltins);
        }
        let bytes = fs::read(path).map_err(|error| DriverError::read(path, error))?;
        if is_bitcode(&bytes) {
            return Ok(Input::Bitcode(vec![(path.display().to_string(), bytes)]));
        }
        if !bytes.starts_with(ARCHIVE_MAGIC) {
            return Ok(Input::PassedOn);
        }
        let malformed = |source| DriverError::Archive {
            path: path.into(),
            source,
        };
        let archive = ArchiveFile::parse(&*bytes).map_err(malformed)?;
        let mut modules = Vec::new();
        for member in archive.members() {
            let member = member.map_err(malformed)?;
            let contents = member.data(&*bytes).map_err(malformed)?;
            if is_bitcode(contents) {
                let member = String::from_utf8_lossy(member.name());
                modules.push((format!("{}({member})", path.display()), contents.to_vec()));
            }
        }
        Ok(if modules.is_empty() {
            Input::PassedOn
        } else {
            Input::Bitcode(modules)
        })
    }
}

fn is_bitcode(bytes: &[u8]) -> bool {
    BITCODE_MAGICS.iter().any(|magic| bytes.starts_with(magic))
}

fn is_compiler_builtins(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libcompiler_builtins-") && name.ends_with(".rlib")
}
