//! `elf_loader`, used as its documentation loads an object from memory.

use crate::memory;
use elf_loader::arch::NativeArch;
use elf_loader::input::ElfBinary;
use elf_loader::memory::{HostRegion, MappedRegion, RegionAccess, VmAddr};
use elf_loader::observer::{
    RelocationObserver, SectionGroups, SectionLifetime, SymbolBindingEvent,
};
use elf_loader::os::{MadviseAdvice, MapFlags, Mmap, ProtFlags};
use elf_loader::tls::TlsResolver;
use elf_loader::{AddressSpaceId, Domain, Relocator, Result};

/// Memory between guard pages, in the manner of its `AllocMmap`.
#[derive(Clone, Copy)]
struct Memory;

// SAFETY of each function: the memory is given to nobody else and stays mapped.
impl Mmap for Memory {
    type Region = HostRegion;

    unsafe fn create_space(
        &self,
        _: Option<VmAddr>,
        length: usize,
        _: ProtFlags,
        _: bool,
    ) -> Result<MappedRegion<HostRegion>> {
        let start = memory::take(length, 1);
        // SAFETY: the memory is given to nobody else.
        Ok(unsafe { MappedRegion::local(start.cast(), length, *self) })
    }

    unsafe fn alias_space(
        &self,
        address: VmAddr,
        length: usize,
    ) -> Result<MappedRegion<HostRegion>> {
        // SAFETY: the caller's promise.
        Ok(unsafe { MappedRegion::local_alias(address.as_mut_ptr::<u8>().cast(), length, *self) })
    }

    unsafe fn map_file_at(
        &self,
        _: VmAddr,
        _: usize,
        _: ProtFlags,
        _: MapFlags,
        _: usize,
        _: isize,
    ) -> Result<()> {
        unreachable!("the input is in memory")
    }

    unsafe fn map_zero_at(
        &self,
        address: VmAddr,
        length: usize,
        _: ProtFlags,
        _: MapFlags,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { address.as_mut_ptr::<u8>().write_bytes(0, length) };
        Ok(())
    }

    unsafe fn munmap(&self, _: VmAddr, _: usize) -> Result<()> {
        Ok(())
    }

    unsafe fn madvise(&self, _: VmAddr, _: usize, _: MadviseAdvice) -> Result<()> {
        Ok(())
    }

    unsafe fn mprotect(&self, _: VmAddr, _: usize, _: ProtFlags) -> Result<()> {
        Ok(())
    }
}

/// Finds symbols.
struct Observer;

impl RelocationObserver for Observer {
    fn on_symbol_binding<
        D: Send + Sync + 'static,
        R: RegionAccess,
        Tls: TlsResolver<NativeArch>,
    >(
        &mut self,
        event: &mut SymbolBindingEvent<'_, D, NativeArch, R, Tls>,
    ) -> Result<()> {
        if let Some(address) = super::symbol(event.symbol_name()) {
            event.set_resolved_addr(VmAddr::new(address as usize));
        }
        Ok(())
    }
}

/// The groups of sections that it means to define by default. Without debug assertions elf_loader
/// 0.18.0 defines none, and loads no object at all.
fn section_groups() -> SectionGroups {
    use SectionLifetime::{Core, Init};
    let (read, write, execute) =
        (ProtFlags::PROT_READ, ProtFlags::PROT_WRITE, ProtFlags::PROT_EXEC);
    let mut groups = SectionGroups::default();
    for (order, protection, lifetime) in [
        (0, read, Core),
        (1, read | write, Core),
        (2, read | execute, Core),
        (3, read | write | execute, Core),
        (usize::MAX, read | write, Init),
    ] {
        groups.define(protection, protection, order, lifetime);
    }
    groups
}

pub fn load(file: &[u8]) -> bool {
    let loader = elf_loader::Loader::new().with_mmap(Memory);
    let object = loader
        .run(Domain::native(AddressSpaceId::PROCESS))
        .with_object_section_groups(section_groups())
        .load_object(ElfBinary::new("module", file));
    let Ok(object) = object else { return false };
    let relocated = Relocator::new().run(object).with_observer(Observer).relocate();
    relocated.map(std::mem::forget).is_ok()
}
