//! The value that each relocation type writes, against the formulas of the psABI supplements.
//!
//! Each architecture's file spells the formulas out; nothing of the crate's own description of
//! them is used. S is the address of the symbol, A the addend, P the address of the place, GOT the
//! address of the global offset table, and G the offset of the symbol's slot in it.

mod compiled;
#[allow(dead_code, reason = "it can change more than is changed here")]
#[path = "../refusals/edit.rs"]
mod edit;
mod formula;
mod i386;
mod linked;
mod m68k;
mod x86_64;

#[test]
fn each_architecture_says_where_its_types_end() {
    fn highest<A: modlink::arch::Arch>() {
        let known = |r_type: &u32| A::meaning(*r_type).is_some();
        assert_eq!((0..=0xffff).rev().find(known), Some(A::TYPES - 1), "{}", A::NAME);
    }
    highest::<modlink::arch::X86_64>();
    highest::<modlink::arch::I386>();
    highest::<modlink::arch::M68k>();
}
