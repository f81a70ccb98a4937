//! What the linker has to know of an architecture, one file each.
//!
//! A relocation type is described in two halves, its howto, as the psABI supplements do: the
//! *operation* says
//! which value is computed from the symbol (S), the addend (A), the place (P) and the global
//! offset table (GOT, G); the *encoding* says which bits at the place hold it and which values
//! overflow them. Class, byte order and machine belong to the architecture and never to the host, so every
//! architecture compiles and links on every host.

pub mod data;
pub mod i386;
pub mod m68k;
pub mod word;
pub mod x86_64;

use crate::symbols::KsymtabFormat;
use core::fmt;
use core::ops::RangeInclusive;

pub use data::Data;
pub use i386::I386;
pub use m68k::M68k;
pub use word::Word;
pub use x86_64::X86_64;

/// An architecture whose modules can be checked and linked.
///
/// The type itself carries no data: everything is known when the crate is compiled.
pub trait Arch: Copy + fmt::Debug + Send + Sync + 'static {
    /// How this architecture is called on command lines and in messages.
    const NAME: &'static str;
    /// `e_machine` of its files (gABI, "ELF Header").
    const MACHINE: u16;
    /// Word size of its files (`EI_CLASS`).
    const CLASS: Class = <Self::Word as Word>::CLASS;
    /// Byte order of its files (`EI_DATA`).
    const ORDER: ByteOrder;
    /// Which kinds of relocation section its modules may have.
    const ADDENDS: Addends;
    /// The addresses at which the code model lets a module lie.
    const ADDRESSES: RangeInclusive<u64>;
    /// How far apart, in bytes, code and what it refers to may lie at most.
    const REACH: u64;
    /// Whether the bytes that a RELA relocation overwrites must be zero in the file. The psABIs
    /// leave them undefined; where the architecture's assemblers always write zeros, anything
    /// else betrays a damaged module or one that has been relocated before.
    const RELA_TARGET_IS_ZERO: bool;
    /// Whether [`Operation::SlotFromPlace`] with the symbol of the global offset table is about
    /// the table, as [`Operation::GotFromPlace`] is, and not about a slot that holds its address.
    const SLOT_OF_GOT_IS_GOT: bool;
    /// How its exception tables hold addresses.
    const EXTABLE: ExtableFormat;
    /// How its modules' export tables hold addresses.
    const KSYMTAB: KsymtabFormat;
    /// The numbers of the module system calls in this architecture's table.
    const SYSCALLS: SyscallNumbers;
    /// The strictest alignment in bytes that a number in memory has by the psABI.
    const DATA_ALIGN: usize;
    /// One more than the highest relocation type that modules can have.
    const TYPES: u32;
    /// The psABI's names of all relocation types, of those too that modules cannot have.
    const NAMES: Names;

    /// An address, and what relocations compute with.
    type Word: Word;
    /// How a relocation writes its value.
    type Encoding: Encoding;

    /// Hands the howto of the relocation type `r_type` to `handler` and returns what it makes of
    /// it, or `None` where modules cannot have that type.
    ///
    /// It is handed over and not returned, so that the compiler makes code of its own for
    /// each type: that saves a third of the instructions of checking and applying a relocation.
    fn with_howto<H: Handler<Self::Encoding>>(r_type: u32, handler: H) -> Option<H::Output>;

    /// The howto of the relocation type `r_type`, or `None` where modules cannot have it.
    #[inline(never)]
    fn howto(r_type: u32) -> Option<Howto<Self::Encoding>> {
        struct Return;
        impl<E> Handler<E> for Return {
            type Output = Howto<E>;
            #[inline(always)]
            fn handle(self, operation: Operation, encoding: E) -> Howto<E> {
                Howto { operation, encoding }
            }
        }
        Self::with_howto(r_type, Return)
    }

    /// Whether the value of [`Operation::SlotByInstruction`] is an address, given the bytes of the
    /// section before the place; else it is an offset.
    fn takes_slot_address(before: &[u8]) -> bool {
        let _ = before;
        false
    }
}

/// The word size of an architecture's files (gABI, `EI_CLASS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `ELFCLASS32`.
    Elf32,
    /// `ELFCLASS64`.
    Elf64,
}

/// The byte order of an architecture's files (gABI, `EI_DATA`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// `ELFDATA2LSB`.
    Little,
    /// `ELFDATA2MSB`.
    Big,
}

