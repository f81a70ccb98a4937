//! Finding and reading the files to link.

use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// What an xz stream starts with.
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";

/// All files under the folders whose names end in `.ko`, `.o` or `.ko.xz`, in order of their path.
///
/// # Errors
/// If a folder cannot be read.
pub fn find(folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in folders {
        for entry in WalkDir::new(folder) {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            if entry.file_type().is_file() && is_object(entry.file_name()) {
                files.push(entry.into_path());
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn is_object(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    [".ko", ".o", ".ko.xz"].iter().any(|end| name.ends_with(end.as_bytes()))
}

/// At most `count` of the files, spread evenly over the list; `seed` says with which it starts.
pub fn sample<T>(files: Vec<T>, count: usize, seed: u64) -> Vec<T> {
    let total = files.len();
    if count >= total {
        return files;
    }
    let start = (seed % total as u64) as usize;
    let mut chosen = vec![false; total];
    for nth in 0..count {
        chosen[(start + nth * total / count) % total] = true;
    }
    files.into_iter().zip(chosen).filter_map(|(file, chosen)| chosen.then_some(file)).collect()
}

/// The bytes of a file, decompressed if it is an xz stream.
///
/// # Errors
/// If it cannot be read or decompressed.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !bytes.starts_with(XZ_MAGIC) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    liblzma::read::XzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .with_context(|| format!("cannot decompress {}", path.display()))?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_sample_has_the_stated_size_and_follows_the_seed() {
        let all: Vec<usize> = (0..1000).collect();
        let one = sample(all.clone(), 300, 1);
        assert_eq!(one.len(), 300);
        assert_eq!(one, sample(all.clone(), 300, 1));
        assert_ne!(one, sample(all.clone(), 300, 2));
        assert!(one.windows(2).all(|pair| pair[1] - pair[0] <= 4));
        assert_eq!(sample(all.clone(), 1000, 7), all);
    }

    #[test]
    fn compressed_files_are_found_and_decompressed() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("deep/a.ko.xz");
        fs::create_dir(folder.path().join("deep"))?;
        fs::write(folder.path().join("deep/readme.txt"), "no object")?;
        let mut writer = liblzma::write::XzEncoder::new(fs::File::create(&path)?, 6);
        writer.write_all(b"what a module holds")?;
        writer.finish()?;
        assert_eq!(find(&[folder.path().to_owned()])?, std::slice::from_ref(&path));
        assert_eq!(read(&path)?, b"what a module holds");
        Ok(())
    }
}
