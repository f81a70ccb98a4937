//! The linker driver `ld-ir2c`: takes ld's command line from rustc, has bitcode translated and
//! compiled, and calls GNU ld.

mod command_line;
mod compile;
mod input;
mod settings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use self::command_line::{Argument, CommandLine};
use self::compile::Compiler;
use self::input::{Input, Member, MemberKind};
pub use self::settings::{HELP, Settings};
use crate::TranslateError;

/// Why there is no linked file.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or directory could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An archive is malformed.
    #[error("{}: not a sound archive: {source}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        source: object::read::Error,
    },
    /// An environment variable has a value that means nothing.
    #[error("{name}={} means nothing; the only value is {expected:?}", value.display())]
    Setting {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: OsString,
        /// The value it may have.
        expected: &'static str,
    },
    /// The bitcode holds something that cannot be translated.
    #[error(transparent)]
    Translate(#[from] TranslateError),
    /// A program could not be started.
    #[error("cannot run {program}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{program} failed ({status})\n{command}\n{messages}")]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Its whole command line.
        command: String,
        /// What it wrote to standard error.
        messages: String,
    },
}

impl DriverError {
    fn read(path: &Path, source: std::io::Error) -> Self {
        DriverError::Read { path: path.into(), source }
    }

    fn write(path: &Path, source: std::io::Error) -> Self {
        DriverError::Write { path: path.into(), source }
    }
}

/// Links as `words`, an ld command line, ask for.
///
/// # Errors
/// When an input cannot be read or translated, or GCC or ld fail. Nothing is linked then.
pub fn link(words: Vec<OsString>, settings: &Settings) -> Result<(), DriverError> {
    let line = CommandLine::parse(words)?;
    let temporary = TemporaryOrKept::new(settings)?;
    let stem = line.output.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut compiler = Compiler::new(settings, temporary.path(), stem);

    let mut command = Command::new(&settings.linker);
    for argument in &line.arguments {
        match argument {
            Argument::Verbatim(word) => {
                command.arg(word);
            }
            Argument::Input(path) => {
                command.args(linkable(path, &mut compiler)?);
            }
        }
    }
    command.arg(compiler.memory_functions()?).arg(compiler.libgcc()?);
    let output = run(&mut command)?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// What to hand to ld in the place of one input file.
fn linkable(path: &Path, compiler: &mut Compiler) -> Result<Vec<PathBuf>, DriverError> {
    match Input::read(path)? {
        Input::CompilerBuiltins => Ok(Vec::new()),
        Input::PassedOn => Ok(vec![path.into()]),
        Input::Module(bytes) => Ok(vec![compiler.bitcode(&path.display().to_string(), &bytes)?]),
        Input::Archive(members) => members
            .iter()
            .map(|Member { name, kind, contents }| match kind {
                MemberKind::Bitcode => compiler.bitcode(name, contents),
                MemberKind::Object => compiler.object(contents),
            })
            .collect(),
    }
}

/// A directory that is removed at the end unless [`Settings::keep`] names it.
enum TemporaryOrKept {
    Temporary(tempfile::TempDir),
    Kept(PathBuf),
}

impl TemporaryOrKept {
    fn new(settings: &Settings) -> Result<Self, DriverError> {
        match &settings.keep {
            Some(path) => {
                std::fs::create_dir_all(path).map_err(|error| DriverError::write(path, error))?;
                Ok(TemporaryOrKept::Kept(path.clone()))
            }
            None => tempfile::Builder::new()
                .prefix("ir2c-")
                .tempdir()
                .map(TemporaryOrKept::Temporary)
                .map_err(|error| DriverError::write(&std::env::temp_dir(), error)),
        }
    }

    fn path(&self) -> &Path {
        match self {
            TemporaryOrKept::Temporary(directory) => directory.path(),
            TemporaryOrKept::Kept(path) => path,
        }
    }
}

fn run(command: &mut Command) -> Result<Output, DriverError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|source| DriverError::Start { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(output);
    }
    Err(DriverError::Failed {
        program,
        status: output.status,
        command: format!("{command:?}"),
        messages: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
