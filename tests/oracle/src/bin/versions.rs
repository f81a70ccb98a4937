//! Compares the versions of what modules import and export with what their build says of them.

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use modlink::arch::{Arch, I386, M68k, X86_64};
use modlink::image::Image;
use modlink::module::Versions;
use modlink::symbols::symvers;
use modlink_host::HostKernel;
use oracle::input;
use oracle::target::Target;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Compares every CRC that the .ko, .ko.xz and .o files under the folders import or export with that
/// of a Module.symvers. Ends with the line "equal E of N"; succeeds only if E = N and N > 0.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The architecture of the files
    #[arg(long)]
    arch: Target,
    /// The Module.symvers of their build
    #[arg(long, value_name = "FILE")]
    symvers: PathBuf,
    /// Folders to search
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
}

/// What a file says of a symbol: whether it imports it, its name, its version.
type Claim = (bool, String, Option<u32>);

/// How many differences are shown.
const SHOWN: usize = 20;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let expected = read(&arguments.symvers)?;
    let files = input::find(&arguments.folders)?;
    let claims: Vec<_> = files
        .par_iter()
        .map(|path| {
            let found = match arguments.arch {
                Target::X86_64 => claims::<X86_64>(path),
                Target::I386 => claims::<I386>(path),
                Target::M68k => claims::<M68k>(path),
            };
            found.with_context(|| path.display().to_string())
        })
        .collect::<Result<_>>()?;

    let (mut equal, mut total, mut shown) = ([0_usize; 2], [0_usize; 2], 0);
    for (path, claims) in files.iter().zip(&claims) {
        for (is_import, name, crc) in claims {
            let wanted = expected.get(name).copied();
            let (number, kind) = if *is_import { (0, "imports") } else { (1, "exports") };
            total[number] += 1;
            if crc.is_some() && *crc == wanted {
                equal[number] += 1;
            } else if shown < SHOWN {
                let of = |crc: Option<u32>| crc.map_or("none".into(), |crc| format!("{crc:#010x}"));
                let path = path.display();
                println!("{path} {kind} {name}: {}, its build says {}", of(*crc), of(wanted));
                shown += 1;
            }
        }
    }
    println!("{} files", files.len());
    println!("imported: equal {} of {}", equal[0], total[0]);
    println!("exported: equal {} of {}", equal[1], total[1]);
    let (equal, total) = (equal[0] + equal[1], total[0] + total[1]);
    println!("equal {equal} of {total}");
    Ok(if equal == total && total > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The versions that a Module.symvers says, by name.
fn read(path: &Path) -> Result<HashMap<String, u32>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut all = HashMap::new();
    for line in symvers::lines(&text) {
        let line = line.with_context(|| path.display().to_string())?;
        if all.insert(line.name.to_owned(), line.crc).is_some_and(|other| other != line.crc) {
            bail!("{}: {} has two versions", path.display(), line.name);
        }
    }
    Ok(all)
}

/// What a module says of its imports, and of its exports once it is loaded.
fn claims<A: Arch>(path: &Path) -> Result<Vec<Claim>> {
    let file = input::read(path)?;
    let image = Image::<A>::check(&file, u64::MAX)?;
    let mut all = Vec::new();
    if let Some(versions) = Versions::of(&image)? {
        all.extend(versions.iter().map(|(name, crc)| (true, text(name), Some(crc))));
    }
    let tables = ["__ksymtab", "__ksymtab_gpl"];
    let exports = |name: &str| image.section(name.as_bytes()).is_some_and(|(_, it)| it.size != 0);
    if tables.into_iter().any(exports) {
        let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
        let module = loader.load(&file)?;
        let before = all.len();
        all.extend(module.exports().map(|symbol| (false, text(symbol.name), symbol.crc)));
        ensure!(all.len() > before, anyhow!("it exports nothing"));
    }
    Ok(all)
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
