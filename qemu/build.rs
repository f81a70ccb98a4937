//! Chooses the linker script of the architecture.

use std::env::var;

fn main() {
    let root = var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let architecture = var("CARGO_CFG_TARGET_ARCH").expect("cargo sets CARGO_CFG_TARGET_ARCH");
    let (folder, base) = match architecture.as_str() {
        "x86_64" => ("x86", Some("0xffffffff80000000")),
        "x86" => ("x86", Some("0xc0000000")),
        other => (other, None),
    };
    let script = format!("{root}/src/{folder}/kernel.ld");
    println!("cargo:rerun-if-changed={script}");
    // The script includes modlink's part.
    println!("cargo:rerun-if-changed={root}/../src/symbols/ksymtab.ld");
    println!("cargo:rustc-link-search={root}/../src/symbols");
    println!("cargo:rustc-link-arg-bins=-T{script}");
    if let Some(base) = base {
        println!("cargo:rustc-link-arg-bins=--defsym=KERNEL_BASE={base}");
    }
}