/// How the entries of an exception table (`__ex_table`) hold addresses: those of an instruction and of
/// where code goes on if that faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtableFormat {
    /// As 32-bit distances from where the distance itself stands, with a word that says what else is to
    /// be done (x86 since Linux 5.16).
    Relative,
    /// As words of the architecture.
    Absolute,
}

/// The kinds of relocation section that an architecture's modules may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addends {
    /// `SHT_REL`: the addend is what stands at the place.
    Implicit,
    /// `SHT_RELA`: the addend is in the relocation.
    Explicit,
    /// Either.
    Both,
}

/// The numbers of the system calls that load and remove modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyscallNumbers {
    /// `init_module(2)`.
    pub init_module: usize,
    /// `finit_module(2)`.
    pub finit_module: usize,
    /// `delete_module(2)`.
    pub delete_module: usize,
}

/// How a relocation type is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Howto<E> {
    /// The value that it computes.
    pub operation: Operation,
    /// How it writes that value.
    pub encoding: E,
}

/// The names of an architecture's relocation types. They are for messages, and a kernel that prints
/// none is linked without them: what an error holds is [`Arch::MACHINE`].
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// What all begin with.
    prefix: &'static str,
    /// The rest of each in the order of their numbers, a blank between two; `-` where there is none.
    names: &'static str,
}

/// The name of a relocation type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeName {
    prefix: &'static str,
    name: &'static str,
}

impl Names {
    /// The name of the relocation type `r_type`, if the psABI has one for it.
    pub fn get(&self, r_type: u32) -> Option<TypeName> {
        let name =
            self.names.split_ascii_whitespace().nth(r_type as usize).filter(|name| *name != "-")?;
        Some(TypeName { prefix: self.prefix, name })
    }

    /// The names for the architecture of an `e_machine`.
    pub fn of_machine(machine: u16) -> Option<Self> {
        match machine {
            X86_64::MACHINE => Some(X86_64::NAMES),
            I386::MACHINE => Some(I386::NAMES),
            M68k::MACHINE => Some(M68k::NAMES),
            _ => None,
        }
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix, self.name)
    }
}

/// What is to be done with a howto.
pub trait Handler<E> {
    /// What comes of it.
    type Output;

    /// Is told the howto.
    fn handle(self, operation: Operation, encoding: E) -> Self::Output;
}

/// The value that a relocation computes.
///
/// The letters are those of the psABI supplements. S is the address of the symbol; A the addend;
/// P the address of the place; GOT the address of the global offset table; G the offset of the
/// symbol's slot from GOT. A module is linked in one piece and its calls go straight to their
/// targets, so L, the procedure linkage table's entry for a symbol, is S.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Nothing is computed and nothing written.
    None,
    /// S + A.
    Absolute,
    /// S + A − P, and L + A − P.
    PlaceRelative,
    /// S + A − GOT.
    GotRelative,
    /// GOT + A − P.
    GotFromPlace,
    /// G + A.
    SlotOffset,
    /// G + A, or G + GOT + A: the instruction that holds the relocation tells
    /// ([`Arch::takes_slot_address`]).
    SlotByInstruction,
    /// G + GOT + A − P.
    SlotFromPlace,
}

impl Operation {
    /// Whether the value depends on the symbol's slot in the global offset table.
    pub const fn needs_slot(self) -> bool {
        matches!(self, Self::SlotOffset | Self::SlotByInstruction | Self::SlotFromPlace)
    }

    /// Whether the value depends on where the global offset table is.
    pub const fn needs_got(self) -> bool {
        self.needs_slot() || matches!(self, Self::GotRelative | Self::GotFromPlace)
    }
}

/// How a relocation's value is kept in the bytes at its place.
pub trait Encoding: Copy + fmt::Debug + Eq {
    /// How many bytes from the place on it reads or writes.
    fn width(self) -> usize;

    /// The addend that the bytes hold (REL), sign-extended; `None` if `bytes` is shorter than
    /// [`width`](Self::width).
    fn addend<A: Arch>(self, bytes: &[u8]) -> Option<A::Word>;

    /// Writes `value`, a number of two's complement.
    ///
    /// # Errors
    /// [`OverflowError`] if the value overflows the bits, or `bytes` is shorter than
    /// [`width`](Self::width); nothing is written then.
    fn write<A: Arch>(self, bytes: &mut [u8], value: A::Word) -> Result<(), OverflowError>;
}

/// A relocation's value overflows what its encoding can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverflowError;
