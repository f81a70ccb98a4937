//! What the kernel exports to modules.
//!
//! Modules call these in the ABI of Linux's kernels, which on x86_64 keeps the stack aligned to 8
//! only and on i386 passes arguments in registers (`-mregparm=3`). There, what is exported is a
//! few instructions that call the function proper as Rust's compiler expects it.

use crate::kernel::LOADER;
use core::ffi::{c_char, c_int};

/// Defines functions of at most three arguments, each of at most a register's width, and exports
/// them. `proper` is the function; modules reach it through `reached`.
macro_rules! functions {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident($($argument:ident: $kind:ty),*) $(-> $result:tt)? $body:block
    )*) => {$(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "not every function needs a C type")]
            use super::*;

            pub(super) unsafe extern "C" fn proper(
                $($argument: $kind),*
            ) -> result!($($result)?) $body

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
                    proper = sym proper,
                )
            }

            #[cfg(target_arch = "x86")]
            #[unsafe(naked)]
            pub(super) unsafe extern "C" fn reached() {
                core::arch::naked_asm!(
                    "push ebp",
                    "mov ebp, esp",
                    "and esp, -16",
                    "sub esp, 4",
                    "push ecx",
                    "push edx",
                    "push eax",
                    "call {proper}",
                    "leave",
                    "ret",
                    proper = sym proper,
                )
            }

            #[cfg(target_arch = "m68k")]
            pub(super) use proper as reached;
        }
        // SAFETY: it takes its arguments where modules put them.
        modlink::export!(unsafe fn $name = $name::reached);
    )*};
}

/// The result of a function for which none may be written.
macro_rules! result {
    () => {
        ()
    };
    ($result:tt) => {
        $result
    };
}

type Address = *mut u8;

functions! {
    /// C's function of that name.
    fn memcpy(to: Address, from: Address, length: usize) -> Address {
        // SAFETY: modules are trusted to know what they copy.
        unsafe { core::ptr::copy_nonoverlapping(from, to, length) };
        to
    }

    /// C's function of that name.
    fn memmove(to: Address, from: Address, length: usize) -> Address {
        // SAFETY: modules are trusted to know what they copy.
        unsafe { core::ptr::copy(from, to, length) };
        to
    }

    /// C's function of that name.
    fn memset(to: Address, value: c_int, length: usize) -> Address {
        // SAFETY: modules are trusted to know what they fill.
        unsafe { core::ptr::write_bytes(to, value as u8, length) };
        to
    }

    /// C's function of that name.
    fn memcmp(left: Address, right: Address, length: usize) -> c_int {
        // SAFETY: modules are trusted to know what they compare.
        let order = (0..length).find_map(|index| unsafe {
            let (left, right) = (*left.add(index), *right.add(index));
            (left != right).then(|| c_int::from(left) - c_int::from(right))
        });
        order.unwrap_or(0)
    }

    /// C's function of that name.
    fn strlen(text: Address) -> usize {
        // SAFETY: modules are trusted to pass a C string.
        unsafe { core::ffi::CStr::from_ptr(text.cast()) }.count_bytes()
    }

    /// Linux's function of that name: the address of a symbol, whose module stays until it is put.
    fn __symbol_get(name: Address) -> Address {
        // SAFETY: modules are trusted to pass a C string.
        let name = unsafe { core::ffi::CStr::from_ptr(name.cast()) };
        let address = LOADER.symbol_get(name.to_bytes());
        address.map_or(core::ptr::null_mut(), |address| address as usize as Address)
    }

    /// Linux's function of that name.
    fn __symbol_put(name: Address) {
        // SAFETY: modules are trusted to pass a C string, and to put what they have got.
        let put = unsafe {
            LOADER.symbol_put(core::ffi::CStr::from_ptr(name.cast()).to_bytes())
        };
        assert!(put, "a module has put a symbol that it has not got");
    }

    /// Linux's function of that name.
    fn symbol_put_addr(address: Address) {
        // SAFETY: modules are trusted to put what they have got.
        let put = unsafe { LOADER.symbol_put_addr(address as usize as u64) };
        assert!(put, "a module has put a symbol that it has not got");
    }

    /// Linux's function of that name: the lock of the parameters of a module, by its `struct module`.
    fn kernel_param_lock(module: Address) {
        modlink::parameters::native::kernel_param_lock(&LOADER, module.cast());
    }

    /// Linux's function of that name.
    fn kernel_param_unlock(module: Address) {
        // SAFETY: modules are trusted to give back what they have taken.
        unsafe { modlink::parameters::native::kernel_param_unlock(&LOADER, module.cast()) };
    }

    /// What code compiled with GCC's stack protector calls when its stack has been overwritten.
    fn __stack_chk_fail() {
        panic!("a module has overwritten its stack");
    }
}

/// Linux's switch for a strict cryptographic mode, off.
static FIPS_ENABLED: c_int = 0;
modlink::export!(static fips_enabled = FIPS_ENABLED);

/// No module refers to it: its version is that of Linux's `struct module`, which a module has been
/// compiled for.
static MODULE_LAYOUT: u8 = 0;
modlink::export!(static module_layout = MODULE_LAYOUT);

/// What modules built for i386 compare their stack canary with, at `%fs:__stack_chk_guard`.
#[cfg(target_arch = "x86")]
static STACK_CHK_GUARD: usize = 0xcafe_0d00;
#[cfg(target_arch = "x86")]
modlink::export!(static __stack_chk_guard = STACK_CHK_GUARD);

/// Does nothing: what a call costs by itself.
extern "C" fn bare_return() {}
// SAFETY: it uses nothing.
modlink::export!(unsafe fn return_at_once = bare_return);
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
modlink::export_bare_returns!();

/// Prints as Linux's function of that name does, see [`crate::printk`]. It takes its arguments on
/// the stack on i386 too.
unsafe extern "C" fn printk(format: *const c_char, mut arguments: ...) -> c_int {
    // SAFETY: modules are trusted to pass a C string and arguments to match.
    unsafe { crate::printk::print(core::ffi::CStr::from_ptr(format), &mut arguments) }
}
modlink::export!(fn _printk(*const c_char, ...) -> c_int = printk);
