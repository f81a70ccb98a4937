//! What the kernel exports for the parameters of modules, in the ABI of Linux's kernels: see
//! [`crate::exports`].

use core::ffi::{c_char, c_int, c_uint, c_void};
use modlink::parameters::native::KernelParam;

/// Exports functions of at most four arguments, each of a register's width.
macro_rules! reached {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every function needs a C type")]
            use super::*;

            /// What modules call in its place.
            const _: unsafe extern "C" fn($($kind),*) -> $result =
                modlink::parameters::native::$name;

            #[cfg(target_arch = "x86_64")]
            #[unsafe(naked)]
            pub(super) unsafe extern "C" fn reached() {
                core::arch::naked_asm!(
                    "push rbp",
                    "mov rbp, rsp",
                    "and rsp, -16",
                    "call {proper}",
                    "leave",
                    "ret",
                    proper = sym modlink::parameters::native::$name,
                )
            }

            // The fourth argument, if there is one, is on the stack already.
            #[cfg(target_arch = "x86")]
            #[unsafe(naked)]
            pub(super) unsafe extern "C" fn reached() {
                core::arch::naked_asm!(
                    "push ebp",
                    "mov ebp, esp",
                    "and esp, -16",
                    "push dword ptr [ebp + 8]",
                    "push ecx",
                    "push edx",
                    "push eax",
                    "call {proper}",
                    "leave",
                    "ret",
                    proper = sym modlink::parameters::native::$name,
                )
            }

            #[cfg(target_arch = "m68k")]
            pub(super) use modlink::parameters::native::$name as reached;
        }
        // SAFETY: it takes its arguments where modules put them.
        modlink::export!(unsafe fn $name = $name::reached);
    )*};
}
modlink::each_parameter_function!(reached);

macro_rules! address {
    ($name:ident) => {
        $name::reached as *const ()
    };
}
modlink::export_parameter_operations!(address);
