//! Links the kernels with their script, and the one that calls C with what GCC makes of that.

use std::path::Path;
use std::process::Command;

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let output = std::env::var("OUT_DIR").unwrap();
    println!("cargo:rerun-if-changed=kernel.ld");
    println!("cargo:rerun-if-changed=src/bin/abi.c");
    println!("cargo:rustc-link-arg-bins=-T{folder}/kernel.ld");
    // cargo does not know that the output depends on the linker's contents.
    if let Some(linker) = std::env::var_os("LD_IR2C") {
        println!("cargo:rerun-if-changed={}", linker.display());
    }
    println!("cargo:rerun-if-env-changed=LD_IR2C");

    let object = Path::new(&output).join("abi.o");
    let status = Command::new("m68k-linux-gnu-gcc")
        .args(["-O2", "-mcpu=68040", "-ffreestanding", "-fno-builtin", "-fno-pic", "-Wall"])
        .args(["-Werror", "-c", "src/bin/abi.c", "-o"])
        .arg(&object)
        .status()
        .expect("m68k-linux-gnu-gcc");
    assert!(status.success(), "m68k-linux-gnu-gcc: {status}");
    println!("cargo:rustc-link-arg-bin=abi={}", object.display());
}
