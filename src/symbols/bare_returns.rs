//! Exports that only have to return.

/// Exports what modules of Linux on x86-64 and i386 call at the start of a function, `__fentry__`, and
/// those on x86-64 jump to at its end, `__x86_return_thunk`: in a kernel that neither traces nor
/// replaces instructions both only have to return.
///
/// Called at the level of items, once in a kernel, for x86-64 or i386.
///
/// ```
/// # #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
/// modlink::export_bare_returns!();
/// ```
#[macro_export]
macro_rules! export_bare_returns {
    () => {
        const _: () = {
            #[unsafe(naked)]
            extern "C" fn bare_return() {
                ::core::arch::naked_asm!("ret")
            }
            // SAFETY: the instruction is all that either is called for.
    $crate::export!(unsafe fn __fentry__ = bare_return);
            // SAFETY: as above.
    $crate::export!(unsafe fn __x86_return_thunk = bare_return);
        };
    };
}
