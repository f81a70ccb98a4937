//! Errors in a module's exception table, one of each kind: tests/exceptions.rs looks closer at them.

use crate::bare_kernel::BareKernel;
use crate::heap::with_failure;
use crate::real::{Architecture, with_arch};
use modlink::{LoadError, Loader};
use modlink_host::{HostKernel, ModuleFile};
use object::SectionKind;

/// What is said of a module that has such a table.
pub fn errors(on: Architecture) -> Vec<LoadError> {
    with_arch!(on, A => {
        let file = || ModuleFile::<A>::new("m").init();
        let files = [
            file().section("__ex_table", SectionKind::Data, &[0; 24], 4),
            file().section("__ex_table", SectionKind::ReadOnlyData, &[0; 23], 4),
            file().exception((".init.text", 64), (".text", 0), 1),
            file().exception((".text", 0), (".init.text", 0), 1),
        ];
        let load = |file: &ModuleFile<A>| HostKernel::<A>::new().boot().load(&file.build()).map(drop);
        files.iter().map(|file| load(file).expect_err("it is wrong")).collect()
    })
}

#[test]
fn every_allocation_of_a_load_with_a_table_may_fail() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            let table = |file: ModuleFile<A>, at: u64| file.exception((".text", 15 - at), (".text", at), 1);
            let file = (0..16).fold(ModuleFile::<A>::new("m"), table).build();
            let mut failed = 0;
            loop {
                let loader = Loader::new(BareKernel::<A>::new(on));
                let before = loader.platform().pieces_in_use();
                let (result, has_failed) = with_failure(failed, || loader.load(&file).map(drop));
                if !has_failed {
                    assert_eq!(result, Ok(()));
                    break;
                }
                assert_eq!(result, Err(LoadError::OutOfMemory), "allocation {failed}");
                assert_eq!(loader.platform().pieces_in_use(), before);
                failed += 1;
            }
            assert!(failed > 8, "{failed}");
        });
    }
}
