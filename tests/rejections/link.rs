//! Rejections of modules that are well formed and cannot be linked where they are to lie.

use crate::case::{Case, Cases, expect_rejections, symbol, unknown};
use crate::edit::*;
use crate::real::{Architecture, LIMIT, PAGE, with_arch};
use crate::relocations::described;
use modlink::arch::Arch;
use modlink::image::Image;
use modlink::link::{Block, Error, Part, Plan, Problem};
use modlink::{Errno, LoadError};

const SHN_ABS: u64 = 0xfff1;
const STB_WEAK: u64 = 2;

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    unknown_symbols(&mut cases);
    places_that_are_not_zero(&mut cases);
    sections_that_are_not_loaded(&mut cases);
    out_of_reach(&mut cases);
    cases.into_vec()
}

#[test]
fn everything_that_cannot_be_linked_is_rejected() {
    expect_rejections(cases);
}

#[test]
fn values_up_to_what_a_field_holds_are_accepted_and_the_next_are_rejected() {
    for architecture in Architecture::ALL {
        for field in fields(architecture) {
            field.check_bounds(architecture);
        }
    }
}

#[test]
fn bytes_beside_a_place_may_be_anything() {
    let mut file = Architecture::X86_64.module();
    let (text, _, offset) = first_relocation(&file);
    for neighbour in [offset - 1, offset + 4] {
        file.contents_mut(text)[neighbour] = 0x5a;
    }
    assert!(Architecture::X86_64.link(file.bytes()).is_ok());
}

#[test]
fn an_unknown_weak_symbol_is_zero() {
    for architecture in Architecture::ALL {
        let mut file = architecture.module();
        // The reference is made absolute, which reaches 0 from everywhere.
        let (_, table, _) = isolate(&mut file);
        let absolute = if architecture == Architecture::X86_64 { 11 } else { 1 };
        file.set(Relocation(table, 0, "r_type"), absolute);
        let index = file.symbol("crc_itu_t_table");
        undefine(&mut file, index);
        file.set(Symbol(index, "st_bind"), STB_WEAK);
        let others = |name: &[u8]| (name != b"crc_itu_t_table").then_some(architecture.kernel());
        assert_eq!(architecture.link_at(file.bytes(), architecture.core(), others), Ok(1));
    }
}

#[test]
fn the_name_of_the_global_offset_table_is_no_unknown_symbol_where_nothing_needs_it() {
    for architecture in Architecture::ALL {
        let mut file = architecture.module();
        let index = file.symbol("_note_9");
        undefine(&mut file, index);
        file.rename_symbol(index, "_GLOBAL_OFFSET_TABLE_");
        let result = architecture.link(file.bytes());
        assert!(result.is_ok(), "{architecture:?}: {result:?}");
    }
}

#[test]
fn memory_that_does_not_suit_the_layout_is_rejected() {
    for architecture in Architecture::ALL {
        with_arch!(architecture, A => unsuitable_memory::<A>(architecture));
    }
}

/// Makes a symbol undefined.
pub fn undefine(file: &mut Edit, symbol: usize) {
    for field in ["st_shndx", "st_value", "st_size"] {
        file.set(Symbol(symbol, field), 0);
    }
}

fn unknown_symbols(cases: &mut Cases) {
    for name in ["crc_itu_t", "crc_itu_t_table", "__kstrtab_crc_itu_t"] {
        cases.add_with(Errno::ENOENT, format!("{name} is undefined"), "unknown", |file| {
            let index = file.symbol(name);
            undefine(file, index);
            unknown([symbol(index, name)])
        });
    }
    cases.add_with(Errno::ENOENT, "two symbols are undefined", "unknown", |file| {
        let names = ["crc_itu_t", "crc_itu_t_table"];
        let mut all = names.map(|name| (file.symbol(name), name));
        all.sort();
        all.iter().for_each(|(index, _)| undefine(file, *index));
        unknown(all.map(|(index, name)| symbol(index, name)))
    });
    cases.add_with(Errno::ENOENT, "an undefined symbol without a name", "unknown", |file| {
        let index = file.symbol("__kstrtab_crc_itu_t");
        undefine(file, index);
        file.set(Symbol(index, "st_name"), 0);
        unknown([symbol(index, "")])
    });
    cases.add_with(Errno::ENOENT, "a name that a terminal should not get", "\\x1b[2J", |file| {
        let index = file.symbol("crc_itu_t");
        undefine(file, index);
        file.rename_symbol(index, "\x1b[2J");
        unknown([symbol(index, "\x1b[2J")])
    });
}

/// The index of `.text`, of its relocations, and the offset of the first of them.
fn first_relocation(file: &Edit) -> (usize, usize, usize) {
    let text = file.section(".text");
    let table = file.relocations_of(text);
    (text, table, file.get(Relocation(table, 0, "r_offset")) as usize)
}

