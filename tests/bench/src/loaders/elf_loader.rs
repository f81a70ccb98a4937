//! `elf_loader`, with an observer that applies R_X86_64_PC64, which it lacks.

use super::Context;
use elf_loader::Result;
use elf_loader::arch::NativeArch;
use elf_loader::elf::{ElfRelType, ElfSectionType};
use elf_loader::memory::{ImageMemory, ImageMemoryExt, RegionAccess, VmAddr};
use elf_loader::observer::{
    HandleResult, ObjectRelocatedEvent, RelocationEvent, RelocationObserver, SymbolBindingEvent,
};
use elf_loader::tls::TlsResolver;
pub use modlink_peers::elf_loader::Loaded;
use modlink_peers::elf_loader::{self as driver, Symbols};
use object::elf::R_X86_64_PC64;

/// Finds symbols, and applies the R_X86_64_PC64 relocations once all others have been.
struct Observer {
    symbols: Symbols<Context>,
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
        self.symbols.on_symbol_binding(event)
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

/// Loads a module.
#[inline]
pub fn load(name: &str, file: &[u8], context: &'static Context) -> Option<Loaded> {
    driver::load(name, file, context, Observer { symbols: Symbols(context), pending: Vec::new() })
}
