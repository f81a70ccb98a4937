//! Errors in a module's exception table, one of each kind: tests/exceptions.rs looks closer at them.

use crate::real::{Architecture, with_arch};
use modlink::LoadError;
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
