//! ld's command line, taken apart as far as the driver needs it: which words name input files,
//! and what the output is called. Everything else is passed on to ld in its place.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::DriverError;

/// Options of GNU ld whose value is the next word. A value must never be taken for an input file.
const OPTIONS_WITH_A_VALUE: &[&str] = &[
    "-A",
    "-G",
    "-I",
    "-L",
    "-Map",
    "-O",
    "-R",
    "-T",
    "-Tbss",
    "-Tdata",
    "-Ttext",
    "-Y",
    "-a",
    "-b",
    "-c",
    "-dT",
    "-e",
    "-f",
    "-h",
    "-l",
    "-m",
    "-plugin",
    "-plugin-opt",
    "-rpath",
    "-rpath-link",
    "-soname",
    "-u",
    "-y",
    "-z",
    "--architecture",
    "--auxiliary",
    "--default-script",
    "--defsym",
    "--dynamic-linker",
    "--dynamic-list",
    "--entry",
    "--filter",
    "--format",
    "--just-symbols",
    "--library",
    "--library-path",
    "--oformat",
    "--retain-symbols-file",
    "--script",
    "--section-start",
    "--sort-section",
    "--trace-symbol",
    "--undefined",
    "--version-script",
    "--wrap",
];

/// One word of the command line, or an option with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A file to link: object, bitcode, archive or linker script.
    Input(PathBuf),
    /// Passed to ld as it is.
    Verbatim(OsString),
}

/// A parsed command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The words in their order, for order means something to ld.
    pub arguments: Vec<Argument>,
    /// What `-o` names, or ld's default.
    pub output: PathBuf,
}

impl CommandLine {
    /// Takes the words apart, after replacing each `@file` by the words in that file.
    ///
    /// # Errors
    /// When a response file cannot be read.
    pub fn parse(words: Vec<OsString>) -> Result<Self, DriverError> {
        let mut arguments = Vec::new();
        let mut output = PathBuf::from("a.out");
        let mut words = expand_response_files(words)?.into_iter();
        while let Some(word) = words.next() {
            let bytes = word.as_bytes();
            if word == "-o" || word == "--output" {
                arguments.push(Argument::Verbatim(word));
                if let Some(value) = words.next() {
                    output = PathBuf::from(&value);
                    arguments.push(Argument::Verbatim(value));
                }
            } else if let Some(value) = bytes.strip_prefix(b"--output=") {
                output = PathBuf::from(OsStr::from_bytes(value));
                arguments.push(Argument::Verbatim(word));
            } else if OPTIONS_WITH_A_VALUE.iter().any(|option| word == *option) {
                arguments.push(Argument::Verbatim(word));
                arguments.extend(words.next().map(Argument::Verbatim));
            } else if bytes.starts_with(b"-") && bytes != b"-" {
                arguments.push(Argument::Verbatim(word));
            } else {
                arguments.push(Argument::Input(PathBuf::from(word)));
            }
        }
        Ok(CommandLine { arguments, output })
    }
}

fn expand_response_files(words: Vec<OsString>) -> Result<Vec<OsString>, DriverError> {
    let mut expanded = Vec::new();
    for word in words {
        match word.as_bytes().strip_prefix(b"@") {
            Some(path) => {
                let path = Path::new(OsStr::from_bytes(path));
                let text = std::fs::read(path).map_err(|error| DriverError::read(path, error))?;
                expanded.extend(split_words(&text));
            }
            None => expanded.push(word),
        }
    }
    Ok(expanded)
}

/// Splits the text of a response file: white space separates, quotes of both kinds group, and a
/// backslash takes the next byte literally.
fn split_words(text: &[u8]) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => word.get_or_insert_default().extend(bytes.next()),
            b'"' | b'\'' if quote == Some(byte) => quote = None,
            b'"' | b'\'' if quote.is_none() => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            _ if byte.is_ascii_whitespace() && quote.is_none() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> CommandLine {
        CommandLine::parse(words.iter().map(OsString::from).collect()).unwrap()
    }

    fn inputs(line: &CommandLine) -> Vec<&str> {
        let paths = line.arguments.iter().filter_map(|argument| match argument {
            Argument::Input(path) => path.to_str(),
            Argument::Verbatim(_) => None,
        });
        paths.collect()
    }

    #[test]
    fn values_of_options_are_not_inputs() {
        let line = parse(&["-L", "dir", "a.o", "-T", "kernel.ld", "-z", "noexecstack", "b.rlib"]);
        assert_eq!(inputs(&line), ["a.o", "b.rlib"]);
        assert_eq!(line.output, Path::new("a.out"));
    }

    #[test]
    fn attached_values_are_not_inputs() {
        let line = parse(&["-Tkernel.ld", "-Ldir", "--entry=_start", "-O1", "a.o"]);
        assert_eq!(inputs(&line), ["a.o"]);
    }

    #[test]
    fn output_is_known_in_each_spelling() {
        for words in [&["-o", "k"][..], &["--output", "k"], &["--output=k"]] {
            let line = parse(words);
            assert_eq!(line.output, Path::new("k"));
            assert!(inputs(&line).is_empty());
        }
    }

    #[test]
    fn order_is_kept() {
        let line = parse(&["a.o", "--start-group", "b.a", "--end-group"]);
        let expected = [
            Argument::Input("a.o".into()),
            Argument::Verbatim("--start-group".into()),
            Argument::Input("b.a".into()),
            Argument::Verbatim("--end-group".into()),
        ];
        assert_eq!(line.arguments, expected);
    }

    #[test]
    fn response_files_are_expanded_with_their_quoting() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("words");
        std::fs::write(&file, "-o 'my kernel'\n\"a b.o\"  c\\ d.o\n").unwrap();
        let line = parse(&[&format!("@{}", file.display())]);
        assert_eq!(line.output, Path::new("my kernel"));
        assert_eq!(inputs(&line), ["a b.o", "c d.o"]);
    }

    #[test]
    fn missing_response_file_is_an_error() {
        let error = CommandLine::parse(vec!["@/nonexistent/words".into()]).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/words"), "{error}");
    }
}