/// Takes out all relocations but the first one of `.text`; returns what [`first_relocation`] does.
fn isolate(file: &mut Edit) -> (usize, usize, usize) {
    let (text, table, offset) = first_relocation(file);
    for index in 0..file.section_count() {
        if matches!(file.get(Section(index, "sh_type")), SHT_REL | SHT_RELA) {
            file.set(Section(index, "sh_size"), 0);
        }
    }
    let entry = file.get(Section(table, "sh_entsize"));
    file.set(Section(table, "sh_size"), entry);
    (text, table, offset)
}

/// Makes the addend of the first relocation 0, wherever it is.
fn clear_addend(file: &mut Edit, text: usize, table: usize) {
    if file.get(Section(table, "sh_type")) == SHT_RELA {
        file.set(Relocation(table, 0, "r_addend"), 0);
    } else {
        let offset = file.get(Relocation(table, 0, "r_offset")) as usize;
        file.contents_mut(text)[offset..offset + 4].fill(0);
    }
}

fn places_that_are_not_zero(cases: &mut Cases) {
    if cases.on != Architecture::X86_64 {
        return;
    }
    for byte in 0..4 {
        cases.add(format!("byte {byte} of a 32-bit place is not 0"), "not zero", |file| {
            let (text, table, offset) = first_relocation(file);
            file.contents_mut(text)[offset + byte] = 0x80;
            Error::Relocation {
                relocation: described(file, text, table),
                problem: Problem::TargetNotZero,
            }
        });
    }
    for byte in 0..8 {
        cases.add(format!("byte {byte} of a 64-bit place is not 0"), "not zero", |file| {
            let target = file.section("__ksymtab");
            let table = file.relocations_of(target);
            file.set(Relocation(table, 0, "r_type"), 1);
            file.contents_mut(target)[byte] = 1;
            Error::Relocation {
                relocation: described(file, target, table),
                problem: Problem::TargetNotZero,
            }
        });
    }
    cases.add("the same place twice", "not zero", |file| {
        let target = file.section("__ksymtab");
        let table = file.relocations_of(target);
        file.set(Relocation(table, 1, "r_offset"), 0);
        Error::Relocation {
            relocation: crate::relocations::nth_described(file, target, table, 1),
            problem: Problem::TargetNotZero,
        }
    });
}

fn sections_that_are_not_loaded(cases: &mut Cases) {
    for section in [".comment", ".modinfo", ".strtab"] {
        cases.add(format!("a symbol in {section}"), "not in a loaded section", |file| {
            let (text, table, _) = first_relocation(file);
            let index = file.get(Relocation(table, 0, "r_sym")) as usize;
            let home = file.section(section);
            file.set(Symbol(index, "st_shndx"), home as u64);
            file.set(Symbol(index, "st_size"), 0);
            Error::Relocation {
                relocation: described(file, text, table),
                problem: Problem::NotLoaded,
            }
        });
    }
}

#[test]
fn a_relocation_that_does_nothing_may_name_a_symbol_that_is_not_loaded() {
    for on in Architecture::ALL {
        let mut file = on.module();
        let (_, table, _) = isolate(&mut file);
        let index = file.get(Relocation(table, 0, "r_sym")) as usize;
        let home = file.section(".comment");
        file.set(Symbol(index, "st_shndx"), home as u64);
        file.set(Symbol(index, "st_size"), 0);
        file.set(Relocation(table, 0, "r_type"), 0);
        let link = |file: &Edit| on.link_at(file.bytes(), on.core(), |_| Some(on.kernel()));
        assert_eq!(link(&file), Ok(1), "{on:?}");

        let beyond = file.symbol_count() as u64;
        file.set(Relocation(table, 0, "r_sym"), beyond);
        let error = link(&file).expect_err("there is no such symbol");
        let LoadError::Link(Error::Relocation { problem, .. }) = error else { panic!("{error}") };
        assert_eq!(problem, Problem::NoSymbol, "{on:?}");
    }
}

/// What a relocation type can write.
struct Field {
    r_type: u64,
    relative: bool,
    /// The lowest and the highest value that fit.
    fit: (i64, i64),
}

