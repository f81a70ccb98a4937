//! What the environment may change.

use std::ffi::OsString;
use std::path::PathBuf;

use super::DriverError;
use crate::{Floats, Options, UnsupportedFunctions};

/// The text of `ld-ir2c --help`.
pub const HELP: &str = "\
ld-ir2c: a linker for m68k kernels written in Rust

usage: ld-ir2c [options and files as for GNU ld]

Objects that hold LLVM bitcode, also those in archives, and files of LLVM assembly (*.ll) are
translated to GNU C and compiled by GCC; all other files go to ld as they are.
compiler_builtins' rlib is replaced by libgcc and a few memory functions (weak, so a kernel may
bring its own).

environment:
  IR2C_CC      the C compiler               (default m68k-linux-gnu-gcc)
  IR2C_LD      the linker                   (default m68k-linux-gnu-ld)
  IR2C_CFLAGS  more words for the compiler, after the driver's own, e.g. -O1
  IR2C_KEEP    a directory in which the bitcode, C and object files are kept, named after the output
  IR2C_FLOATS  allow: f32 and f64 are computed by the FPU; otherwise they are rejected
  IR2C_UNSUPPORTED
               trap: a function that cannot be translated calls ir2c_unsupported(reason) and traps,
               for test suites; otherwise nothing is linked
";

/// Programs to run and files to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The C compiler for m68k.
    pub compiler: PathBuf,
    /// GNU ld for m68k.
    pub linker: PathBuf,
    /// Words put after the driver's own on the compiler's command line.
    pub compiler_flags: Vec<String>,
    /// Where to keep intermediate files; otherwise they are removed.
    pub keep: Option<PathBuf>,
    /// What the translation may use.
    pub options: Options,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            compiler: "m68k-linux-gnu-gcc".into(),
            linker: "m68k-linux-gnu-ld".into(),
            compiler_flags: Vec::new(),
            keep: None,
            options: Options::default(),
        }
    }
}

impl Settings {
    /// The settings that the environment variables of [`HELP`] ask for.
    ///
    /// # Errors
    /// When a variable that has one possible value has another.
    pub fn from_environment() -> Result<Self, DriverError> {
        Self::from_variables(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn from_variables(
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Self, DriverError> {
        let is_set = |name, expected: &'static str| match variable(name) {
            None => Ok(false),
            Some(value) if value == expected => Ok(true),
            Some(value) => Err(DriverError::Setting { name, value, expected }),
        };
        let default = Settings::default();
        let flags = variable("IR2C_CFLAGS").unwrap_or_default();
        let flags = flags.to_string_lossy();
        let floats = is_set("IR2C_FLOATS", "allow")?;
        let trap = is_set("IR2C_UNSUPPORTED", "trap")?;
        Ok(Settings {
            compiler: variable("IR2C_CC").map_or(default.compiler, PathBuf::from),
            linker: variable("IR2C_LD").map_or(default.linker, PathBuf::from),
            compiler_flags: flags.split_whitespace().map(String::from).collect(),
            keep: variable("IR2C_KEEP").map(PathBuf::from),
            options: Options {
                floats: if floats { Floats::Allowed } else { Floats::Rejected },
                unsupported: if trap {
                    UnsupportedFunctions::Trap
                } else {
                    UnsupportedFunctions::Rejected
                },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_in_the_help_text_takes_effect() {
        let settings = Settings::from_variables(|name| {
            assert!(HELP.contains(name));
            Some(match name {
                "IR2C_FLOATS" => "allow".into(),
                "IR2C_UNSUPPORTED" => "trap".into(),
                _ => format!("{name} value").into(),
            })
        });
        let expected = Settings {
            compiler: "IR2C_CC value".into(),
            linker: "IR2C_LD value".into(),
            compiler_flags: vec!["IR2C_CFLAGS".into(), "value".into()],
            keep: Some("IR2C_KEEP value".into()),
            options: Options { floats: Floats::Allowed, unsupported: UnsupportedFunctions::Trap },
        };
        assert_eq!(settings.unwrap(), expected);
    }

    #[test]
    fn without_variables_the_defaults_of_the_help_text_hold() {
        let settings = Settings::from_variables(|_| None).unwrap();
        assert_eq!(settings, Settings::default());
        for program in [&settings.compiler, &settings.linker] {
            assert!(HELP.contains(program.to_str().unwrap()));
        }
    }

    #[test]
    fn a_misspelt_value_is_an_error() {
        let error =
            Settings::from_variables(|name| (name == "IR2C_FLOATS").then(|| OsString::from("yes")));
        let message = error.unwrap_err().to_string();
        assert!(message.contains("IR2C_FLOATS") && message.contains("allow"), "{message}");
    }
}
