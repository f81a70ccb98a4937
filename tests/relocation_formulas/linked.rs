//! Objects that are made for a test, and what linking makes of them.

use modlink::ImportProblem;
use modlink::arch::{Arch, ByteOrder, Class};
use modlink::image::Image;
use modlink::link::{Block, Error, Plan};
use object::write::{Object, Relocation, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};

/// A relocation of `.text`.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The offset of the place.
    pub offset: u64,
    /// The type.
    pub r_type: u32,
    /// The name of the symbol.
    pub symbol: &'static str,
    /// The addend, where the relocation holds it and not the place.
    pub addend: i64,
}

/// An object with these bytes as `.text`, and symbols that are all undefined.
pub fn object<A: Arch>(text: &[u8], places: &[Place]) -> Vec<u8> {
    let architecture = match A::NAME {
        "x86_64" => Architecture::X86_64,
        "i386" => Architecture::I386,
        "m68k" => Architecture::M68k,
        other => panic!("no objects are made for {other}"),
    };
    let order = match A::ORDER {
        ByteOrder::Little => Endianness::Little,
        ByteOrder::Big => Endianness::Big,
    };
    let mut object = Object::new(BinaryFormat::Elf, architecture, order);
    let section = object.add_section(Vec::new(), b".text".to_vec(), SectionKind::Text);
    object.append_section_data(section, text, 16);
    for place in places {
        let symbol = object.symbol_id(place.symbol.as_bytes()).unwrap_or_else(|| {
            object.add_symbol(Symbol {
                name: place.symbol.into(),
                value: 0,
                size: 0,
                kind: SymbolKind::Unknown,
                scope: SymbolScope::Dynamic,
                weak: false,
                section: SymbolSection::Undefined,
                flags: SymbolFlags::None,
            })
        });
        let flags = RelocationFlags::Elf { r_type: elf::RelocationType(place.r_type) };
        let relocation = Relocation { offset: place.offset, symbol, addend: place.addend, flags };
        object.add_relocation(section, relocation).expect("a relocation");
    }
    object.write().expect("an object")
}

/// A linked object.
#[derive(Debug)]
pub struct Linked {
    /// Its core part.
    core: Vec<u8>,
    core_address: u64,
    /// The address and size of the global offset table.
    got: Option<(u64, u64)>,
    /// The address of each section that is loaded.
    sections: Vec<Option<u64>>,
}

impl Linked {
    /// Links an object whose core part goes to `core_address`.
    pub fn new<A: Arch>(
        file: &[u8],
        core_address: u64,
        lookup: impl Fn(&str) -> Option<u64>,
    ) -> Result<Self, Error> {
        let image = Image::<A>::check(file, 1 << 24).expect("a well-formed object");
        let plan = Plan::new(&image, 4096).expect("memory");
        let mut core = vec![0xa5; plan.core.size as usize];
        let block = Block { address: core_address, bytes: &mut core };
        let none = Block { address: 0, bytes: &mut [] };
        let mut placed = plan.place(&image, block, none)?;
        let values = placed
            .resolve(&image, |name, _| {
                Ok::<_, ImportProblem>(lookup(std::str::from_utf8(name).expect("a name")))
            })
            .expect("every symbol is defined");
        placed.relocate(&image, &values)?;
        let got = plan.got().map(|got| (core_address + got.offset, got.size));
        let locations = (0..image.sections().len()).map(|index| plan.location(index));
        let sections = locations.map(|location| Some(core_address + location?.offset)).collect();
        Ok(Self { core, core_address, got, sections })
    }

    /// The address of the section of that index.
    pub fn section(&self, index: usize) -> u64 {
        self.sections[index].expect("it is loaded")
    }

    /// The bytes at an address.
    pub fn at(&self, address: u64, length: usize) -> &[u8] {
        let start = (address - self.core_address) as usize;
        &self.core[start..start + length]
    }

    /// The number at an address, in the byte order of the architecture, sign-extended.
    pub fn number<A: Arch>(&self, address: u64, width: usize) -> i64 {
        let mut bytes = self.at(address, width).to_vec();
        if A::ORDER == ByteOrder::Big {
            bytes.reverse();
        }
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        bytes.resize(8, sign);
        i64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }

    /// The address of the global offset table, if the object needs one.
    pub fn got(&self) -> Option<u64> {
        self.got.map(|(address, _)| address)
    }

    /// The words of the global offset table.
    pub fn slots<A: Arch>(&self) -> Vec<u64> {
        let (address, size) = self.got.expect("the object needs a table");
        let word = word::<A>();
        let word_mask = if word == 8 { u64::MAX } else { u32::MAX.into() };
        (0..size / word as u64)
            .map(|slot| self.number::<A>(address + slot * word as u64, word) as u64 & word_mask)
            .collect()
    }
}

/// The size of a word in bytes.
pub fn word<A: Arch>() -> usize {
    match A::CLASS {
        Class::Elf32 => 4,
        Class::Elf64 => 8,
    }
}
