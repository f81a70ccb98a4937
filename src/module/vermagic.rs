//! Vermagic: what kernel a module was compiled for, in words.
//!
//! The first word is the kernel's release, the others are what else of its configuration a module
//! depends on. Modules with versions of their imports may be of another release: those tell better.

use super::LoadOptions;
use super::versions::{Compared, Unversioned};
use crate::error::LoadError;
use crate::image::ModInfo;
use crate::platform::Platform;

/// Established: the module's vermagic is the kernel's, if that has one, but for what may differ.
///
/// # Errors
/// [`LoadError::Vermagic`]; [`LoadError::Unversioned`] if the module has none, or it is to be ignored,
/// and the kernel does not load such modules.
pub(crate) fn check<P: Platform>(
    compared: &mut Compared<'_, P>,
    modinfo: &ModInfo<'_>,
    options: LoadOptions,
) -> Result<(), LoadError> {
    let Some(kernel) = compared.platform.vermagic() else { return Ok(()) };
    match modinfo.get(b"vermagic").filter(|_| !options.ignore_vermagic) {
        Some(module) if is_same(module, kernel.as_bytes(), compared.has_versions()) => Ok(()),
        Some(module) => Err(mismatch(module, kernel.as_bytes())),
        None => compared.without(Unversioned::Vermagic),
    }
}

#[cold]
#[inline(never)]
fn mismatch(module: &[u8], kernel: &[u8]) -> LoadError {
    LoadError::Vermagic { module: module.into(), kernel: kernel.into() }
}

/// Whether a module is for a kernel; if it `has_versions`, whatever their releases are.
fn is_same(module: &[u8], kernel: &[u8], has_versions: bool) -> bool {
    if has_versions { without_release(module) == without_release(kernel) } else { module == kernel }
}

/// A vermagic from the end of its first word on.
fn without_release(vermagic: &[u8]) -> &[u8] {
    let end = vermagic.iter().position(|byte| *byte == b' ');
    end.and_then(|end| vermagic.get(end..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn the_release_alone_may_differ_and_only_of_modules_with_versions() {
        let module = b"6.1.0-56-amd64 SMP preempt mod_unload modversions ";
        for (kernel, with, without) in [
            (&b"6.1.0-56-amd64 SMP preempt mod_unload modversions "[..], true, true),
            (b"6.1.0-57-amd64 SMP preempt mod_unload modversions ", true, false),
            (b" SMP preempt mod_unload modversions ", true, false),
            (b"6.1.0-56-amd64 SMP preempt mod_unload modversions", false, false),
            (b"6.1.0-56-amd64 SMP mod_unload modversions ", false, false),
            (b"6.1.0-56-amd64", false, false),
            (b"", false, false),
        ] {
            assert_eq!(is_same(module, kernel, true), with, "{}", kernel.escape_ascii());
            assert_eq!(is_same(module, kernel, false), without, "{}", kernel.escape_ascii());
        }
        assert!(is_same(b"1", b"2", true), "neither has more than a release");
    }
}
