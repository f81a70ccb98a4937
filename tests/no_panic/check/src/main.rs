//! `modlink-no-panic FILE`: who calls a panic in a kernel that was linked with `--emit-relocs`.
//!
//! The linker keeps a relocation for each reference, and with `--gc-sections` only what can be
//! reached. Going back from the panic handler over these references gives every function that can
//! come to it. Fails if there is any that is not [known](KNOWN).

use object::elf::{FileHeader64, R_X86_64_NONE, R_X86_64_PC32, R_X86_64_PLT32, SHT_PROGBITS};
use object::read::elf::{ElfFile, FileHeader, Rela, SectionHeader};
use object::{Endianness, Object, ObjectSymbol, SymbolKind};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::process::ExitCode;

/// The function that a panic ends in.
const HANDLER: &str = "__rustc::rust_begin_unwind";

/// The machinery between a panic and the handler.
const MACHINERY: &str = "core::panicking::";

/// The functions that may panic, with the reason for which they do not.
const KNOWN: [(&str, &str); 2] = [
    (
        "alloc::raw_vec::capacity_overflow",
        "a vector outgrows isize::MAX bytes: the pushes into room that `try_reserve` has found keep \
         the way there, and nothing takes it",
    ),
    (
        "core::slice::sort::shared::smallsort::panic_on_ord_violation",
        "an order is none: that of the numbers by which symbols are sorted is one",
    ),
];

/// Functions and who refers to them.
struct References {
    /// Where each function starts, with its name and size.
    functions: BTreeMap<u64, (String, u64)>,
    /// For each address that is referred to, the functions that do.
    from: BTreeMap<u64, BTreeSet<u64>>,
}

impl References {
    fn read(file: &[u8]) -> Result<Self, Box<dyn Error>> {
        let object = ElfFile::<FileHeader64<Endianness>>::parse(file)?;
        let functions = object
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() != 0)
            .map(|symbol| {
                let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
                Ok((symbol.address(), (name, symbol.size())))
            })
            .collect::<object::read::Result<_>>()?;
        let mut references = Self { functions, from: BTreeMap::new() };
        let (endian, sections) = (object.endian(), object.elf_section_table());
        let symbols = sections.symbols(endian, file, object::elf::SHT_SYMTAB)?;
        for section in sections.iter() {
            let Some((entries, _)) = section.rela(endian, file)? else { continue };
            let target = sections.section(section.info_link(endian))?;
            if target.sh_type(endian) != SHT_PROGBITS {
                continue;
            }
            for entry in entries {
                let symbol = entry.symbol(endian, object.elf_header().is_mips64el(endian));
                let Some(symbol) = symbol else { continue };
                if entry.r_type(endian, false) == R_X86_64_NONE {
                    continue;
                }
                let symbol = symbols.symbol(symbol)?;
                references.add(entry.r_offset.get(endian), symbol.st_value.get(endian), entry);
            }
        }
        Ok(references)
    }

    /// Adds a reference from `place`, if it leads from a function to a function.
    fn add(&mut self, place: u64, symbol: u64, entry: &object::elf::Rela64<Endianness>) {
        let to_symbol = symbol.wrapping_add_signed(entry.r_addend.get(Endianness::Little));
        let address = match entry.r_type(Endianness::Little, false) {
            // A call or jump is relative to the end of its field of four bytes.
            R_X86_64_PC32 | R_X86_64_PLT32 => to_symbol.wrapping_add(4),
            _ => to_symbol,
        };
        if let (Some(user), Some(used)) = (self.function_at(place), self.function_at(address)) {
            self.from.entry(used).or_default().insert(user);
        }
    }

    fn function_at(&self, address: u64) -> Option<u64> {
        let (start, (_, size)) = self.functions.range(..=address).next_back()?;
        (address - start < *size).then_some(*start)
    }

    fn find(&self, name: &str) -> Option<u64> {
        self.functions.iter().find(|(_, (found, _))| found == name).map(|(start, _)| *start)
    }

    fn name(&self, function: u64) -> &str {
        &self.functions[&function].0
    }

    fn users(&self, function: u64) -> impl Iterator<Item = u64> {
        self.from
            .get(&function)
            .into_iter()
            .flatten()
            .copied()
            .filter(move |user| *user != function)
    }

    /// All functions that come to `end`, without going on after one for which `stop` holds.
    fn all_that_come_to(&self, end: u64, stop: impl Fn(&str) -> bool) -> BTreeSet<u64> {
        let (mut found, mut open) = (BTreeSet::new(), vec![end]);
        while let Some(function) = open.pop() {
            if found.insert(function) && !stop(self.name(function)) {
                open.extend(self.users(function));
            }
        }
        found
    }
}

fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|(known, _)| *known == name)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: modlink-no-panic FILE")?;
    let references = References::read(&std::fs::read(path)?)?;
    let handler = references.find(HANDLER).ok_or("the file has no panic handler")?;
    let panicking = references.all_that_come_to(handler, is_known);

    for (known, why) in KNOWN {
        let function = references
            .find(known)
            .filter(|function| panicking.contains(function))
            .ok_or_else(|| format!("{known} comes to no panic any more: take it off the list"))?;
        println!("{known}: {why}; called by");
        for user in references.users(function) {
            println!("    {}", references.name(user));
        }
    }
    let unknown = panicking
        .iter()
        .map(|function| references.name(*function))
        .filter(|name| *name != HANDLER && !name.starts_with(MACHINERY) && !is_known(name));
    let unknown: Vec<_> = unknown.collect();
    for name in &unknown {
        println!("comes to a panic: {name}");
    }
    println!(
        "{} functions; {} come to a panic, {} of them for known reasons",
        references.functions.len(),
        KNOWN.len() + unknown.len(),
        KNOWN.len()
    );
    Ok(if unknown.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
