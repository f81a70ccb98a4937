//! GNU ld as an oracle: an object file is linked by modlink and by GNU ld at the same addresses,
//! and every allocated section must come out the same, byte for byte.
//!
//! The way of one file: [`input`] reads it, [`source`] says what is in it (with a reader that
//! shares nothing with modlink's), [`target`] whether it is in scope, [`placement`] chooses
//! addresses from a seed, [`ours`] links it with modlink, [`recipe`] prepares it for GNU ld and
//! [`gnu_ld`] links it there, [`compare`] finds the first difference. [`verdict`] is the whole way.
//! Where a field leads through a global offset table, [`slots`] follows it.

pub mod compare;
pub mod gnu_ld;
pub mod input;
pub mod linked;
pub mod ours;
pub mod placement;
pub mod recipe;
pub mod slots;
pub mod source;
pub mod target;
pub mod verdict;
