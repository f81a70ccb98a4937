//! Position-independent objects as compilers make them: each instruction that goes through the
//! global offset table reaches a slot that holds the address of its symbol.

use crate::linked::{Linked, word};
use modlink::arch::{Arch, I386, M68k, X86_64};
use object::{
    Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SymbolSection,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = "
extern int outer;
extern int outer_function(int);
static int mine[4];
int global = 3;
int load(void) { return outer; }
int *address(void) { return &outer; }
int call(void) { return outer_function(mine[1]++) + global; }
int (*pointer(void))(int) { return outer_function; }
";

/// Where the symbols of the kernel are.
fn outer(name: &str, kernel: u64) -> Option<u64> {
    match name {
        "outer" => Some(kernel + 0x1000),
        "outer_function" => Some(kernel + 0x2340),
        _ => None,
    }
}

/// A relocation of an object, with what it refers to.
struct Place {
    address: u64,
    r_type: u32,
    name: String,
    addend: i64,
    s: u64,
}

/// An object and what linking made of it.
struct Compiled {
    linked: Linked,
    places: Vec<Place>,
}

impl Compiled {
    fn new<A: Arch>(file: &[u8], core: u64, kernel: u64) -> Self {
        let linked = Linked::new::<A>(file, core, |name| outer(name, kernel))
            .unwrap_or_else(|error| panic!("{error}"));
        let object = object::File::parse(file).expect("an object");
        let text = object.section_by_name(".text").expect("code");
        let start = linked.section(text.index().0);
        let places = text
            .relocations()
            .map(|(offset, relocation)| {
                let RelocationTarget::Symbol(index) = relocation.target() else {
                    panic!("a relocation without a symbol");
                };
                let RelocationFlags::Elf { r_type } = relocation.flags() else {
                    panic!("not an ELF file");
                };
                let symbol = object.symbol_by_index(index).expect("a symbol");
                let name = symbol.name().expect("a name").to_owned();
                let s = match symbol.section() {
                    SymbolSection::Section(home) => linked.section(home.0) + symbol.address(),
                    _ if name == "_GLOBAL_OFFSET_TABLE_" => linked.got().expect("a table"),
                    _ => outer(&name, kernel).expect("a symbol of the kernel"),
                };
                let in_place = relocation.has_implicit_addend();
                let addend = if in_place { in_file(&text, offset) } else { relocation.addend() };
                Place { address: start + offset, r_type: r_type.0, name, addend, s }
            })
            .collect();
        Self { linked, places }
    }

    /// The names of the symbols of all places of these types; there have to be some.
    fn of_types(&self, types: &[u32]) -> impl Iterator<Item = &Place> {
        let found = self.places.iter().filter(|place| types.contains(&place.r_type));
        assert!(found.clone().next().is_some(), "no relocation of types {types:?}");
        found
    }

    /// Compares the word at an address with the address of a symbol.
    fn expect_slot<A: Arch>(&self, slot: u64, place: &Place) {
        let width = word::<A>();
        let mask = if width == 8 { u64::MAX } else { u32::MAX.into() };
        let contents = self.linked.number::<A>(slot, width) as u64 & mask;
        assert_eq!(contents, place.s, "{}: slot at {slot:#x}", place.name);
    }

    /// The table has one slot for each symbol and no more.
    fn expect_slots_for<A: Arch>(&self, types: &[u32]) {
        let symbols: BTreeSet<u64> = self
            .of_types(types)
            .filter(|place| place.name != "_GLOBAL_OFFSET_TABLE_")
            .map(|place| place.s)
            .collect();
        let mut slots = self.linked.slots::<A>();
        slots.sort_unstable();
        assert_eq!(slots, symbols.into_iter().collect::<Vec<_>>());
    }
}

fn in_file<'d>(section: &impl ObjectSection<'d>, offset: u64) -> i64 {
    let data = section.data().expect("bytes");
    let bytes = &data[offset as usize..offset as usize + 4];
    i32::from_le_bytes(bytes.try_into().expect("four bytes")).into()
}

/// Compiles or assembles with a compiler of GCC's.
fn compile(compiler: &str, name: &str, source: &str, options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (input, output) = (folder.path().join(name), folder.path().join("object.o"));
    std::fs::write(&input, source).expect("a source file");
    run(compiler, &input, &output, options);
    std::fs::read(&output).expect("an object")
}

