//! What becomes of a load in a process of its own.

use crate::loaders::Load;
use crate::memory;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How a load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The file is taken.
    Loaded,
    /// It is rejected.
    Rejected,
    /// The loader panics.
    Panic,
    /// The loader reads or writes beside memory that it was given.
    OutOfBounds,
    /// The process dies otherwise.
    Crash,
    /// Nothing happens for [`LIMIT`] seconds.
    Hang,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Loaded, Self::Rejected, Self::Panic, Self::OutOfBounds, Self::Crash, Self::Hang];
}

/// How many seconds a load may take: it needs thousandths of one.
const LIMIT: u32 = 10;

/// Loads a file in a child of this process, which has one thread only.
pub fn of(load: Load, file: &[u8]) -> Outcome {
    // SAFETY: there is no other thread that could hold a lock.
    match unsafe { libc::fork() } {
        -1 => panic!("no process"),
        0 => child(load, file),
        child => wait(child),
    }
}

fn child(load: Load, file: &[u8]) -> ! {
    // SAFETY: the handler only exits; no other thread runs.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_fault as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
        libc::alarm(LIMIT);
    }
    let start = memory::take(file.len(), 1);
    // SAFETY: the memory is as long and used by nobody else.
    let copy = unsafe {
        start.copy_from_nonoverlapping(file.as_ptr(), file.len());
        std::slice::from_raw_parts(start, file.len())
    };
    let outcome = match catch_unwind(AssertUnwindSafe(|| load(copy))) {
        Err(_) => Outcome::Panic,
        Ok(_) if !memory::is_intact() => Outcome::OutOfBounds,
        Ok(true) => Outcome::Loaded,
        Ok(false) => Outcome::Rejected,
    };
    exit(outcome)
}

extern "C" fn on_fault(_: i32, info: *const libc::siginfo_t, _: *const libc::c_void) {
    // SAFETY: the kernel gives the handler its information.
    let address = unsafe { (*info).si_addr() };
    let beside = memory::is_beside(address.addr());
    exit(if beside { Outcome::OutOfBounds } else { Outcome::Crash })
}

fn exit(outcome: Outcome) -> ! {
    // SAFETY: it ends the process without running anything of it.
    unsafe { libc::_exit(outcome as i32) }
}

fn wait(child: libc::pid_t) -> Outcome {
    let mut status = 0;
    // SAFETY: the child is this process's own.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(waited, child, "the child is there");
    if libc::WIFEXITED(status) {
        let code = libc::WEXITSTATUS(status);
        let known = Outcome::ALL.into_iter().find(|outcome| *outcome as i32 == code);
        return known.unwrap_or(Outcome::Crash);
    }
    match libc::WTERMSIG(status) {
        libc::SIGALRM => Outcome::Hang,
        _ => Outcome::Crash,
    }
}
