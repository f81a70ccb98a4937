//! GNU ld as an oracle: an object file is linked by modlink and by GNU ld at the same addresses,
//! and every allocated section must come out the same, byte for byte.
//!
//! The way of one file: [`input`] reads it, [`source`] says what is in it (with a reader that
//! shares nothing with modlink's) or why it is left out, [`ours`] links it with modlink at addresses
//! that [`placement`] chooses from a seed within what [`limits`] says its fields hold, [`recipe`]
//! prepares it for GNU ld and [`gnu_ld`] links it there, [`compare`] finds the first difference.
//! [`verdict`] is the whole way. Where a field leads through a global offset table, [`slots`] follows
//! it.
//!
//! A file is equal if all bytes of its allocated sections are, if there are any, and if modlink
//! applied as many relocations as the file has by its relocation sections. One with relocations in
//! a form that is neither REL nor RELA is not: neither linker would apply them. Symbols are at both
//! ends of what GNU ld writes into the fields that refer to them; of an eighth of the files one is
//! also put out of reach by one, where both linkers must say that it does not fit.
//!
//! # Blind spots
//! What is wrong in the same way in both linkers, and:
//! - Files that are left out: with thread-local storage, common symbols other than those of link-time
//!   optimisation, indirect functions, or no symbol table.
//! - What GNU ld would do more with than relocate is taken from its copy of the file: groups, merged
//!   strings, notes, link order, `SHF_EXCLUDE`, types by which it may change an instruction.
//! - The order of slots in the global offset table, what else is in it, and so the values of fields
//!   that say where a slot is: what they lead to is compared. A weak symbol that nobody defines is
//!   there defined to be 0 for GNU ld.
//! - Fields of slots are not driven to their limits; nor are those whose distance a file fixes.
//!   Of several limited fields that refer to one symbol, the strictest is at its end.
//! - REL fields that GNU ld rejects because the value overflows before the addend is added, though
//!   the sum fits: modlink takes them, and no address is drawn there.
//! - Types that GNU ld 2.40 does not know (`R_X86_64_CODE_*_GOTPCRELX`) are to it the plain type.
//! - Addresses of parts beyond the window of [`target::Target::windows`], and what a loader does
//!   beside linking: which sections it rejects, what it reads, protection.

pub mod compare;
pub mod gnu_ld;
pub mod input;
pub mod interval;
pub mod limits;
pub mod linked;
pub mod ours;
pub mod placement;
pub mod recipe;
pub mod slots;
pub mod source;
pub mod target;
pub mod verdict;
