//! Builds the suite and runs it, starting again after each test that fails.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::sources;

/// A test that prints nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of a test.
pub enum Outcome {
    Passed,
    /// It said so, or said nothing for too long.
    Failed(String),
}

/// Builds the kernel that holds all tests.
pub fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/core_suite");
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("core-suite");
    let source = work.join("src");
    if source.exists() {
        fs::remove_dir_all(&source).expect("old sources can be removed");
    }
    sources::write(&source);
    fs::copy(folder.join("suite.toml"), work.join("Cargo.toml")).expect("a manifest");
    let target = work.join("target");
    let kernel = target.join("m68k-std/release/coretests");
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "--release", "-Zjson-target-spec", "-Zbuild-std=std,panic_abort"])
        .arg("--manifest-path")
        .arg(work.join("Cargo.toml"))
        .arg("--target")
        .arg(folder.join("m68k-std.json"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--bin", "coretests", "--", "--test", "-Zpanic-abort-tests"])
        .arg(format!("-Clink-arg=-T{}", folder.join("suite.ld").display()))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_M68K_STD_LINKER", env!("CARGO_BIN_EXE_ld-ir2c"))
        .env("IR2C_FLOATS", "allow")
        .env("IR2C_UNSUPPORTED", "trap")
        .env("IR2C_CFLAGS", "-O1")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .current_dir(std::env::temp_dir())
        .output()
        .expect("cargo");
    let messages = String::from_utf8_lossy(&output.stderr);
    let status = output.status;
    assert!(status.success(), "cannot build the tests of core ({status}):\n{messages}");
    kernel
}

/// Runs all tests and gives what became of each, by name.
pub fn run(kernel: &Path) -> Vec<(String, Outcome)> {
    let mut outcomes = Vec::new();
    loop {
        let serial = boot(kernel, outcomes.len());
        let before = outcomes.len();
        let ended = read(&serial, &mut outcomes);
        if let Some(all) = ended {
            assert_eq!(outcomes.len(), all, "some tests left no trace");
            return outcomes;
        }
        assert!(outcomes.len() > before, "no test was run:\n{serial}");
        eprintln!(
            "{} tests, the last one failed: {}",
            outcomes.len(),
            outcomes[outcomes.len() - 1].0
        );
    }
}

/// Reads what was printed; the number of all tests if it ends properly.
fn read(serial: &str, outcomes: &mut Vec<(String, Outcome)>) -> Option<usize> {
    let mut current: Option<String> = None;
    let mut failure = String::new();
    for line in serial.lines() {
        if let Some(name) = line.strip_prefix("run ") {
            current = Some(name.trim_start_matches("coretests::").to_string());
            failure.clear();
        } else if line == "passed"
            && let Some(name) = current.take()
        {
            outcomes.push((name, Outcome::Passed));
        } else if let Some(all) = line.strip_prefix("end of ") {
            return all.parse().ok();
        } else {
            failure.push_str(line);
            failure.push(' ');
        }
    }
    if let Some(name) = current {
        let reason = if failure.is_empty() { "hangs".into() } else { failure };
        outcomes.push((name, Outcome::Failed(reason)));
    }
    None
}

/// Boots the kernel, to run the tests from `first` on, and gives what it prints until it ends or
/// prints nothing for too long.
fn boot(kernel: &Path, first: usize) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("serial");
    let serial = File::create(&path).expect("a file for the serial line");
    let mut machine = Command::new("qemu-system-m68k")
        .args(["-M", "virt", "-m", "2048", "-display", "none", "-monitor", "none"])
        .args(["-serial", "stdio", "-no-reboot", "-kernel"])
        .arg(kernel)
        // A big-endian number of 8 bytes, of which the last 4 are at 0x1000.
        .arg("-device")
        .arg(format!("loader,addr=0xffc,data={first},data-len=8,data-be=on"))
        .stdin(Stdio::null())
        .stdout(serial)
        .spawn()
        .expect("qemu-system-m68k");
    let (mut length, mut progress) = (0, Instant::now());
    while machine.try_wait().expect("the state of qemu-system-m68k").is_none() {
        let now = fs::metadata(&path).expect("the serial line").len();
        if now != length {
            (length, progress) = (now, Instant::now());
        }
        if progress.elapsed() > PATIENCE {
            machine.kill().expect("qemu-system-m68k can be killed");
            machine.wait().expect("qemu-system-m68k ends when killed");
            break;
        }
        sleep(Duration::from_millis(20));
    }
    let printed = fs::read(&path).expect("the serial line");
    String::from_utf8_lossy(&printed).replace('\r', "")
}