fn run(compiler: &str, input: &Path, output: &Path, options: &[&str]) {
    let result = Command::new(compiler)
        .args(["-c", "-O2", "-fno-asynchronous-unwind-tables"])
        .args(options)
        .arg("-o")
        .args([output, input])
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}: `make setup` installs it"));
    let text = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{compiler}: {text}");
}

const X86_64_CORE: u64 = 0xffff_ffff_c000_0000;
const X86_64_KERNEL: u64 = 0xffff_ffff_8100_0000;
const GOTPCREL: [u32; 3] = [9, 41, 42];

#[test]
fn x86_64_instructions_reach_the_slots_of_their_symbols() {
    let gcc = "x86_64-linux-gnu-gcc";
    let without_relaxation = ["-fpic", "-fno-plt", "-Wa,-mrelax-relocations=no"];
    for options in [&["-fpic"][..], &["-fpic", "-fno-plt"], &without_relaxation] {
        let file = compile(gcc, "pic.c", SOURCE, options);
        let compiled = Compiled::new::<X86_64>(&file, X86_64_CORE, X86_64_KERNEL);
        for place in compiled.of_types(&GOTPCREL) {
            // The displacement is the last field of each of these instructions and counts from
            // the next one: A is -4.
            assert_eq!(place.addend, -4);
            let displacement = compiled.linked.number::<X86_64>(place.address, 4);
            let slot = (place.address + 4).wrapping_add_signed(displacement);
            compiled.expect_slot::<X86_64>(slot, place);
        }
        compiled.expect_slots_for::<X86_64>(&GOTPCREL);
    }
}

/// S + A − GOT: of data, and of functions.
const GOTOFF64: [u32; 2] = [25, 31];

fn expect_distances_from_the_table(compiled: &Compiled, got: u64) {
    for place in compiled.of_types(&GOTOFF64) {
        let distance = compiled.linked.number::<X86_64>(place.address, 8);
        let expected = place.s.wrapping_add_signed(place.addend);
        assert_eq!(got.wrapping_add_signed(distance), expected, "{}", place.name);
    }
}

#[test]
fn x86_64_instructions_of_the_large_code_model_reach_what_is_anywhere() {
    const GOTPC64: [u32; 1] = [29];
    const GOT64: [u32; 1] = [27];
    // Farther from the module than 32 bits reach.
    let kernel = 0x7654_3210_0000;
    for options in [&["-mcmodel=large", "-fPIC"][..], &["-mcmodel=large", "-fPIC", "-fno-plt"]] {
        let file = compile("x86_64-linux-gnu-gcc", "large.c", SOURCE, options);
        let compiled = Compiled::new::<X86_64>(&file, X86_64_CORE, kernel);
        let got = compiled.linked.got().expect("a table");
        for place in compiled.of_types(&GOTPC64) {
            // `movabs $_GLOBAL_OFFSET_TABLE_ - label, %reg`: A is how far P is after it.
            let label = place.address.wrapping_sub(place.addend as u64);
            let distance = compiled.linked.number::<X86_64>(place.address, 8);
            assert_eq!(label.wrapping_add_signed(distance), got);
        }
        for place in compiled.of_types(&GOT64) {
            let offset = compiled.linked.number::<X86_64>(place.address, 8);
            compiled.expect_slot::<X86_64>(got.wrapping_add_signed(offset), place);
        }
        compiled.expect_slots_for::<X86_64>(&GOT64);
        expect_distances_from_the_table(&compiled, got);
    }
}

#[test]
fn x86_64_instructions_of_the_medium_code_model_reach_large_data() {
    const GOTPC32: [u32; 1] = [26];
    let options = ["-mcmodel=medium", "-mlarge-data-threshold=1", "-fPIC"];
    let file = compile("x86_64-linux-gnu-gcc", "medium.c", SOURCE, &options);
    let compiled = Compiled::new::<X86_64>(&file, X86_64_CORE, X86_64_KERNEL);
    let got = compiled.linked.got().expect("a table");
    for place in compiled.of_types(&GOTPC32) {
        // `lea _GLOBAL_OFFSET_TABLE_(%rip), %reg`
        assert_eq!(place.addend, -4);
        let displacement = compiled.linked.number::<X86_64>(place.address, 4);
        assert_eq!((place.address + 4).wrapping_add_signed(displacement), got);
    }
    compiled.expect_slots_for::<X86_64>(&GOTPCREL);
    expect_distances_from_the_table(&compiled, got);
}

