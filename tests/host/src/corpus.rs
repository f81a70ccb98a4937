//! Real modules: those that `make corpus` has fetched or built.

use modlink::arch::Arch;
use object::elf::{FileHeader32, FileHeader64, SHT_SYMTAB};
use object::read::elf::{FileHeader, Sym};
use object::{Endianness, FileKind, Object, ObjectSection, ObjectSymbol};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use walkdir::WalkDir;

/// A real module for the architecture `A`, by its name or that of its file without `.ko`; in the
/// first, `_` stands where the file has `-`.
///
/// # Panics
/// If it is not there.
pub fn module<A: Arch>(name: &str) -> Vec<u8> {
    let path = files::<A>()
        .get(&name.replace('-', "_"))
        .unwrap_or_else(|| panic!("no {name}.ko for {}: run `make corpus`", A::NAME))
        .clone();
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The paths of all real modules for the architecture `A`, by the modules' names.
///
/// # Panics
/// If there are none.
pub fn files<A: Arch>() -> HashMap<String, PathBuf> {
    static FOUND: OnceLock<Mutex<HashMap<&str, HashMap<String, PathBuf>>>> = OnceLock::new();
    let folder = folder(match A::NAME {
        "x86_64" => "amd64",
        "m68k" => "m68k-modules",
        other => other,
    });
    let name = |path: PathBuf| Some((path.file_stem()?.to_str()?.replace('-', "_"), path));
    let by_name = || find(&folder).into_iter().filter_map(name).collect();
    let mut all = FOUND.get_or_init(Mutex::default).lock().unwrap();
    let found = all.entry(A::NAME).or_insert_with(by_name).clone();
    drop(all);
    assert!(!found.is_empty(), "no modules in {}: run `make corpus`", folder.display());
    found
}

/// The folder of the corpus of that name: `$CACHE/corpus/NAME`, as in the Makefile.
pub fn folder(name: &str) -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = set("CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let user = set("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(set("HOME").unwrap_or_default()).join(".cache");
        user.unwrap_or_else(home).join("modlink")
    });
    cache.join("corpus").join(name)
}

/// The paths of all modules in a folder and those below it, sorted.
pub fn find(folder: &Path) -> Vec<PathBuf> {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let mut paths: Vec<_> = files
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|end| end == "ko"))
        .collect();
    paths.sort();
    paths
}

/// The names of the symbols that a module file needs from elsewhere, whether weak or not. Only its
/// symbol table is looked at: all else may be as odd as a test wants it.
///
/// # Panics
/// If the `object` crate cannot read that table.
pub fn undefined_symbols(file: &[u8]) -> Vec<String> {
    match FileKind::parse(file).expect("an ELF file") {
        FileKind::Elf32 => undefined_of::<FileHeader32<Endianness>>(file),
        FileKind::Elf64 => undefined_of::<FileHeader64<Endianness>>(file),
        kind => panic!("not an ELF file but {kind:?}"),
    }
}

fn undefined_of<H: FileHeader<Endian = Endianness>>(file: &[u8]) -> Vec<String> {
    let header = H::parse(file).expect("an ELF header");
    let endian = header.endian().expect("an order of bytes");
    let sections = header.sections(endian, file).expect("a table of sections");
    let symbols = sections.symbols(endian, file, SHT_SYMTAB).expect("a symbol table");
    let undefined = symbols.iter().filter(|symbol| symbol.is_undefined(endian));
    let names = undefined.map(|symbol| symbol.name(endian, symbols.strings()).expect("a name"));
    names
        .filter(|name| !name.is_empty())
        .map(|name| str::from_utf8(name).expect("a name in UTF-8").to_owned())
        .collect()
}

/// The names of the symbols that a module file exports: its global ones whose names also stand in
/// `__ksymtab_strings`.
///
/// # Panics
/// If the file is not one that the `object` crate can read.
pub fn exported_symbols(file: &[u8]) -> BTreeSet<String> {
    let object = object::File::parse(file).expect("an ELF file");
    let Some(strings) = object.section_by_name("__ksymtab_strings") else {
        return BTreeSet::new();
    };
    let strings = strings.data().expect("bytes in the file");
    let strings: BTreeSet<_> = strings.split(|byte| *byte == 0).collect();
    object
        .symbols()
        .filter(|symbol| symbol.is_global() && !symbol.is_undefined())
        .filter(|symbol| symbol.name_bytes().is_ok_and(|name| strings.contains(name)))
        .map(|symbol| symbol.name().expect("a name in UTF-8").to_owned())
        .collect()
}

/// The names of the modules that a module file says it needs (`depends=` in `.modinfo`).
///
/// # Panics
/// If the file is not one that the `object` crate can read.
pub fn needed_modules(file: &[u8]) -> BTreeSet<String> {
    let object = object::File::parse(file).expect("an ELF file");
    let modinfo = object.section_by_name(".modinfo").expect("a module");
    let modinfo = modinfo.data().expect("bytes in the file");
    let names = modinfo.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(b"depends="));
    let names = String::from_utf8(names.unwrap_or_default().to_vec()).expect("names in UTF-8");
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModuleFile;
    use modlink::arch::X86_64;
    use object::read::elf::SectionHeader;

    #[test]
    fn symbols_are_found_beside_relocations_of_a_section_that_does_not_exist() {
        /// Where `sh_info` is in a section header of the 64-bit class.
        const INFO: usize = 44;
        let mut file = ModuleFile::<X86_64>::new("odd").imports("there").build();
        let header = FileHeader64::<Endianness>::parse(&*file).unwrap();
        let endian = header.endian().unwrap();
        let sections = header.sections(endian, &*file).unwrap();
        let index =
            sections.iter().position(|section| section.rela(endian, &*file).unwrap().is_some());
        let at = header.e_shoff.get(endian) as usize + 64 * index.unwrap() + INFO;
        file[at..at + 4].copy_from_slice(&0xfff0_u32.to_le_bytes());
        assert!(object::File::parse(&*file).is_err(), "the file is as it should be");
        assert_eq!(undefined_symbols(&file), ["there"]);
    }
}
