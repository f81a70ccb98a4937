//! The one line that says what loading a module came to.

use crate::kernel::TestKernel;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use modlink::Module;
use modlink::module::Statistics;
use modlink::platform::Event;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Leaves it and the loader's log out from now on, or does not; which it was until now.
pub fn be_quiet(quiet: bool) -> bool {
    QUIET.swap(quiet, Ordering::Relaxed)
}

/// Whether they are left out.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Prints the line when a module's init function has returned and its init memory has been freed.
pub fn loaded(event: Event, module: &Module<TestKernel>) {
    if event != Event::InitFreed || is_quiet() {
        return;
    }
    let Statistics { core, init, contiguous, relocations, from_kernel, from_modules } =
        module.statistics();
    let freed = if contiguous { 0 } else { init };
    print!("{}: core {core} bytes, init {init} bytes", module.name());
    print!(", {relocations} relocations applied, symbols: {from_kernel} from the kernel");
    if from_modules > 0 {
        print!(", {from_modules} from {}", used_modules(module));
    }
    print!("; init bytes freed: {freed}");
    println!("{}", if contiguous { ", as core and init are one block" } else { "" });
}

/// The names of the modules that `module` uses.
pub fn used_modules(module: &Module<TestKernel>) -> String {
    let names: Vec<String> = module.uses().map(|used| used.name().to_string()).collect();
    names.join(",")
}
