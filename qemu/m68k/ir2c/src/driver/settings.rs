//! What the environment may change.

use std::ffi::OsString;
use std::path::PathBuf;

/// The text of `ld-ir2c --help`.
pub const HELP: &str = "\
ld-ir2c: a linker for m68k kernels written in Rust

usage: ld-ir2c [options and files as for GNU ld]

Objects that hold LLVM bitcode, and those in archives, are translated to GNU C and compiled by GCC;
all other objects go to ld as they are. compiler_builtins' rlib is replaced by libgcc and a few
memory functions (weak, so a kernel may bring its own).

environment:
  IR2C_CC      the C compiler               (default m68k-linux-gnu-gcc)
  IR2C_LD      the linker                   (default m68k-linux-gnu-ld)
  IR2C_CFLAGS  more words for the compiler, after the driver's own, e.g. -O1
  IR2C_KEEP    a directory in which the bitcode, C and object files are kept, named after the output
";

/// Programs to run and files to keep.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The C compiler for m68k.
    pub compiler: PathBuf,
    /// GNU ld for m68k.
    pub linker: PathBuf,
    /// Words put after the driver's own on the compiler's command line.
    pub compiler_flags: Vec<String>,
    /// Where to keep intermediate files; otherwise they are removed.
    pub keep: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            compiler: "m68k-linux-gnu-gcc".into(),
            linker: "m68k-linux-gnu-ld".into(),
            compiler_flags: Vec::new(),
            keep: None,
        }
    }
}

impl Settings {
    /// The settings that the environment variables of [`HELP`] ask for.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let default = Settings::default();
        let flags = variable("IR2C_CFLAGS").unwrap_or_default();
        let flags = flags.to_string_lossy();
        Settings {
            compiler: variable("IR2C_CC").map_or(default.compiler, PathBuf::from),
            linker: variable("IR2C_LD").map_or(default.linker, PathBuf::from),
            compiler_flags: flags.split_whitespace().map(String::from).collect(),
            keep: variable("IR2C_KEEP").map(PathBuf::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_in_the_help_text_takes_effect() {
        let settings = Settings::from_variables(|name| {
            assert!(HELP.contains(name));
            Some(format!("{name} value").into())
        });
        assert_eq!(settings.compiler, PathBuf::from("IR2C_CC value"));
        assert_eq!(settings.linker, PathBuf::from("IR2C_LD value"));
        assert_eq!(settings.compiler_flags, ["IR2C_CFLAGS", "value"]);
        assert_eq!(settings.keep, Some(PathBuf::from("IR2C_KEEP value")));
    }

    #[test]
    fn without_variables_the_defaults_of_the_help_text_hold() {
        let settings = Settings::from_variables(|_| None);
        for program in [&settings.compiler, &settings.linker] {
            assert!(HELP.contains(program.to_str().unwrap()));
        }
        assert!(settings.compiler_flags.is_empty());
        assert!(settings.keep.is_none());
    }
}
