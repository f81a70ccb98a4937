//! modlink's linker and other loaders, each driven in the same way on what a [`Kernel`] gives it:
//! for `tests/bench`, which measures loads, and for `damage`, which loads damaged modules.

pub mod elf_loader;
pub mod kmod_loader;
pub mod modlink;

/// What a loader needs of a kernel. Modules are not run, and their memory is not protected.
///
/// # Safety
/// The memory that it gives is mapped, and used by nobody else, as long as what a loader has made
/// there is.
pub unsafe trait Kernel: Sync + Sized + 'static {
    /// The kernel for which a loader works that does not say for which.
    fn current() -> &'static Self;

    /// Memory for a part of a module, in bytes; what it holds may be anything.
    fn take(&self, size: usize, align: usize) -> *mut u8;

    /// The same, cleared, for loaders that rely on that.
    #[inline]
    fn take_cleared(&self, size: usize) -> *mut u8 {
        let start = self.take(size, 1);
        // SAFETY: these bytes are used by nobody else.
        unsafe { start.write_bytes(0, size) };
        start
    }

    /// The address of a symbol.
    fn symbol(&self, name: &[u8]) -> Option<u64>;
}
