//! The least that a load can cost: the bytes are copied, the gaps cleared, each relocation and its
//! symbol is read once, and one store is made for each. Nothing is checked, and everything that
//! could be known before is known: which sections go where, and the values of undefined symbols.

use super::Context;
use modlink::arch::X86_64;
use modlink::image::{Definition, Image};
use modlink::link::Plan;
use modlink_peers::modlink::{LIMIT, PAGE};
use object::Endianness;
use object::elf::{FileHeader64, R_X86_64_64, R_X86_64_NONE, R_X86_64_PC32, R_X86_64_PC64};
use object::elf::{R_X86_64_32, R_X86_64_32S, R_X86_64_PLT32, RelocationType, SHT_RELA};
use object::read::elf::{FileHeader, SectionHeader};

const SYMBOL_SIZE: usize = 24;

/// A load with everything known that can be.
pub struct Floor<'f> {
    copies: Vec<(&'f [u8], *mut u8)>,
    clears: Vec<(*mut u8, usize)>,
    tables: Vec<(&'f [[u8; 24]], *mut u8)>,
    /// The symbol table, in which the undefined symbols have their values.
    symbols: Vec<u8>,
    /// The addresses of the sections by index; 0 for those that are not loaded.
    bases: Vec<u64>,
    /// The names of the undefined symbols.
    names: Vec<&'f [u8]>,
}

impl<'f> Floor<'f> {
    /// Lays the module out as modlink does.
    pub fn prepare(file: &'f [u8], context: &Context) -> Self {
        let image = Image::<X86_64>::check(file, LIMIT).expect("a module");
        let plan = Plan::new(&image, PAGE).expect("a plan");
        let core = context.arena.take(plan.core.size as usize, plan.core.align as usize);
        let init = context.arena.take(plan.init.size as usize, plan.init.align as usize);
        let part = |location: modlink::link::Location| match location.part {
            modlink::link::Part::Core => (core, plan.core.size),
            modlink::link::Part::Init => (init, plan.init.size),
        };

        let mut bases = vec![0; image.sections().len()];
        let mut copies = Vec::new();
        let mut filled = Vec::new();
        for (index, section) in image.loaded_sections() {
            let location = plan.location(index).expect("a place");
            let start = part(location).0.wrapping_add(location.offset as usize);
            bases[index] = start.addr() as u64;
            if !section.data.is_empty() {
                copies.push((section.data, start));
                filled.push((start.addr(), start.addr() + section.data.len()));
            }
        }
        filled.sort_unstable();
        let mut clears = Vec::new();
        for (start, size) in [(core, plan.core.size), (init, plan.init.size)] {
            let mut at = start.addr();
            let end = at + size as usize;
            for (from, to) in &filled {
                if (at..end).contains(from) {
                    clears.push((start.wrapping_add(at - start.addr()), from - at));
                    at = *to;
                }
            }
            clears.push((start.wrapping_add(at - start.addr()), end - at));
        }
        clears.retain(|(_, size)| *size != 0);

        let mut symbols = Vec::new();
        let mut tables = Vec::new();
        let header = FileHeader64::<Endianness>::parse(file).expect("a header");
        let endian = header.endian().expect("a byte order");
        for section in header.sections(endian, file).expect("sections").iter() {
            let data = section.data(endian, file).unwrap_or_default();
            let target = section.sh_info(endian) as usize;
            match section.sh_type(endian) {
                object::elf::SHT_SYMTAB => symbols = data.to_vec(),
                SHT_RELA if bases[target] != 0 => {
                    let location = plan.location(target).expect("a place");
                    let start = part(location).0.wrapping_add(location.offset as usize);
                    tables.push((data.as_chunks().0, start));
                }
                _ => {}
            }
        }
        let mut names = Vec::new();
        for (index, symbol) in image.symbols().iter().enumerate().skip(1) {
            if symbol.definition() == Definition::Undefined {
                names.push(symbol.name());
                let value = context.resolver.find(symbol.name()).unwrap_or(0);
                let at = index * SYMBOL_SIZE + 8;
                symbols[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
        }
        // Of absolute symbols, whose section index is 0xfff1, the value is the address too.
        bases.resize(0x1_0000, 0);
        Self { copies, clears, tables, symbols, bases, names }
    }

    /// The load.
    #[inline]
    pub fn load(&self) {
        for (data, to) in &self.copies {
            // SAFETY: the plan has room for the section there.
            unsafe { to.copy_from_nonoverlapping(data.as_ptr(), data.len()) };
        }
        for (start, size) in &self.clears {
            // SAFETY: the gap lies in a part.
            unsafe { start.write_bytes(0, *size) };
        }
        for (entries, start) in &self.tables {
            self.relocate(entries, *start);
        }
    }

    /// What finding the undefined symbols' values takes.
    #[inline]
    pub fn resolve(&self, context: &Context) {
        for name in &self.names {
            std::hint::black_box(context.resolver.find(name));
        }
    }

    #[inline]
    fn relocate(&self, entries: &[[u8; 24]], start: *mut u8) {
        for entry in entries {
            // SAFETY: modlink has checked the file: places and symbols exist.
            unsafe {
                let offset = read::<u64>(entry.as_ptr());
                let info = read::<u64>(entry.as_ptr().add(8));
                let addend = read::<u64>(entry.as_ptr().add(16));
                let symbol = self.symbols.as_ptr().add((info >> 32) as usize * SYMBOL_SIZE);
                let base = *self.bases.get_unchecked(usize::from(read::<u16>(symbol.add(6))));
                let value = base.wrapping_add(read::<u64>(symbol.add(8))).wrapping_add(addend);
                let place = start.add(offset as usize);
                let distance = value.wrapping_sub(place.addr() as u64);
                match RelocationType(info as u32) {
                    R_X86_64_PC32 | R_X86_64_PLT32 => write(place, distance as u32),
                    R_X86_64_64 => write(place, value),
                    R_X86_64_32 | R_X86_64_32S => write(place, value as u32),
                    R_X86_64_PC64 => write(place, distance),
                    R_X86_64_NONE => {}
                    _ => std::process::abort(),
                }
            }
        }
    }
}

/// # Safety
/// There are as many bytes as a `T` has.
#[inline]
unsafe fn read<T>(from: *const u8) -> T {
    // SAFETY: the caller's promise.
    unsafe { from.cast::<T>().read_unaligned() }
}

/// # Safety
/// There are as many bytes as a `T` has.
#[inline]
unsafe fn write<T>(to: *mut u8, value: T) {
    // SAFETY: the caller's promise.
    unsafe { to.cast::<T>().write_unaligned(value) }
}
