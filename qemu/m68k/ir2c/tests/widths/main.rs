//! Integers of all kinds of width, as LLVM makes them out of narrower and wider ones: every
//! operation, written in LLVM assembly, translated without any optimisation by LLVM, run on m68k
//! and compared with a model in 128-bit arithmetic.

mod model;
mod operations;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use model::Width;
use operations::Operation;

const WIDTHS: [u32; 19] =
    [1, 3, 7, 8, 12, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 100, 127, 128];
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// The other half of the kernel: calls each operation with each pair and prints a hash.
const MAIN: &str = include_str!("main.c");
const SCRIPT: &str = "\
ENTRY(_start)
SECTIONS { . = 0x2000; .text : { *(.text*) } .rodata : { *(.rodata*) } . = ALIGN(8192);
.data : { *(.data*) } .bss : { *(.bss* COMMON) } }
";

#[test]
fn operations_on_every_width_are_exact() {
    let mut operations = Vec::new();
    for width in WIDTHS.map(Width) {
        operations.extend(operations::of(width));
    }
    assert!(operations.len() > 1000, "only {} operations", operations.len());
    let printed = run(&assembly(&operations));
    let hashes: Vec<&str> = printed.lines().collect();
    assert_eq!(hashes.len(), operations.len(), "{printed}");
    let mut wrong = Vec::new();
    for (operation, hash) in operations.iter().zip(&hashes) {
        let want = format!("{:08x}", expected(operation));
        if **hash != want {
            wrong.push(format!(
                "{} of {} bits: {hash}, not {want}",
                operation.name, operation.width.0
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{} operations on {} widths", operations.len(), WIDTHS.len());
}

/// The module: a table of operations, each with the pairs of its width.
fn assembly(operations: &[Operation]) -> String {
    let mut text = String::from(
        "target datalayout = \
         \"E-m:e-p:32:16:32-i8:8:8-i16:16:16-i32:16:32-n8:16:32-a:0:16-S16\"\n",
    );
    for width in WIDTHS.map(Width) {
        let pairs = width.pairs();
        let words: Vec<String> =
            pairs.iter().flat_map(|(a, b)| [format!("i128 {a}"), format!("i128 {b}")]).collect();
        text += &format!(
            "@pairs_{} = constant [{} x i128] [{}]\n",
            width.0,
            words.len(),
            words.join(", ")
        );
    }
    let mut entries = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        text += &operation.definition(number);
        let (width, count) = (operation.width.0, operation.width.pairs().len());
        entries.push(format!(
            "{{ ptr, ptr, i32 }} {{ ptr @operation_{number}, ptr @pairs_{width}, i32 {count} }}"
        ));
    }
    let count = entries.len();
    text += &format!(
        "@operations = constant [{count} x {{ ptr, ptr, i32 }}] [{}]\n\
         @operation_count = constant i32 {count}\n",
        entries.join(", ")
    );
    text
}

/// FNV-1a over the results, big-endian, as `main.c` computes it.
fn expected(operation: &Operation) -> u32 {
    let results = operation.width.pairs().into_iter().map(|(a, b)| (operation.model)(a, b));
    let bytes = results.flat_map(u128::to_be_bytes);
    bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Translates, links and boots; gives what is printed.
fn run(module: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("operations.ll"), module).expect("the module");
    fs::write(at("main.c"), MAIN).expect("the main program");
    fs::write(at("kernel.ld"), SCRIPT).expect("the linker script");
    succeed(
        Command::new("m68k-linux-gnu-gcc")
            .args(["-O2", "-mcpu=68040", "-ffreestanding", "-fno-builtin", "-fno-pic", "-c"])
            .arg(at("main.c"))
            .arg("-o")
            .arg(at("main.o")),
    );
    succeed(
        Command::new(env!("CARGO_BIN_EXE_ld-ir2c"))
            .arg("-T")
            .arg(at("kernel.ld"))
            .arg(at("main.o"))
            .arg(at("operations.ll"))
            .arg("-o")
            .arg(at("kernel")),
    );
    boot(&at("kernel"), &at("serial"))
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("a program that can be run");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{messages}");
}

fn boot(kernel: &Path, serial: &Path) -> String {
    let file = fs::File::create(serial).expect("a file for the serial line");
    let mut machine = Command::new("qemu-system-m68k")
        .args(["-M", "virt", "-display", "none", "-monitor", "none", "-serial", "stdio"])
        .args(["-no-reboot", "-kernel"])
        .arg(kernel)
        .stdin(Stdio::null())
        .stdout(file)
        .spawn()
        .expect("qemu-system-m68k");
    let started = Instant::now();
    while machine.try_wait().expect("the state of qemu-system-m68k").is_none() {
        if started.elapsed() > TIME_LIMIT {
            machine.kill().expect("qemu-system-m68k can be killed");
            machine.wait().expect("qemu-system-m68k ends when killed");
            panic!("the kernel hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::read_to_string(serial).expect("the serial line").replace('\r', "")
}
