//! How much stack the loader takes. Figures of a release build come from `make bench`.

use modlink_host::on_every_architecture;
use modlink_host::stack::{Deepest, measure};

/// What a load or an unload may take, in bytes.
const LOAD: usize = if cfg!(debug_assertions) { (16 << 10) + FEATURES } else { 4 << 10 };

/// What the features may add to it in a debug build, which keeps a place for each variable.
const FEATURES: usize = if cfg!(feature = "versions") { 1 << 10 } else { 0 }
    + if cfg!(feature = "proc") { 1 << 10 } else { 0 }
    + if cfg!(feature = "kallsyms") { 2 << 10 } else { 0 };

/// What an interrupt may take that looks something up.
const LOOK_UP: usize = if cfg!(debug_assertions) { 8 << 10 } else { 2 << 10 };

/// How many modules are loaded, without those that they use.
const MODULES: usize = 60;

on_every_architecture! {
    fn loads_and_look_ups_take_little_stack<A>() {
        let Deepest { load, rejection, unload, find, symbol, locate, modules, .. } =
            &measure::<A>(MODULES);
        assert!(*modules > 10, "{modules} modules measured");
        let bars = [
            ("load", load, LOAD),
            ("rejection", rejection, LOAD),
            ("unload", unload, LOAD),
            ("find", find, LOOK_UP),
            ("symbol", symbol, LOOK_UP),
            ("locate", locate, LOOK_UP),
        ];
        for (what, (taken, module), bar) in bars {
            assert!(*taken <= bar, "{what} takes {taken} bytes of stack for {module}: {bar} at most");
            assert_ne!(*taken, 0, "{what} has not been measured");
        }
    }
}
