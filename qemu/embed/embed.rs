//! modlink in a kernel: memory for modules, the platform, what is exported, and the loader.

use core::ffi::{CStr, c_char};
use core::ops::{Range, RangeInclusive};
use modlink::platform::{Protection::*, region::*, *};
use modlink::{Loader, arch::X86_64, symbols::*};
use x86_64::{instructions::tlb, structures::paging::page_table::*};

/// The one loader. It needs no lock.
pub static LOADER: Loader<Kernel> = Loader::new(Kernel);

/// Where modules are: in the upper 48 of 64 MiB, and in the topmost 2 GiB, wherever the kernel is.
// SAFETY: nothing else of the kernel is there.
static MODULES: Region<Kernel> =
    unsafe { Region::new(Kernel, 0xffff_ffff_8100_0000..0xffff_ffff_8400_0000) };

/// The kernel, as the loader sees it.
pub struct Kernel;

// SAFETY: the region gives memory to one owner at a time, and what is exported is there for ever. The
// kernel vouches for its one module as for itself.
unsafe impl Platform for Kernel {
    type Arch = X86_64;
    type Memory = Memory<'static, Kernel>;
    const PAGE_SIZE: u64 = 4096;

    fn kernel(&self) -> RangeInclusive<u64> {
        LAYOUT[1] as u64..=LAYOUT[4] as u64 - 1
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<Self::Memory, AllocateError> {
        MODULES.allocate(request)
    }

    fn symbol(&self, name: &[u8]) -> Option<Symbol<'_>> {
        Ksymtab::linked().ok()?.find(name)
    }

    fn log(&self, _: Level, line: core::fmt::Arguments<'_>) {
        crate::print(line);
    }

    // Who takes modules from elsewhere verifies signatures here.
    fn verify(&self, _file: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }
}

/// What a change of pages comes to.
type Changed<T> = Result<Stale, T>;

// SAFETY: each page has memory of its own, and `set` changes no other. After a flush the one CPU there
// is remembers nothing old.
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
    /// Where memory, the kernel's code, constants and data start, data ends, memory ends: kernel.ld.
    pub safe static LAYOUT: [usize; 6];
    /// The page table entry of each page of memory: boot.s.
    static mut PAGES: [PageTableEntry; 64 << 20 >> 12];
}

/// Allows what the kernel needs and nothing else: from here on no page can be written and run.
pub fn protect_kernel() {
    let parts = [None, Some(Execute), Some(ReadOnly), Some(ReadWrite), None];
    LAYOUT.windows(2).zip(parts).for_each(|(part, to)| set(part[0]..part[1], to).flush());
}

/// Changes what may be done with pages; `None` is nothing.
fn set(pages: Range<usize>, to: Option<Protection>) -> Stale {
    let mut flags = PageTableFlags::empty();
    flags.set(PageTableFlags::PRESENT, to.is_some());
    flags.set(PageTableFlags::WRITABLE, to == Some(ReadWrite));
    flags.set(PageTableFlags::NO_EXECUTE, to != Some(Execute));
    // SAFETY: only who owns a page changes its entry, which keeps its frame.
    pages.clone().step_by(4096).for_each(|at| unsafe { PAGES[at >> 12 & 0x3fff].set_flags(flags) });
    Stale::new(pages, |_| tlb::flush_all())
}

/// What modules print with.
extern "C" fn print_line(line: *const c_char) {
    // SAFETY: modules pass C strings.
    crate::print(format_args!("{}", unsafe { CStr::from_ptr(line) }.to_string_lossy()));
}
modlink::export!(fn print_line(*const c_char));
