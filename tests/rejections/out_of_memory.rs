//! Rejections because the heap is exhausted: each allocation that linking and loading make fails
//! once.

use crate::bare_kernel::BareKernel;
use crate::edit::*;
use crate::heap::with_failure;
use crate::link::undefine;
use crate::real::{Architecture, LIMIT, PAGE, unresolved, with_arch};
use modlink::arch::Arch;
use modlink::image::Image;
use modlink::link::{Block, Plan};
use modlink::{Errno, LoadError, Loader};
use modlink_host::ModuleFile;

/// What came of failures.
#[derive(Debug, Default)]
struct Outcomes {
    errors: Vec<LoadError>,
    /// The numbers of the allocations whose failure was not noticed.
    unnoticed: Vec<usize>,
}

#[test]
fn every_allocation_of_the_linker_may_fail() {
    for architecture in Architecture::ALL {
        with_arch!(architecture, A => linking::<A>(architecture)).expect_all(6);
    }
}

#[test]
fn every_allocation_of_a_load_may_fail() {
    for architecture in Architecture::ALL {
        with_arch!(architecture, A => loading::<A>(architecture)).expect_all(10);
    }
}

#[test]
fn no_exhausted_heap_lets_a_module_use_what_it_may_not() {
    for architecture in Architecture::ALL {
        with_arch!(architecture, A => {
            let exporter = ModuleFile::<A>::new("exporter").exports_in("CHECKSUMS", "crc_itu_t");
            let (exporter, user) = (exporter.build(), user(architecture));
            for nth in 0.. {
                let loader = Loader::new(BareKernel::<A>::new(architecture));
                loader.load(&exporter).expect("it loads");
                let load = || loader.load(user.bytes()).map(drop);
                let (result, has_failed) = with_failure(nth, load);
                assert!(result.is_err(), "{architecture:?}: accepted as allocation {nth} failed");
                if !has_failed {
                    break;
                }
            }
        });
    }
}

/// What the tests here produce.
pub fn errors(on: Architecture) -> Vec<LoadError> {
    with_arch!(on, A => [linking::<A>(on).errors, loading::<A>(on).errors].concat())
}

impl Outcomes {
    /// Lets the first allocation of `work` fail, the second, and so on, until there are no more.
    fn of(mut work: impl FnMut(usize) -> (Result<(), LoadError>, bool)) -> Self {
        let mut outcomes = Self::default();
        for nth in 0.. {
            match work(nth) {
                (Err(error), true) => outcomes.errors.push(error),
                // Nor does any later one: there would be no end.
                (Err(error), false) => panic!("{error}, and none of {nth} allocations has failed"),
                (Ok(()), true) => outcomes.unnoticed.push(nth),
                (Ok(()), false) => break,
            }
        }
        outcomes
    }

    /// There are `at_least` failures or more, all of them were noticed, and say what they are.
    #[track_caller]
    fn expect_all(&self, at_least: usize) {
        assert!(self.errors.len() >= at_least, "{self:?}");
        assert!(self.unnoticed.is_empty(), "{self:?}");
        expect_out_of_memory(&self.errors);
    }
}

fn expect_out_of_memory(errors: &[LoadError]) {
    for error in errors {
        assert_eq!((error, error.errno()), (&LoadError::OutOfMemory, Errno::ENOMEM));
        assert_eq!(error.to_string(), "out of memory");
    }
}

/// Links the real module.
fn linking<A: Arch>(on: Architecture) -> Outcomes {
    let file = with_got(on);
    let (mut core, mut init) = (vec![0; ROOM], vec![0; ROOM]);
    let mut link = || -> Result<(), LoadError> {
        let image = Image::<A>::check(file.bytes(), LIMIT)?;
        let plan = Plan::new(&image, PAGE)?;
        let core = Block { address: on.core(), bytes: &mut core };
        let init = Block { address: on.core(), bytes: &mut init };
        let mut placed = plan.place(&image, core, init)?;
        let values = placed.resolve(&image, |_, _| Ok(Some(on.kernel()))).map_err(unresolved)?;
        placed.relocate(&image, &values)?;
        Ok(())
    };
    Outcomes::of(|nth| with_failure(nth, &mut link))
}

/// Loads a module that uses another. A kernel that rejects it has nothing of it.
fn loading<A: Arch>(on: Architecture) -> Outcomes {
    let exporter = ModuleFile::<A>::new("exporter").exports("crc_itu_t").build();
    let user = user(on);
    Outcomes::of(|nth| {
        let loader = Loader::new(BareKernel::<A>::new(on));
        loader.load(&exporter).expect("it loads");
        let pieces = loader.platform().pieces_in_use();
        let load = || loader.load(user.bytes()).map(drop);
        let (result, has_failed) = with_failure(nth, load);
        if result.is_err() {
            assert_eq!(loader.platform().pieces_in_use(), pieces);
            let mut modules = 0;
            loader.for_each(|_| modules += 1);
            assert_eq!(modules, 1, "{result:?}");
            loader.unload(b"exporter", false).expect("nobody uses it");
        }
        (result, has_failed)
    })
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

/// The real module, importing `crc_itu_t` instead of exporting it.
fn user(on: Architecture) -> Edit {
    let mut file = with_got(on);
    let function = file.symbol("crc_itu_t");
    undefine(&mut file, function);
    let exports = file.section("__ksymtab");
    file.rename_section(exports, "__was_ksymtab");
    file
}
