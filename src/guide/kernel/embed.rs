//! modlink in a kernel: the loader, the platform, memory for modules, and what is exported to them.
//!
//! A kernel that has page tables of its own keeps all of this but `set`, `PAGES` and `protect_kernel`.

use core::ffi::{CStr, c_char};
use core::ops::{Range, RangeInclusive};
use modlink::platform::{Protection::*, region::*, *};
use modlink::{Loader, arch::X86_64, symbols::*};
use x86_64::{instructions::tlb, structures::paging::page_table::*};

/// The loader. Whoever calls it takes no lock.
pub static LOADER: Loader<Kernel> = Loader::new(Kernel);

/// Where modules are: the upper 48 of the 64 MiB of memory, as seen in the topmost 2 GiB. Code for
/// these reaches a kernel there and one in the lowest 2 GiB.
// SAFETY: nothing else of the kernel is there.
static MODULES: Region<Kernel> =
    unsafe { Region::new(Kernel, 0xffff_ffff_8100_0000..=0xffff_ffff_83ff_ffff) };

/// The kernel, as the loader sees it.
pub struct Kernel;

// SAFETY: the region gives memory to one owner at a time, and what is exported stays for ever. The
// one module is part of the kernel's image, so that it is trusted as the kernel is.
unsafe impl Platform for Kernel {
    type Arch = X86_64;
    type Memory = Memory<'static, Kernel>;

    fn kernel(&self) -> RangeInclusive<u64> {
        LAYOUT[1] as u64..=LAYOUT[4] as u64 - 1
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<Self::Memory, AllocateError> {
        MODULES.allocate(request)
    }

    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        Ok(Ksymtab::linked()?.find(name))
    }

    fn log(&self, _: Level, line: core::fmt::Arguments<'_>) {
        crate::print(line);
    }

    // A kernel that takes modules from elsewhere verifies their signatures here.
    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }
}

type Changed<E> = Result<Stale, E>;

// SAFETY: each page has a frame of its own, for ever, and `set` changes no other page. There is one
// CPU, which remembers no older mapping once the `Stale` is flushed. (A kernel with an allocator of
// frames has those of a block in `Frames`; with more CPUs, the `Stale` interrupts the others.)
unsafe impl Pages for Kernel {
    const SIZE: usize = 4096;
    type Frames = ();

    unsafe fn map(&self, pages: Range<usize>) -> Result<(Mapped<()>, Stale), MapError> {
        Ok((Mapped::in_place(pages.start, ()), set(pages, Some(ReadWrite))))
    }

    unsafe fn protect(&self, pages: Range<usize>, _: &(), to: Protection) -> Changed<ProtectError> {
        Ok(set(pages, Some(to)))
    }

    unsafe fn unmap(&self, pages: Range<usize>, _: &()) -> Stale {
        set(pages, None)
    }
}

unsafe extern "C" {
    /// From the linker script: where memory, code, constants and data start, where data and memory end.
    pub safe static LAYOUT: [usize; 6];
    /// From boot code: the page table entry of each page of memory.
    static mut PAGES: [PageTableEntry; 64 << 20 >> 12];
}

/// Takes from all of memory what the kernel does not need: from here on, no page can be written and run.
pub fn protect_kernel() {
    let parts = [None, Some(Execute), Some(ReadOnly), Some(ReadWrite), None];
    LAYOUT.windows(2).zip(parts).for_each(|(part, to)| set(part[0]..part[1], to).flush());
}

/// Changes what may be done with pages; `None` is nothing at all.
fn set(pages: Range<usize>, to: Option<Protection>) -> Stale {
    let mut flags = PageTableFlags::empty();
    flags.set(PageTableFlags::PRESENT, to.is_some());
    flags.set(PageTableFlags::WRITABLE, to == Some(ReadWrite));
    flags.set(PageTableFlags::NO_EXECUTE, to != Some(Execute));
    // SAFETY: each entry belongs to whoever has its page.
    pages.clone().step_by(4096).for_each(|at| unsafe { PAGES[at >> 12 & 0x3fff].set_flags(flags) });
    Stale::new(pages, |_| tlb::flush_all())
}

/// Prints for modules.
extern "C" fn print_line(line: *const c_char) {
    // SAFETY: they pass C strings.
    crate::print(format_args!("{}", unsafe { CStr::from_ptr(line) }.to_string_lossy()));
}
modlink::export!(fn print_line(*const c_char));
