//! `seeds FOLDER`: writes the files to start from into a folder for each target.

use modlink::arch::{Arch, I386, M68k, X86_64};
use modlink_fuzz::{dense, seeds};
use object::{Object, ObjectSection};
use std::path::Path;
use std::{fs, io};

type Files = Vec<Vec<u8>>;

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("seeds FOLDER"))?;
    let folder = Path::new(&folder);
    let (of_x86_64, dense_x86_64) = seeds_of::<X86_64>(folder)?;
    let (of_i386, dense_i386) = seeds_of::<I386>(folder)?;
    let (of_m68k, dense_m68k) = seeds_of::<M68k>(folder)?;

    let modules = [of_x86_64, of_i386, of_m68k].concat();
    let dense = [dense_x86_64, dense_i386, dense_m68k].concat();
    // Of real modules alone: what this target checks of each string takes as long as the section.
    let modinfos: Vec<_> = modules.iter().filter_map(|file| modinfo(file)).collect();
    write(&folder.join("modinfo"), &modinfos)?;
    write(&folder.join("image"), &[modules, dense, seeds::objects()].concat())?;
    // Structured numbers: libFuzzer finds them by itself.
    write(&folder.join("syscalls"), &[vec![0; 64], vec![0x55; 256]])
}

/// Real modules of an architecture, and dense files.
fn seeds_of<A: Arch>(folder: &Path) -> io::Result<(Files, Files)> {
    let (modules, dense) = (seeds::modules::<A>(), dense::files::<A>());
    write(&folder.join(format!("load_{}", A::NAME)), &[&modules[..], &dense].concat())?;
    Ok((modules, dense))
}

fn modinfo(file: &[u8]) -> Option<Vec<u8>> {
    let file = object::File::parse(file).ok()?;
    Some(file.section_by_name(".modinfo")?.data().ok()?.to_vec())
}

fn write(folder: &Path, seeds: &[Vec<u8>]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (index, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{index:03}")), seed)?;
    }
    println!("{}: {} files", folder.display(), seeds.len());
    Ok(())
}
