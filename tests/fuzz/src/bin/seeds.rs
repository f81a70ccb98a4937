//! `seeds FOLDER`: writes the files to start from into a folder for each target.

use modlink::arch::{Arch, I386, M68k, X86_64};
use modlink_fuzz::{dense, parameters, seeds};
use object::{Object, ObjectSection};
use std::path::Path;
use std::{fs, io};

type Files = Vec<Vec<u8>>;

/// Lines of parameters.
const LINES: [&str; 6] = [
    "index=1,2 id=\"a b\",c enable=y,n model=emu10k1",
    "\"id=a b\" fake_buffer=off -- rest",
    "pcm_devs=0x10,010,+3 pcm_substreams=-1",
    "dyndbg=+p async_probe unknown=1 hrtimer",
    "mixer_volume_level_min=-2147483648 mixer_volume_level_max=2147483648",
    "index=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33",
];

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
    write(&folder.join("kallsyms"), &[&modules[..], &dense].concat())?;
    write(&folder.join("image"), &[modules, dense, seeds::objects()].concat())?;
    let tables = tables::<X86_64>()?.into_iter().chain(tables::<I386>()?).chain(tables::<M68k>()?);
    // In order, and the other way round.
    let tables = tables.flat_map(|(size, table)| {
        let turned: Vec<u8> = table.chunks(size).rev().flatten().copied().collect();
        [table, turned].map(|table| [&0xffff_ffff_c000_0000_u64.to_le_bytes()[..], &table].concat())
    });
    write(&folder.join("ex_table"), &tables.collect::<Vec<_>>())?;
    let of_parameters = [
        [&[0][..], &parameters::seed::<X86_64>()].concat(),
        [&[1][..], &parameters::seed::<I386>()].concat(),
        [&[2][..], &parameters::seed::<M68k>()].concat(),
    ];
    write(&folder.join("param_table"), &of_parameters)?;
    write(&folder.join("parameters"), &LINES.map(|line| line.as_bytes().to_vec()))?;
    // Structured numbers: libFuzzer finds them by itself.
    write(&folder.join("syscalls"), &[vec![0; 64], vec![0x55; 256]])
}

/// Real modules of an architecture, and dense files.
fn seeds_of<A: Arch>(folder: &Path) -> io::Result<(Files, Files)> {
    let (modules, dense) = (seeds::modules::<A>(), dense::files::<A>());
    write(&folder.join(format!("load_{}", A::NAME)), &[&modules[..], &dense].concat())?;
    Ok((modules, dense))
}

/// The exception tables of all modules, each with the size of an entry: as they are once these are linked
/// at 0, but for relocations of symbols, as which the sections' starts count.
fn tables<A: Arch>() -> io::Result<Vec<(usize, Vec<u8>)>> {
    let mut paths: Vec<_> = modlink_host::corpus::files::<A>().into_values().collect();
    paths.sort();
    let size = if A::NAME == "m68k" { 8 } else { 12 };
    let mut tables = Vec::new();
    for path in paths {
        let file = fs::read(&path)?;
        let Ok(object) = object::File::parse(&*file) else { continue };
        let Some(section) = object.section_by_name("__ex_table") else { continue };
        let mut table = section.data().unwrap_or_default().to_vec();
        // Larger ones say no more.
        table.truncate(size * 200);
        for (offset, relocation) in section.relocations() {
            let Some(field) = table.get_mut(offset as usize..).and_then(<[u8]>::first_chunk_mut)
            else {
                continue;
            };
            let value = (relocation.addend() as u32).wrapping_sub(if size == 12 {
                offset as u32
            } else {
                0
            });
            *field = if size == 12 { value.to_le_bytes() } else { value.to_be_bytes() };
        }
        tables.push((size, table));
    }
    Ok(tables)
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