/// The types whose fields do not hold every value of a word. Those that go through the global
/// offset table are tried where the formulas are.
fn fields(on: Architecture) -> Vec<Field> {
    let signed = |bits: u32| (-1 << (bits - 1), (1 << (bits - 1)) - 1);
    let bitfield = |bits: u32| (-1 << bits, (1 << bits) - 1);
    let field = |r_type, relative, fit| Field { r_type, relative, fit };
    match on {
        Architecture::X86_64 => vec![
            field(2, true, signed(32)),
            field(4, true, signed(32)),
            field(10, false, (0, u32::MAX.into())),
            field(11, false, signed(32)),
        ],
        Architecture::I386 => vec![
            field(20, false, bitfield(16)),
            field(21, true, bitfield(16)),
            field(22, false, bitfield(8)),
            field(23, true, signed(8)),
        ],
        Architecture::M68k => vec![
            field(2, false, bitfield(16)),
            field(3, false, bitfield(8)),
            field(5, true, signed(16)),
            field(6, true, signed(8)),
            field(14, true, signed(16)),
            field(15, true, signed(8)),
        ],
    }
}

impl Field {
    fn check_bounds(&self, on: Architecture) {
        let mut file = on.module();
        let (text, table, offset) = isolate(&mut file);
        let index = file.get(Relocation(table, 0, "r_sym")) as usize;
        undefine(&mut file, index);
        file.set(Relocation(table, 0, "r_type"), self.r_type);
        clear_addend(&mut file, text, table);
        let place = if self.relative { on.core() + offset as u64 } else { 0 };
        let link = |value: i64| {
            let address = place.wrapping_add_signed(value) & on.word_max();
            on.link_at(file.bytes(), on.core(), |_| Some(address))
        };
        for value in [self.fit.0, self.fit.0 + 1, -1, 0, 1, self.fit.1 - 1, self.fit.1] {
            if value >= self.fit.0 {
                assert_eq!(link(value), Ok(1), "{on:?}: type {}: {value:#x}", self.r_type);
            }
        }
        for value in [self.fit.0 - 1, self.fit.1 + 1, i64::from(i32::MIN), i64::from(i32::MAX)] {
            if (self.fit.0..=self.fit.1).contains(&value) {
                continue;
            }
            let error = LoadError::Link(Error::Relocation {
                relocation: described(&file, text, table),
                problem: Problem::Overflow { value: value as u64 },
            });
            assert_eq!(link(value), Err(error), "{on:?}: type {}", self.r_type);
        }
    }
}

fn out_of_reach(cases: &mut Cases) {
    for Field { r_type, relative, fit } in fields(cases.on) {
        if relative {
            continue;
        }
        for value in [fit.0 - 1, fit.1 + 1] {
            let value = value as u64;
            cases.add(format!("type {r_type}: {value:#x}"), format!("value {value:#x}"), |file| {
                let (text, table, _) = isolate(file);
                let index = file.get(Relocation(table, 0, "r_sym")) as usize;
                undefine(file, index);
                file.set(Symbol(index, "st_shndx"), SHN_ABS);
                file.set(Symbol(index, "st_value"), value);
                file.set(Relocation(table, 0, "r_type"), r_type);
                clear_addend(file, text, table);
                Error::Relocation {
                    relocation: described(file, text, table),
                    problem: Problem::Overflow { value },
                }
            });
        }
    }
}

fn unsuitable_memory<A: Arch>(on: Architecture) {
    let mut file = on.module();
    let rodata = file.section(".rodata");
    file.rename_section(rodata, ".init.rodata");
    let image = Image::<A>::check(file.bytes(), LIMIT).expect("a module");
    let plan = Plan::new(&image, PAGE).expect("memory for the plan");
    let sizes = [plan.core.size, plan.init.size];
    let good = [on.core(), on.core() + (1 << 20)];
    let place = |addresses: [u64; 2], sizes: [u64; 2]| {
        let [mut core, mut init] = sizes.map(|size| vec![0; size as usize]);
        let core = Block { address: addresses[0], bytes: &mut core };
        let init = Block { address: addresses[1], bytes: &mut init };
        plan.place(&image, core, init).map(drop)
    };
    assert_eq!(place(good, sizes), Ok(()));
    assert_eq!(place(good, [sizes[0] + PAGE, sizes[1] + 1]), Ok(()));

    for (part, number) in [(Part::Core, 0), (Part::Init, 1)] {
        let rejected = |what: &str, address: u64, size: u64| {
            let (mut addresses, mut sizes) = (good, sizes);
            addresses[number] = address;
            sizes[number] = size;
            let error = place(addresses, sizes).expect_err(what);
            assert_eq!(error, Error::Block(part), "{on:?}: {what}");
            assert!(error.to_string().contains(&part.to_string()), "{error}");
            assert_eq!(error.errno(), Errno::EINVAL);
        };
        let (address, size) = (good[number], sizes[number]);
        rejected("no memory", address, 0);
        rejected("a byte too few", address, size - 1);
        rejected("half a page off", address + PAGE / 2, size);
        rejected("a byte off", address + 1, size);
        let last_page = on.word_max() - (PAGE - 1);
        rejected("around the end of the address space", last_page, size + PAGE);
    }
}
