//! The linker that rustc calls for m68k. See [`ir2c::driver`].

use std::process::ExitCode;

use ir2c::driver::{HELP, Settings, link};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{}", HELP);
        return ExitCode::SUCCESS;
    }
    let linked = Settings::from_environment().and_then(|settings| link(arguments, &settings));
    match linked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ld-ir2c: error: {error}");
            ExitCode::FAILURE
        }
    }
}
