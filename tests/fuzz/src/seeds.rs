//! Files to start from: Debian's modules, and objects that GCC's and its libraries' packages hold.

use modlink::arch::Arch;
use modlink_host::corpus;
use std::path::PathBuf;

/// How many modules there are of an architecture.
const MODULES: usize = 40;

/// The largest in bytes: what is small is changed and tried most often.
pub(crate) const LARGEST: u64 = 24 << 10;

/// Small real modules, spread over all that there are; the same at every call.
///
/// # Panics
/// If they cannot be read.
pub fn modules<A: Arch>() -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = corpus::files::<A>().into_values().collect();
    let size = |path: &PathBuf| path.metadata().map_or(u64::MAX, |metadata| metadata.len());
    paths.retain(|path| size(path) <= LARGEST);
    paths.sort();
    let every = paths.len().div_ceil(MODULES).max(1);
    let read = |path: &PathBuf| std::fs::read(path).expect("a module");
    paths.iter().step_by(every).map(read).collect()
}

/// The compilers whose objects are taken, where they are installed.
const COMPILERS: [&str; 3] = ["gcc", "i686-linux-gnu-gcc", "m68k-linux-gnu-gcc"];

/// The objects that GCC puts at the start and end of programs, in each variant.
const OBJECTS: [&str; 8] = [
    "crtbegin.o",
    "crtbeginS.o",
    "crtbeginT.o",
    "crtend.o",
    "crtendS.o",
    "crt1.o",
    "crti.o",
    "Scrt1.o",
];

/// Objects that come with GCC: compiled for programs, not for a kernel.
pub fn objects() -> Vec<Vec<u8>> {
    let find = |compiler: &&str| {
        OBJECTS.map(|object| {
            let question = format!("-print-file-name={object}");
            let answer = std::process::Command::new(compiler).arg(question).output().ok()?;
            let path = String::from_utf8(answer.stdout).ok()?;
            std::fs::read(path.trim_end()).ok()
        })
    };
    COMPILERS.iter().flat_map(find).flatten().collect()
}
