//! The pages behind the addresses at which modules are put: what modlink's [`Region`] asks for.

use super::frames::Frames;
use super::usage::Counted;
use crate::context::forbid_in_interrupt;
use crate::machine::{Machine, This};
use alloc::vec::Vec;
use core::ops::Range;
use modlink::platform::region::{self, MapError, Mapped, Pages, Region, Stale};
use modlink::platform::{ProtectError, Protection};
use spin::Mutex;

const PAGE: usize = This::PAGE_SIZE;

/// Where modules are put.
// SAFETY: the machine keeps the region for this.
pub static REGION: Region<ModulePages> = unsafe { Region::new(ModulePages, This::MODULE_REGION) };

/// Memory of a module that is being linked.
pub type Memory = region::Memory<'static, ModulePages>;

/// Memory that is protected, for code.
pub type Protected = region::Protected<'static, ModulePages>;

/// The frames that have been set aside for modules, once the machine has given them.
static FRAMES: Mutex<Option<Frames>> = Mutex::new(None);

/// The pages of the region.
#[derive(Debug)]
pub struct ModulePages;

/// Frames that are free again when dropped.
#[derive(Debug)]
pub struct Taken {
    frames: Vec<usize>,
    _counted: Counted,
}

/// Sets memory aside for modules: `frames` are physical addresses of unused pages.
pub fn give(frames: Range<usize>) {
    *FRAMES.lock() = Some(Frames::new(frames, PAGE));
}

/// Memory for modules that is left, in bytes.
pub fn left() -> usize {
    FRAMES.lock().as_ref().map_or(0, |frames| frames.left() * PAGE)
}

// SAFETY: a frame is with one `Taken` at a time; the machine changes no page but the one that it is
// told, and there is one processor, which `forget` makes use the new mapping.
unsafe impl Pages for ModulePages {
    const SIZE: usize = PAGE;
    type Frames = Taken;

    unsafe fn map(&self, pages: Range<usize>) -> Result<(Mapped<Taken>, Stale), MapError> {
        forbid_in_interrupt("a mapping of pages");
        let taken = Taken::new(pages.len() / PAGE).ok_or(MapError)?;
        for (page, &frame) in pages.clone().step_by(PAGE).zip(&taken.frames) {
            // SAFETY: the caller vouches for the page, and the frame is ours alone.
            unsafe { This::map(page, frame) }
        }
        Ok((Mapped::in_place(pages.start, taken), Stale::new(pages, This::forget)))
    }

    unsafe fn protect(
        &self,
        pages: Range<usize>,
        _: &Taken,
        protection: Protection,
    ) -> Result<Stale, ProtectError> {
        forbid_in_interrupt("a protection of pages");
        for page in pages.clone().step_by(PAGE) {
            // SAFETY: `map` has mapped it. Taking an access away is what the caller wants.
            unsafe { This::protect(page, protection) }
        }
        if protection == Protection::Execute {
            This::sync_code(pages.clone());
        }
        Ok(Stale::new(pages, This::forget))
    }

    unsafe fn unmap(&self, pages: Range<usize>, _: &Taken) -> Stale {
        forbid_in_interrupt("an unmapping of pages");
        for page in pages.clone().step_by(PAGE) {
            // SAFETY: `map` has mapped it, and nobody uses it any more.
            unsafe { This::unmap(page) }
        }
        Stale::new(pages, This::forget)
    }
}

impl Taken {
    /// `count` frames; `None` if fewer are left.
    fn new(count: usize) -> Option<Self> {
        let mut taken = Vec::with_capacity(count);
        let mut frames = FRAMES.lock();
        let frames = frames.as_mut().filter(|frames| frames.left() >= count)?;
        taken.extend((0..count).filter_map(|_| frames.take()));
        Some(Self { frames: taken, _counted: Counted::new(count * PAGE) })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(frames) = FRAMES.lock().as_mut() {
            self.frames.drain(..).for_each(|frame| frames.free(frame));
        }
    }
}
