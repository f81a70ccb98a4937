//! Refusals because the heap is exhausted: each allocation that checking and linking make fails
//! once.

use crate::edit::*;
use crate::real::{Architecture, LIMIT, PAGE, with_arch};
use modlink::arch::Arch;
use modlink::image::{self, Image};
use modlink::link::{Block, Error, Plan, ResolveError};
use modlink::{Errno, ImportProblem, LoadError};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's heap, which a thread can find exhausted.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

thread_local! {
    /// How many more allocations of this thread succeed before one fails; `None` if all do.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Whether the allocation that is being made is the one to fail.
fn fails() -> bool {
    LEFT.with(|left| match left.get() {
        None => false,
        Some(0) => {
            left.set(None);
            true
        }
        Some(more) => {
            left.set(Some(more - 1));
            false
        }
    })
}

// SAFETY: everything is the system's, which keeps the promises; failing is always allowed.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if fails() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if fails() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[test]
fn every_allocation_of_the_linker_may_fail() {
    for architecture in Architecture::ALL {
        let errors = errors(architecture);
        assert!(errors.len() >= 6, "{architecture:?}: {errors:?}");
        for error in &errors {
            assert!(is_out_of_memory(error), "{architecture:?}: {error:?}");
            assert_eq!(error.errno(), Errno::ENOMEM);
            assert_eq!(error.to_string(), "out of memory");
        }
    }
}

fn is_out_of_memory(error: &LoadError) -> bool {
    matches!(
        error,
        LoadError::Image(image::Error::OutOfMemory)
            | LoadError::Link(Error::OutOfMemory)
            | LoadError::Symbol(ResolveError::OutOfMemory)
    )
}

/// What comes of linking the real module when its first allocation fails, its second, and so on.
pub fn errors(on: Architecture) -> Vec<LoadError> {
    with_arch!(on, A => (0..).map_while(|nth| link::<A>(on, nth)).collect())
}

/// Links the real module while allocation `nth`, counted from 0, fails; `None` if there are not so
/// many.
fn link<A: Arch>(on: Architecture, nth: usize) -> Option<LoadError> {
    let file = with_got(on);
    let (mut core, mut init) = (vec![0; ROOM], vec![0; ROOM]);
    let address = on.core();
    let mut link = || -> Result<usize, LoadError> {
        let image = Image::<A>::check(file.bytes(), LIMIT)?;
        let plan = Plan::new(&image, PAGE)?;
        let core = Block { address, bytes: &mut core };
        let init = Block { address, bytes: &mut init };
        let mut placed = plan.place(&image, core, init)?;
        let values = placed
            .resolve(&image, |_, _| Ok::<_, ImportProblem>(Some(on.kernel())))
            .map_err(LoadError::Symbol)?;
        Ok(placed.relocate(&image, &values)?)
    };
    LEFT.set(Some(nth));
    let result = link();
    let all_succeeded = LEFT.take().is_some();
    match result {
        Err(error) => Some(error),
        Ok(_) => {
            assert!(all_succeeded, "{on:?}: allocation {nth} failed and nobody noticed");
            None
        }
    }
}

/// More than either part of the module needs, in bytes.
const ROOM: usize = 1 << 16;

/// The real module with a relocation that needs a slot in a global offset table.
fn with_got(on: Architecture) -> Edit {
    let mut file = on.module();
    let table = file.relocations_of(file.section(".text"));
    let got_type = match on {
        Architecture::X86_64 => 9,
        Architecture::I386 => 3,
        Architecture::M68k => 10,
    };
    file.set(Relocation(table, 0, "r_type"), got_type);
    file
}
