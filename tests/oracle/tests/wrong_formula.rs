//! The oracle notices a wrong formula: real modules are linked by architectures that compute one
//! relocation type off by one.
#![allow(missing_docs, reason = "a test has no interface")]

use anyhow::{Context, Result};
use modlink::arch::{
    Addends, Arch, ByteOrder, Encoding, ExtableFormat, Handler, Howto, I386, M68k, Names,
    OverflowError, SyscallNumbers, Word, X86_64,
};
use modlink::symbols::KsymtabFormat;
use modlink_host::corpus;
use object::elf::*;
use oracle::input;
use oracle::target::Target;
use oracle::verdict::{self, Verdict};
use std::marker::PhantomData;
use std::ops::RangeInclusive;

/// The architecture `A`, except that relocations of the one type come out too large by one.
#[derive(Clone, Copy, Debug)]
struct OffByOne<A, const TYPE: u32>(PhantomData<A>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Skewed<E> {
    right: E,
    skew: u64,
}

impl<A: Arch, const TYPE: u32> Arch for OffByOne<A, TYPE> {
    const NAME: &'static str = A::NAME;
    const MACHINE: u16 = A::MACHINE;
    const ORDER: ByteOrder = A::ORDER;
    const ADDENDS: Addends = A::ADDENDS;
    const ADDRESSES: RangeInclusive<u64> = A::ADDRESSES;
    const REACH: u64 = A::REACH;
    const RELA_TARGET_IS_ZERO: bool = A::RELA_TARGET_IS_ZERO;
    const SLOT_OF_GOT_IS_GOT: bool = A::SLOT_OF_GOT_IS_GOT;
    const KSYMTAB: KsymtabFormat = A::KSYMTAB;
    const EXTABLE: ExtableFormat = A::EXTABLE;
    const DATA_ALIGN: usize = A::DATA_ALIGN;
    const SYSCALLS: SyscallNumbers = A::SYSCALLS;
    const TYPES: u32 = A::TYPES;
    const NAMES: Names = A::NAMES;

    type Word = A::Word;
    type Encoding = Skewed<A::Encoding>;

    fn with_howto<H: Handler<Self::Encoding>>(r_type: u32, handler: H) -> Option<H::Output> {
        let Howto { operation, encoding } = A::howto(r_type)?;
        let skew = u64::from(r_type == TYPE);
        Some(handler.handle(operation, Skewed { right: encoding, skew }))
    }

    fn takes_slot_address(before: &[u8]) -> bool {
        A::takes_slot_address(before)
    }
}

impl<E: Encoding> Encoding for Skewed<E> {
    fn width(self) -> usize {
        self.right.width()
    }

    fn addend<A: Arch>(self, bytes: &[u8]) -> Option<A::Word> {
        self.right.addend::<A>(bytes)
    }

    fn write<A: Arch>(self, bytes: &mut [u8], value: A::Word) -> Result<(), OverflowError> {
        self.right.write::<A>(bytes, value.plus(A::Word::truncate(self.skew)))
    }
}

/// A module that Debian made, or that was made from its sources.
fn module(of: &str, name: &str) -> Result<Vec<u8>> {
    let found = input::find(&[corpus::folder(of)]).context("make corpus fetches the modules")?;
    let path = found
        .iter()
        .find(|path| path.file_name().is_some_and(|file| file == name))
        .with_context(|| format!("no {name} in the corpus {of}"))?;
    input::read(path)
}

fn judge<A: Arch>(file: &[u8], seed: u64, target: Target) -> Result<Verdict> {
    let folder = tempfile::tempdir()?;
    Ok(verdict::of::<A>(file, b"module.ko", seed, target, folder.path()))
}

/// The right formulas agree, and with the one type wrong the first difference is at one of its
/// relocations. At the end of its field's range a value that is off by one is rejected.
fn notices<A: Arch, const TYPE: u32>(corpus: &str, name: &str, target: Target) -> Result<()> {
    let file = module(corpus, name)?;
    let r_type = RelocationType(TYPE);
    for seed in 0..4 {
        match judge::<A>(&file, seed, target)? {
            Verdict::Equal { relocations, .. } => {
                assert!(relocations.contains_key(&r_type), "{name} has no such relocation");
            }
            other => panic!("{name} with the right formulas: {other:?}"),
        }
        match judge::<OffByOne<A, TYPE>>(&file, seed, target)? {
            Verdict::Different(why) => {
                let r_type = target.relocation_name(r_type);
                let rejected = why.contains("modlink rejects");
                let names_it =
                    if rejected { format!("_{r_type} to ") } else { format!("({r_type} of ") };
                assert!(why.contains(&names_it), "{name}: {why}");
            }
            other => panic!("{name} with a wrong formula: {other:?}"),
        }
    }
    Ok(())
}

#[test]
fn a_wrong_formula_on_x86_64_is_noticed() -> Result<()> {
    let (corpus, target) = ("amd64", Target::X86_64);
    notices::<X86_64, { R_X86_64_64.0 }>(corpus, "libdes.ko", target)?;
    notices::<X86_64, { R_X86_64_PC32.0 }>(corpus, "libdes.ko", target)?;
    notices::<X86_64, { R_X86_64_PLT32.0 }>(corpus, "libdes.ko", target)?;
    notices::<X86_64, { R_X86_64_32S.0 }>(corpus, "libdes.ko", target)?;
    notices::<X86_64, { R_X86_64_PC64.0 }>(corpus, "kvm.ko", target)
}

#[test]
fn a_wrong_formula_on_i386_is_noticed() -> Result<()> {
    notices::<I386, { R_386_32.0 }>("i386", "libdes.ko", Target::I386)?;
    notices::<I386, { R_386_PC32.0 }>("i386", "libdes.ko", Target::I386)
}

#[test]
fn a_wrong_formula_on_m68k_is_noticed() -> Result<()> {
    notices::<M68k, { R_68K_32.0 }>("m68k-modules", "libdes.ko", Target::M68k)?;
    notices::<M68k, { R_68K_PC32.0 }>("m68k-modules", "fat.ko", Target::M68k)?;
    notices::<M68k, { R_68K_PLT32.0 }>("m68k-libs", "wcsdup.o", Target::M68k)?;
    notices::<M68k, { R_68K_PC16.0 }>("m68k-libs", "_double.o", Target::M68k)?;
    notices::<M68k, { R_68K_GOT16O.0 }>("m68k-libs", "_itoa.o", Target::M68k)?;
    notices::<M68k, { R_68K_GOT32.0 }>("m68k-libs", "_itoa.o", Target::M68k)?;
    notices::<M68k, { R_68K_GOT32O.0 }>("m68k-libs", "_divxc3.o", Target::M68k)
}
