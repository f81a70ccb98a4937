//! Why a checked image could not be linked.

use super::plan::Part;
use crate::errno::Errno;
use crate::heap::OutOfMemory;
use crate::image::{RelocationRef, SymbolRef};
use alloc::vec::Vec;
use core::fmt;

/// A module could not be placed or relocated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The memory given for a part is too small, or not aligned as its layout asks.
    Block(Part),
    /// A relocation cannot be applied.
    Relocation {
        /// Which.
        relocation: RelocationRef,
        /// Why.
        problem: Problem,
    },
}

/// Why a relocation cannot be applied (gABI, "Relocation").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The architecture does not know its type, or modules cannot have it.
    UnknownType,
    /// Bytes that it changes lie outside its section.
    OutsideSection,
    /// There is no symbol of its index.
    NoSymbol,
    /// Its value overflows the bits that it writes: the symbol is too far away.
    Overflow {
        /// The value.
        value: u64,
    },
    /// The bytes that it would overwrite are not zero: the file is damaged, or has been relocated
    /// before.
    TargetNotZero,
    /// Its symbol is in a section that the module does not have in memory.
    NotLoaded,
}

/// A symbol could not be given a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError<E> {
    /// Nobody defines these.
    Unknown(UnknownSymbols),
    /// The lookup of this one failed.
    Lookup {
        /// The symbol.
        symbol: SymbolRef,
        /// With this.
        error: E,
    },
    /// The heap is exhausted.
    OutOfMemory,
}

/// The undefined symbols of a module that nobody defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownSymbols {
    /// The first [`NAMED`](Self::NAMED) of them, in the order of the symbol table; fewer if the
    /// heap had no room for them.
    pub first: Vec<SymbolRef>,
    /// How many there are in all.
    pub count: usize,
}

impl UnknownSymbols {
    /// How many of them are named.
    pub const NAMED: usize = 16;
}

impl Error {
    /// The error number that Linux gives for it.
    pub const fn errno(&self) -> Errno {
        match self {
            Self::Relocation { .. } => Errno::ENOEXEC,
            Self::Block(_) => Errno::EINVAL,
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(part) => write!(f, "the memory for {part} does not suit its layout"),
            Self::Relocation { relocation, problem } => write!(f, "{relocation}: {problem}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType => f.write_str("modules cannot have relocations of this type"),
            Self::OutsideSection => f.write_str("it changes bytes outside the section"),
            Self::NoSymbol => f.write_str("there is no symbol of that index"),
            Self::Overflow { value } => write!(f, "the value {value:#x} overflows the field"),
            Self::TargetNotZero => f.write_str("the bytes to relocate are not zero"),
            Self::NotLoaded => f.write_str("its symbol is not in a loaded section"),
        }
    }
}

impl fmt::Display for UnknownSymbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, count } = self;
        for (index, symbol) in first.iter().enumerate() {
            write!(f, "{}{symbol}", if index == 0 { "unknown " } else { ", " })?;
        }
        match count.saturating_sub(first.len()) {
            0 => Ok(()),
            _ if first.is_empty() => write!(f, "{count} unknown symbols"),
            more => write!(f, " and {more} more"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for ResolveError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(symbols) => symbols.fmt(f),
            Self::Lookup { symbol, error } => write!(f, "{symbol}: {error}"),
            Self::OutOfMemory => OutOfMemory.fmt(f),
        }
    }
}

impl<E> From<OutOfMemory> for ResolveError<E> {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}
