//! `elf_loader`, used as its documentation loads an object from memory. Its observer, through
//! which it lets others take part, finds the symbols.

use crate::Kernel;
use elf_loader::arch::NativeArch;
use elf_loader::image::LoadedObject;
use elf_loader::input::ElfBinary;
use elf_loader::memory::{HostRegion, MappedRegion, RegionAccess, VmAddr};
use elf_loader::observer::{
    RelocationObserver, SectionGroups, SectionLifetime, SymbolBindingEvent,
};
use elf_loader::os::{MadviseAdvice, MapFlags, Mmap, ProtFlags};
use elf_loader::tls::TlsResolver;
use elf_loader::{AddressSpaceId, Domain, Relocator, Result};

/// A loaded module.
pub type Loaded = LoadedObject<(), NativeArch, HostRegion>;

/// Memory out of the kernel, in the manner of its `AllocMmap`.
struct Memory<K: 'static>(&'static K);

impl<K> Clone for Memory<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Memory<K> {}

// SAFETY of each function: the kernel gives memory to nobody else, and it stays mapped.
impl<K: Kernel> Mmap for Memory<K> {
    type Region = HostRegion;

    unsafe fn create_space(
        &self,
        _: Option<VmAddr>,
        length: usize,
        _: ProtFlags,
        populate_later: bool,
    ) -> Result<MappedRegion<HostRegion>> {
        let start =
            if populate_later { self.0.take(length, 1) } else { self.0.take_cleared(length) };
        // SAFETY: the kernel has given these bytes to nobody else.
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

/// Finds symbols, and does nothing else.
pub struct Symbols<K: 'static>(pub &'static K);

impl<K: Kernel> RelocationObserver for Symbols<K> {
    #[inline]
    fn on_symbol_binding<
        D: Send + Sync + 'static,
        R: RegionAccess,
        Tls: TlsResolver<NativeArch>,
    >(
        &mut self,
        event: &mut SymbolBindingEvent<'_, D, NativeArch, R, Tls>,
    ) -> Result<()> {
        if let Some(address) = self.0.symbol(event.symbol_name()) {
            event.set_resolved_addr(VmAddr::new(address as usize));
        }
        Ok(())
    }
}

/// The groups of sections that it means to define by default. Without debug assertions elf_loader
/// 0.18.0 defines none, and loads no object at all.
#[inline]
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

/// Loads a module; the observer, [`Symbols`] or one that does more, takes part.
#[inline]
pub fn load(
    name: &str,
    file: &[u8],
    kernel: &'static impl Kernel,
    observer: impl RelocationObserver,
) -> Option<Loaded> {
    let loader = elf_loader::Loader::new().with_mmap(Memory(kernel));
    let object = loader
        .run(Domain::native(AddressSpaceId::PROCESS))
        .with_object_section_groups(section_groups())
        .load_object(ElfBinary::new(name, file))
        .ok()?;
    Relocator::new().run(object).with_observer(observer).relocate().ok()
}
