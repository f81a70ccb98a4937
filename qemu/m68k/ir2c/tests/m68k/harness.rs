//! Builds the kernels, boots them, and compares what they print.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A kernel that runs longer than this hangs. The longest takes a few seconds.
pub const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Where overflow and debug assertions are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    Nowhere,
    /// In the kernels and what is inlined into them; core is built once for this and `Nowhere`.
    InKernels,
    /// In core too.
    Everywhere,
}

/// How the kernels are compiled.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    pub optimisation: &'static str,
    pub checks: Checks,
}

/// Whether floating point is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floats {
    Rejected,
    Allowed,
}

/// Builds kernels and gives a folder that they are in, as long as it is held.
///
/// Levels share target folders, and a build replaces what another test may be booting: each test has
/// copies of its own, made before the next build may begin.
pub fn build(level: Level, kernels: &[&str], floats: Floats) -> TempDir {
    type Builds = HashMap<PathBuf, Arc<Mutex<()>>>;
    static BUILDS: LazyLock<Mutex<Builds>> = LazyLock::new(Mutex::default);
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = if level.checks == Checks::Everywhere { "-checked" } else { "" };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("kernels-{}{shared}", level.optimisation));
    let linker = env!("CARGO_BIN_EXE_ld-ir2c");
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--release", "--locked", "--quiet", "-Zjson-target-spec"])
        .arg("-Zbuild-std=core,alloc,compiler_builtins")
        .arg("--manifest-path")
        .arg(package.join("tests/kernels/Cargo.toml"))
        .arg("--target")
        .arg(package.join("m68k-kernel.json"))
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("LD_IR2C", linker)
        .env("CARGO_TARGET_M68K_KERNEL_LINKER", linker)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level.optimisation)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("IR2C_FLOATS")
        // cargo takes settings from all folders above the current one.
        .current_dir(std::env::temp_dir());
    for kernel in kernels {
        command.args(["--bin", kernel]);
    }
    if floats == Floats::Allowed {
        command.env("IR2C_FLOATS", "allow");
    }
    match level.checks {
        Checks::Nowhere => {}
        Checks::InKernels => {
            let setting = "profile.release.package.kernels";
            command.args(["--config", &format!("{setting}.overflow-checks=true")]);
            command.args(["--config", &format!("{setting}.debug-assertions=true")]);
        }
        Checks::Everywhere => {
            command.env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
            command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
        }
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let builds = BUILDS.lock().expect("no panic here").entry(target.clone()).or_default().clone();
    // What a panic leaves behind is a build that failed, which cargo makes again.
    let _building = builds.lock().unwrap_or_else(PoisonError::into_inner);
    let output = command.output().expect("cargo");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{level:?}: cannot build {kernels:?}:\n{messages}");
    for kernel in kernels {
        let built = target.join("m68k-kernel/release").join(kernel);
        std::fs::copy(built, folder.path().join(kernel)).expect("a copy of the kernel");
    }
    folder
}

/// The machine did not end by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Hang {
    /// What it printed until then.
    pub printed: String,
}

/// Boots a kernel and gives what it prints.
pub fn boot(kernel: &Path, more: &[&str], limit: Duration) -> Result<String, Hang> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("serial");
    let serial = File::create(&path).expect("a file for the serial line");
    let mut machine = Command::new("qemu-system-m68k")
        .args(["-M", "virt", "-display", "none", "-monitor", "none", "-serial", "stdio"])
        .args(["-no-reboot", "-kernel"])
        .arg(kernel)
        .args(more)
        .stdin(Stdio::null())
        .stdout(serial)
        .spawn()
        .expect("qemu-system-m68k");
    let started = Instant::now();
    let ended = loop {
        match machine.try_wait().expect("the state of qemu-system-m68k") {
            Some(_) => break true,
            None if started.elapsed() > limit => break false,
            None => sleep(Duration::from_millis(20)),
        }
    };
    if !ended {
        machine.kill().expect("qemu-system-m68k can be killed");
        machine.wait().expect("qemu-system-m68k ends when killed");
    }
    let printed = std::fs::read(&path).expect("the serial line");
    let printed = String::from_utf8_lossy(&printed).replace('\r', "");
    if ended { Ok(printed) } else { Err(Hang { printed }) }
}

/// The lines in which two outputs differ.
pub fn differences(got: &str, want: &str) -> Vec<String> {
    let (mut got, mut want) = (got.lines(), want.lines());
    let mut found = Vec::new();
    loop {
        match (got.next(), want.next()) {
            (None, None) => return found,
            (got, want) if got == want => {}
            (got, want) => found.push(format!(
                "got {:?}, want {:?}",
                got.unwrap_or("nothing"),
                want.unwrap_or("nothing")
            )),
        }
    }
}
