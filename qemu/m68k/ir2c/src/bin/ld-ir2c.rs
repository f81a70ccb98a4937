//! The linker that rustc calls for m68k. See [`ir2c::driver`].

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{}", ir2c::driver::HELP);
        return ExitCode::SUCCESS;
    }
    match ir2c::driver::link(arguments, &ir2c::driver::Settings::from_environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ld-ir2c: error: {error}");
            ExitCode::FAILURE
        }
    }
}
