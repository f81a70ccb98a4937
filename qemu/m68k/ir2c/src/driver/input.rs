//! What an input file is, judged by its contents.

use std::fs;
use std::path::Path;

use object::read::archive::ArchiveFile;

use super::DriverError;

/// The first bytes of LLVM bitcode, bare and in the wrapper that some platforms put around it.
const BITCODE_MAGICS: [&[u8]; 2] = [b"BC\xC0\xDE", b"\xDE\xC0\x17\x0B"];
const ARCHIVE_MAGIC: &[u8] = b"!<arch>\n";

const OBJECT_MAGIC: &[u8] = b"\x7fELF";

/// An input file and what becomes of it.
pub enum Input {
    /// An LLVM module to translate, in bitcode or, if its name ends in `.ll`, in assembly.
    Module(Vec<u8>),
    /// An archive with LLVM modules in it, such as an rlib, unpacked.
    Archive(Vec<Member>),
    /// Rust's arithmetic and memory functions, for which libgcc and C ones are linked.
    CompilerBuiltins,
    /// For ld as it is: an object file, an archive of them, a linker script.
    PassedOn,
}

/// A file in an archive that is to be linked.
pub struct Member {
    /// For messages: the archive's name and the member's.
    pub name: String,
    /// What it is.
    pub kind: MemberKind,
    /// All of it.
    pub contents: Vec<u8>,
}

/// What a file in an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// An LLVM module.
    Bitcode,
    /// An ELF object file.
    Object,
}

impl MemberKind {
    /// None for what is not to be linked, such as an rlib's metadata.
    fn of(contents: &[u8]) -> Option<Self> {
        if is_bitcode(contents) {
            Some(MemberKind::Bitcode)
        } else if contents.starts_with(OBJECT_MAGIC) {
            Some(MemberKind::Object)
        } else {
            None
        }
    }
}

impl Input {
    pub fn read(path: &Path) -> Result<Self, DriverError> {
        if is_compiler_builtins(path) {
            return Ok(Input::CompilerBuiltins);
        }
        let bytes = fs::read(path).map_err(|error| DriverError::read(path, error))?;
        if is_bitcode(&bytes) || path.extension().is_some_and(|extension| extension == "ll") {
            return Ok(Input::Module(bytes));
        }
        if !bytes.starts_with(ARCHIVE_MAGIC) {
            return Ok(Input::PassedOn);
        }
        let members = members(path, &bytes)?;
        // An archive of objects only is better left to ld, which takes just what is needed.
        let has_bitcode = members.iter().any(|member| member.kind == MemberKind::Bitcode);
        Ok(if has_bitcode { Input::Archive(members) } else { Input::PassedOn })
    }
}

fn members(path: &Path, bytes: &[u8]) -> Result<Vec<Member>, DriverError> {
    let malformed = |source| DriverError::Archive { path: path.into(), source };
    let archive = ArchiveFile::parse(bytes).map_err(malformed)?;
    let mut members = Vec::new();
    for member in archive.members() {
        let member = member.map_err(malformed)?;
        let contents = member.data(bytes).map_err(malformed)?;
        if let Some(kind) = MemberKind::of(contents) {
            let name = String::from_utf8_lossy(member.name());
            let name = format!("{}({name})", path.display());
            members.push(Member { name, kind, contents: contents.to_vec() });
        }
    }
    Ok(members)
}

fn is_bitcode(bytes: &[u8]) -> bool {
    BITCODE_MAGICS.iter().any(|magic| bytes.starts_with(magic))
}

fn is_compiler_builtins(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libcompiler_builtins-") && name.ends_with(".rlib")
}
