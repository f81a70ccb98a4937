use modlink::platform::{region::*, *};
use modlink::{Loader, arch::X86_64, symbols::*};
use std::ops::{Range, RangeInclusive};

struct Kernel;

// SAFETY: never runs.
unsafe impl Platform for Kernel {
    type Arch = X86_64;
    type Memory = Memory<'static, Kernel>;

    fn kernel(&self) -> RangeInclusive<u64> {
        todo!()
    }
    fn allocate(&self, _: &MemoryRequest) -> Result<Self::Memory, AllocateError> {
        todo!()
    }
    fn symbol(&self, _: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        todo!()
    }
    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        todo!()
    }
    fn log(&self, _: Level, _: std::fmt::Arguments<'_>) {
        todo!()
    }
}

// SAFETY: never runs.
unsafe impl Pages for Kernel {
    const SIZE: usize = SIZE;
    type Frames = ();

    unsafe fn map(&self, _: Range<usize>) -> Result<(Mapped<()>, Stale), MapError> {
        todo!()
    }
    unsafe fn protect(&self, _: Range<usize>, _: &(), _: Protection) -> Result<Stale, ProtectError> {
        todo!()
    }
    unsafe fn unmap(&self, _: Range<usize>, _: &()) -> Stale {
        todo!()
    }
}
