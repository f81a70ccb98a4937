//! Chooses the linker script of the architecture, and writes down by what modules are compared with the
//! kernel: as if it were the kernel of that build of Linux whose modules the boots load.

use modlink::arch::{I386, M68k, X86_64};
use modlink::image::Image;
use modlink::symbols::symvers;
use std::env::var;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// The module that says what the build's vermagic is.
const MODULE: &str = "crc7.ko";

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
    println!("cargo:rerun-if-env-changed=MODLINK_BUILD_OF_LINUX");
    let build = var("MODLINK_BUILD_OF_LINUX").unwrap_or_default();
    let text = match build.as_str() {
        // Without one, as where the kernel is only checked, nothing is compared.
        "" => "Build { versions: &[], vermagic: None }".into(),
        build => described(Path::new(build), &architecture)
            .unwrap_or_else(|error| panic!("{build}: {error}")),
    };
    let output = var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&output).join("build_of_linux.rs"), text).expect("it can be written");
}

/// What the kernel's source says of the build in that folder.
fn described(folder: &Path, architecture: &str) -> Result<String, Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let module = find(folder)?.ok_or_else(|| format!("no {MODULE}: run `make corpus`"))?;
    let file = fs::read(module)?;
    let vermagic = match architecture {
        "x86_64" => vermagic(&Image::<X86_64>::check(&file, u64::MAX)?),
        "x86" => vermagic(&Image::<I386>::check(&file, u64::MAX)?),
        _ => vermagic(&Image::<M68k>::check(&file, u64::MAX)?),
    };
    let mut text = String::from("Build { versions: &[\n");
    // A build without CONFIG_MODVERSIONS has none.
    let versions = folder.join("Module.symvers");
    if versions.exists() {
        for line in symvers::lines(&fs::read_to_string(versions)?) {
            let symvers::Line { name, crc, module, .. } = line?;
            if module == "vmlinux" {
                writeln!(text, "({name:?}, {crc:#010x}),")?;
            }
        }
    }
    let vermagic = vermagic.ok_or_else(|| format!("{MODULE} says none"))?;
    write!(text, "], vermagic: Some({vermagic:?}) }}")?;
    Ok(text)
}

fn vermagic<A: modlink::arch::Arch>(image: &Image<'_, A>) -> Option<String> {
    let vermagic = image.modinfo().get(b"vermagic")?;
    Some(String::from_utf8_lossy(vermagic).into_owned())
}

/// The path of that module in a folder and those below it.
fn find(folder: &Path) -> io::Result<Option<std::path::PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find(&path)? {
                return Ok(Some(found));
            }
        } else if path.file_name().is_some_and(|name| name == MODULE) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
