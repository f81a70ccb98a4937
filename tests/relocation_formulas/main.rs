//! The value that each relocation type writes, against the formulas of the psABI supplements.
//!
//! Each architecture's file spells the formulas out; nothing of the crate's own description of
//! them is used. S is the address of the symbol, A the addend, P the address of the place, GOT the
//! address of the global offset table, and G the offset of the symbol's slot in it.

mod compiled;
#[allow(dead_code, reason = "it can change more than is changed here")]
#[path = "../rejections/edit.rs"]
mod edit;
mod formula;
mod gnu_ld;
mod i386;
mod linked;
mod m68k;
mod x86_64;

#[test]
fn each_architecture_says_where_its_types_end() {
    fn highest<A: modlink::arch::Arch>() {
        let known = |r_type: &u32| A::howto(*r_type).is_some();
        assert_eq!((0..=0xffff).rev().find(known), Some(A::TYPES - 1), "{}", A::NAME);
    }
    highest::<modlink::arch::X86_64>();
    highest::<modlink::arch::I386>();
    highest::<modlink::arch::M68k>();
}

#[test]
fn types_are_called_what_the_psabis_call_them() {
    fn compare<A: modlink::arch::Arch>(names: &object::ConstantNames<object::elf::RelocationType>) {
        for r_type in 0..=0x100 {
            let name = A::NAMES.get(r_type).map(|name| name.to_string());
            let known = names.name(object::elf::RelocationType(r_type));
            assert_eq!(name.as_deref(), known, "{}: {r_type}", A::NAME);
        }
    }
    compare::<modlink::arch::X86_64>(&object::elf::NAMES_R_X86_64);
    compare::<modlink::arch::I386>(&object::elf::NAMES_R_386);
    compare::<modlink::arch::M68k>(&object::elf::NAMES_R_68K);
}