const I386_CORE: u64 = 0xf800_0000;
const I386_KERNEL: u64 = 0xc100_0000;
const GOT32: [u32; 2] = [3, 43];
const GOTPC: u32 = 10;
const GOTOFF: u32 = 9;

#[test]
fn i386_instructions_reach_the_slots_of_their_symbols_from_the_table() {
    let gcc = "i686-linux-gnu-gcc";
    for options in [&["-fpic"][..], &["-fpic", "-fno-plt"]] {
        let file = compile(gcc, "pic.c", SOURCE, options);
        let compiled = Compiled::new::<I386>(&file, I386_CORE, I386_KERNEL);
        let got = compiled.linked.got().expect("a table");
        for place in compiled.of_types(&[GOTPC]) {
            // `add $_GLOBAL_OFFSET_TABLE_, %reg`: A is how far the place is after the address
            // that the thunk has put into the register.
            let register = place.address - place.addend as u64;
            let sum = compiled.linked.number::<I386>(place.address, 4) as u64;
            assert_eq!(register.wrapping_add(sum) & 0xffff_ffff, got);
        }
        for place in compiled.of_types(&GOT32) {
            let offset = compiled.linked.number::<I386>(place.address, 4);
            compiled.expect_slot::<I386>(got.wrapping_add_signed(offset), place);
        }
        for place in compiled.of_types(&[GOTOFF]) {
            let offset = compiled.linked.number::<I386>(place.address, 4) as u64;
            let expected = place.s.wrapping_add_signed(place.addend);
            assert_eq!(got.wrapping_add(offset) & 0xffff_ffff, expected);
        }
        compiled.expect_slots_for::<I386>(&GOT32);
    }
}

#[test]
fn i386_instructions_without_a_base_register_reach_the_slots_of_their_symbols() {
    let source = "
        .text
        movl outer@GOT, %ecx
        movl outer@GOT, %eax
        call *outer_function@GOT
        cmpl %edi, outer@GOT
        movl outer@GOT(%ebx), %eax
        call *outer_function@GOT(%esi)
        movl outer@GOT(%ebp), %ecx
    ";
    let file = compile("i686-linux-gnu-gcc", "got.s", source, &[]);
    let compiled = Compiled::new::<I386>(&file, I386_CORE, I386_KERNEL);
    let got = compiled.linked.got().expect("a table");
    let places: Vec<&Place> = compiled.of_types(&GOT32).collect();
    assert_eq!(places.len(), 7);
    for (number, place) in places.into_iter().enumerate() {
        let field = compiled.linked.number::<I386>(place.address, 4) as u64 & 0xffff_ffff;
        let slot = if number < 4 { field } else { got + field };
        compiled.expect_slot::<I386>(slot, place);
    }
    compiled.expect_slots_for::<I386>(&GOT32);
}

const M68K_CORE: u64 = 0x0100_0000;
const M68K_KERNEL: u64 = 0x0010_0000;
const R_68K_GOT32: u32 = 7;
const GOT_OFFSETS: [u32; 3] = [10, 11, 12];

#[test]
fn m68k_instructions_reach_the_slots_of_their_symbols_from_the_table() {
    let gcc = "m68k-linux-gnu-gcc";
    // -fpic makes offsets of 16 bits, -fPIC of 32.
    for (option, r_type, width) in [("-fpic", 11, 2), ("-fPIC", 10, 4)] {
        let file = compile(gcc, "pic.c", SOURCE, &["-mcpu=68040", option]);
        let compiled = Compiled::new::<M68k>(&file, M68K_CORE, M68K_KERNEL);
        let got = compiled.linked.got().expect("a table");
        for place in compiled.of_types(&[R_68K_GOT32]) {
            // `lea (_GLOBAL_OFFSET_TABLE_@GOTPC, %pc), %a5`: the extension word, two bytes before
            // the place, is what the displacement counts from.
            assert_eq!((place.name.as_str(), place.addend), ("_GLOBAL_OFFSET_TABLE_", 2));
            let displacement = compiled.linked.number::<M68k>(place.address, 4);
            assert_eq!((place.address - 2).wrapping_add_signed(displacement), got);
        }
        for place in compiled.of_types(&[r_type]) {
            let offset = compiled.linked.number::<M68k>(place.address, width);
            compiled.expect_slot::<M68k>(got.wrapping_add_signed(offset), place);
        }
        compiled.expect_slots_for::<M68k>(&GOT_OFFSETS);
    }
}
