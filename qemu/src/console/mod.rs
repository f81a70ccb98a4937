//! Commands, from a script or from somebody at the serial line.

mod buffers;
mod calls;
mod command;
mod failure;
mod integer;
mod line;
mod modules;
mod notifier;
mod parameters;
mod proc;
mod usage;
mod words;

use crate::files;
use crate::machine::Outcome;
use crate::memory::usage::Usage;
use crate::stopwatch;
use alloc::format;
use buffers::Buffers;
use failure::Failure;
use line::LineReader;
use words::Words;

/// What the commands of one session share.
#[derive(Debug, Default)]
pub struct Console {
    buffers: Buffers,
    /// What modules had at the last `mem mark`, or at the start.
    marked: Usage,
    /// Whether `poweroff` has been said.
    done: bool,
}

/// Runs the script in that file up to its first failure.
pub fn run_script(path: &str) -> Outcome {
    let Some(text) = files::find(path).and_then(|file| core::str::from_utf8(file.bytes).ok())
    else {
        println!("script failed: there is no text file {path} in the initial RAM disk");
        return Outcome::Failure;
    };
    let mut console = Console::default();
    for (number, line) in (1..).zip(text.lines()) {
        if is_shown(line) {
            println!("> {}", line.trim());
        }
        if let Err(failure) = console.run(line) {
            println!("script failed: {number}: {failure}");
            return Outcome::Failure;
        }
        if console.done {
            break;
        }
    }
    println!("script passed");
    Outcome::Success
}

/// Reads commands from the serial line until `poweroff`.
pub fn interact() -> Outcome {
    let mut console = Console::default();
    let mut reader = LineReader::default();
    println!("`help` lists the commands, `poweroff` ends.");
    while !console.done {
        let Some(line) = reader.read("> ") else { break };
        if let Err(failure) = console.run(&line) {
            println!("{failure}");
        }
    }
    Outcome::Success
}

/// Whether a script's line is a command whose output does not speak for itself.
fn is_shown(line: &str) -> bool {
    let first = line.split_whitespace().next();
    first.is_some_and(|word| word != "echo" && !word.starts_with('#'))
}

impl Console {
    /// Runs one line, which may be empty or a comment.
    fn run(&mut self, line: &str) -> Result<(), Failure> {
        let mut words = Words::new(line);
        match words.bare()? {
            None => Ok(()),
            Some(name) if name.starts_with('#') => Ok(()),
            Some(name) => match command::find(name) {
                Some(command) => (command.run)(self, &mut words),
                None => Err(Failure::Usage(format!("no command is called {name}"))),
            },
        }
    }

    /// Runs a command and says how long its system call or called function took.
    fn time(&mut self, words: &mut Words<'_>) -> Result<(), Failure> {
        stopwatch::take();
        self.run(words.rest())?;
        match stopwatch::take() {
            Some(ticks) => println!("took {ticks} ticks of the clock"),
            None => return Err(Failure::Usage("it makes no call that could be timed".into())),
        }
        Ok(())
    }

    /// Runs a command that has to fail with an error number.
    fn expect(&mut self, words: &mut Words<'_>) -> Result<(), Failure> {
        let wanted = words.errno()?;
        match self.run(words.rest()) {
            Err(Failure::Errno(errno)) if errno == wanted => {
                println!("failed with {errno}, as expected");
                Ok(())
            }
            Err(failure) => Err(Failure::Wrong(format!("{failure}, not with {wanted}"))),
            Ok(()) => Err(Failure::Wrong(format!("it worked, where {wanted} was expected"))),
        }
    }
}
