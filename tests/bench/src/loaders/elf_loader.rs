//! `elf_loader`, used as its documentation loads an object from memory. Its observer, through
//! which it lets others take part, finds the symbols and applies R_X86_64_PC64, which it lacks.

use super::Context;
use elf_loader::arch::NativeArch;
use elf_loader::elf::{ElfRelType, ElfSectionType};
use elf_loader::image::LoadedObject;
use elf_loader::input::ElfBinary;
use elf_loader::memory::{
    HostRegion, ImageMemory, ImageMemoryExt, MappedRegion, RegionAccess, VmAddr,
};
use elf_loader::observer::{
    HandleResult, ObjectRelocatedEvent, RelocationEvent, RelocationObserver, SectionGroups,
    SectionLifetime, SymbolBindingEvent,
};
use elf_loader::os::{MadviseAdvice, MapFlags, Mmap, ProtFlags};
use elf_loader::tls::TlsResolver;
use elf_loader::{AddressSpaceId, Domain, Relocator, Result};
use object::elf::R_X86_64_PC64;

/// A loaded module.
pub type Loaded = LoadedObject<(), NativeArch, HostRegion>;

/// Memory out of the arena, in the manner of its `AllocMmap`.
#[derive(Clone, Copy)]
struct Memory(&'static Context);

// SAFETY of each function: the arena gives memory to nobody else, and never unmaps it.
impl Mmap for Memory {
    type Region = HostRegion;

    unsafe fn create_space(
        &self,
        _: Option<VmAddr>,
        length: usize,
        _: ProtFlags,
        populate_later: bool,
    ) -> Result<MappedRegion<HostRegion>> {
        let start = self.0.arena.take(length, 1);
        if !populate_later {
            // SAFETY: the arena has given these bytes to nobody else.
            unsafe { start.write_bytes(0, length) };
        }
        // SAFETY: as above.
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

/// Finds symbols, and applies the R_X86_64_PC64 relocations once all others have been.
struct Observer {
    context: &'static Context,
    /// Where the entries are that are still to be applied.
    pending: Vec<usize>,
}

impl RelocationObserver for Observer {
    #[inline]
    fn on_relocation_pre<
        D: Send + Sync + 'static,
        R: RegionAccess,
        Tls: TlsResolver<NativeArch>,
        H,
    >(
        &mut self,
        event: &mut RelocationEvent<'_, D, NativeArch, R, Tls, H>,
    ) -> Result<HandleResult> {
        if event.rel().r_type().raw() != R_X86_64_PC64.0 {
            return Ok(HandleResult::Unhandled);
        }
        self.pending.push(std::ptr::from_ref(event.rel()).addr());
        Ok(HandleResult::Handled)
    }

    #[inline]
    fn on_symbol_binding<
        D: Send + Sync + 'static,
        R: RegionAccess,
        Tls: TlsResolver<NativeArch>,
    >(
        &mut self,
        event: &mut SymbolBindingEvent<'_, D, NativeArch, R, Tls>,
    ) -> Result<()> {
        if let Some(address) = self.context.resolver.find(event.symbol_name()) {
            event.set_resolved_addr(VmAddr::new(address as usize));
        }
        Ok(())
    }

    fn on_object_relocated<
        D: Send + Sync + 'static,
        R: RegionAccess,
        Tls: TlsResolver<NativeArch>,
    >(
        &mut self,
        event: &mut ObjectRelocatedEvent<'_, D, NativeArch, R, Tls>,
    ) -> Result<()> {
        let sections = event.sections().headers();
        let memory = event.memory();
        let mut place_of_table = (0..0, 0);
        for entry in &self.pending {
            if !place_of_table.0.contains(entry) {
                let table = sections.iter().find(|section| {
                    section.section_type() == ElfSectionType::RELA
                        && (section.sh_addr()..section.sh_addr() + section.sh_size())
                            .contains(entry)
                });
                let table = table.expect("the table that the entry was read from");
                let range = table.sh_addr()..table.sh_addr() + table.sh_size();
                place_of_table = (range, sections[table.sh_info() as usize].sh_addr());
            }
            // SAFETY: the entry lies in a table that stays mapped during relocation.
            let entry: &ElfRelType<NativeArch> =
                unsafe { &*std::ptr::with_exposed_provenance(*entry) };
            let place = VmAddr::new(place_of_table.1) + entry.r_offset();
            let symbol = event.symtab().entry(entry.r_symbol()).symbol().st_value();
            let symbol = memory.base().get().wrapping_add(symbol);
            let value = symbol.wrapping_add_signed(entry.r_addend()).wrapping_sub(place.get());
            // SAFETY: the place lies in a section that is mapped and writable.
            unsafe { memory.write_value(place, value)? };
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

/// Loads a module.
#[inline]
pub fn load(name: &str, file: &[u8], context: &'static Context) -> Option<Loaded> {
    let loader = elf_loader::Loader::new().with_mmap(Memory(context));
    let object = loader
        .run(Domain::native(AddressSpaceId::PROCESS))
        .with_object_section_groups(section_groups())
        .load_object(ElfBinary::new(name, file))
        .ok()?;
    let observer = Observer { context, pending: Vec::new() };
    Relocator::new().run(object).with_observer(observer).relocate().ok()
}
