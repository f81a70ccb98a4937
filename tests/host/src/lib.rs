//! A kernel for the loader to be part of on the build machine, and modules to load into it.
//!
//! [`HostKernel`] implements [`modlink::Platform`] for any architecture. Its memory has the
//! addresses that the architecture's kernel would give it, and its pages have protections that are
//! watched: a use that they forbid panics. Module code cannot run here; calls into it are recorded
//! and answered by what the test has scripted. Everything that the loader takes is counted, and a
//! [`Snapshot`] shows whether it has been freed.
//!
//! ```
//! use modlink::arch::X86_64;
//! use modlink_host::{HostKernel, ModuleFile};
//!
//! let loader = HostKernel::<X86_64>::new().export("printk").boot();
//! let kernel = loader.platform();
//! let before = kernel.snapshot();
//! kernel.on_init("greeter", |_| -19);
//!
//! let file = ModuleFile::<X86_64>::new("greeter").imports("printk").init().build();
//! let rejected = loader.load(&file).unwrap_err();
//!
//! assert_eq!(rejected.errno(), modlink::Errno::ENODEV);
//! assert_eq!(kernel.snapshot(), before);
//! ```

mod audit;
mod collisions;
pub mod context;
pub mod corpus;
mod failures;
mod files;
mod gate;
mod guarded;
mod kernel;
mod memory;
mod module_file;
#[cfg(feature = "parameters")]
mod parameters;
mod snapshot;
pub mod sparse;
pub mod stack;
mod trace;
mod trial;
mod user;
mod waiting;
pub mod work;

pub use audit::audit;
pub use collisions::colliding_names;
pub use failures::Operation;
pub use files::{File, FileKind};
pub use gate::Gate;
pub use kernel::{HostKernel, HostLoader, OUT_OF_REACH};
pub use memory::{HostMemory, HostProtected, NotAllowed};
pub use module_file::{FUNCTION, ModuleFile, Seen, address_in};
#[cfg(feature = "parameters")]
pub use parameters::ParameterCall;
pub use snapshot::{BlockRow, ModuleRow, Snapshot};
pub use trace::Step;
pub use trial::Trial;

/// Makes tests that run on every architecture: `fn name<A>() { … }` becomes the tests
/// `x86_64::name`, `i386::name` and `m68k::name`.
#[macro_export]
macro_rules! on_every_architecture {
    ($($(#[$attribute:meta])* fn $name:ident<$arch:ident>() $body:block)*) => {
        $($(#[$attribute])* fn $name<$arch: modlink::arch::Arch>() $body)*
        $crate::on_every_architecture!(@tests x86_64 X86_64 $($name)*);
        $crate::on_every_architecture!(@tests i386 I386 $($name)*);
        $crate::on_every_architecture!(@tests m68k M68k $($name)*);
    };
    (@tests $module:ident $arch:ident $($name:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $name() {
                    super::$name::<modlink::arch::$arch>();
                }
            )*
        }
    };
}
