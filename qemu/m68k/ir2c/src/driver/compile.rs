//! From bitcode, through C, to an m68k object file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{DriverError, Settings};

/// How GCC must read the translator's C, whatever it is asked to optimise.
///
/// Wrapping arithmetic and pointers, no type-based aliasing, no assumptions about null or about
/// library functions: everything that C leaves undefined and LLVM's IR defines. No stack protector,
/// unwind tables or position independence, for this is a kernel. Never `-malign-int`, which
/// would change the C ABI.
const SEMANTIC_FLAGS: &[&str] = &[
    "-mcpu=68040",
    "-std=gnu11",
    "-ffreestanding",
    "-fno-builtin",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-fwrapv-pointer",
    "-fno-delete-null-pointer-checks",
    "-fno-pic",
    "-fno-pie",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-common",
];

const MEMORY_FUNCTIONS: &str = include_str!("../../runtime/mem.c");

/// Translates and compiles, keeping its files in one directory.
pub struct Compiler<'a> {
    settings: &'a Settings,
    directory: &'a Path,
    stem: String,
    count: usize,
}

impl<'a> Compiler<'a> {
    /// Files will be called `<stem>.<number>.bc`, `.c` and `.o`.
    pub fn new(settings: &'a Settings, directory: &'a Path, stem: String) -> Self {
        Compiler { settings, directory, stem, count: 0 }
    }

    /// Makes an object file of one bitcode file. `origin` names it in error messages.
    pub fn bitcode(&mut self, origin: &str, bitcode: &[u8]) -> Result<PathBuf, DriverError> {
        let base = self.next_name();
        if self.settings.keep.is_some() {
            self.write(&format!("{base}.bc"), bitcode)?;
        }
        let translation = crate::translate(bitcode, origin, self.settings.options)?;
        for left_out in &translation.left_out {
            eprintln!("ld-ir2c: left out: {left_out}");
        }
        let source = self.write(&format!("{base}.c"), translation.source.as_bytes())?;
        let debug = if translation.has_debug_info { "-g" } else { "-g0" };
        // The translator's C is full of what -Wall and even the defaults complain of, such as
        // built-in functions declared with the IR's types.
        self.compile(&source, &[debug, "-w"])
    }

    /// Unpacks an object file from an archive.
    pub fn object(&mut self, contents: &[u8]) -> Result<PathBuf, DriverError> {
        let base = self.next_name();
        self.write(&format!("{base}.o"), contents)
    }

    fn next_name(&mut self) -> String {
        self.count += 1;
        format!("{}.{}", self.stem, self.count)
    }

    /// Makes the object file that takes compiler_builtins' place beside libgcc.
    pub fn memory_functions(&self) -> Result<PathBuf, DriverError> {
        let name = format!("{}.mem.c", self.stem);
        let source = self.write(&name, MEMORY_FUNCTIONS.as_bytes())?;
        self.compile(&source, &["-fno-tree-loop-distribute-patterns", "-ffunction-sections"])
    }

    /// Where GCC's own arithmetic functions are.
    pub fn libgcc(&self) -> Result<PathBuf, DriverError> {
        let mut command = Command::new(&self.settings.compiler);
        command.args(SEMANTIC_FLAGS).arg("-print-libgcc-file-name");
        let output = super::run(&mut command)?;
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    }

    fn write(&self, name: &str, contents: &[u8]) -> Result<PathBuf, DriverError> {
        let path = self.directory.join(name);
        fs::write(&path, contents).map_err(|error| DriverError::write(&path, error))?;
        Ok(path)
    }

    fn compile(&self, source: &Path, flags: &[&str]) -> Result<PathBuf, DriverError> {
        let object = source.with_extension("o");
        let mut command = Command::new(&self.settings.compiler);
        command.arg("-O2").args(SEMANTIC_FLAGS).args(flags).args(&self.settings.compiler_flags);
        command.arg("-c").arg(source).arg("-o").arg(&object);
        super::run(&mut command)?;
        Ok(object)
    }
}
