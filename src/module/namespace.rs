//! Which namespaces' symbols a module may use: those that it imports, and those that name it.

use super::ModInfoProblem;
use crate::error::{ImportProblem, LoadError};
use crate::heap::OutOfMemory;
use crate::image::ModInfo;
use alloc::vec::Vec;

/// How a namespace starts that names the modules it is for (Linux 6.16): a list with commas, where
/// a `*` at a name's end stands for whatever follows, and `-` and `_` are the same.
pub(crate) const OF_MODULES: &[u8] = b"module:";

/// How many namespaces a module may import. Each symbol that is in one is compared with all of
/// them, so a file cannot keep the linker busy for longer than its size allows. Debian's modules
/// import seven at most.
pub const MAX_NAMESPACES: usize = 32;

/// The namespaces of a module.
pub(crate) struct Namespaces<'a> {
    /// The module's name.
    name: &'a [u8],
    /// Those that it imports.
    imported: Vec<&'a [u8]>,
}

impl<'a> Namespaces<'a> {
    /// Established: the module imports no more namespaces than [`MAX_NAMESPACES`], and none that
    /// names modules. Nobody can.
    #[inline(never)]
    pub fn of(name: &'a [u8], modinfo: &ModInfo<'a>) -> Result<Self, LoadError> {
        let mut imported = Vec::new();
        for namespace in modinfo.all(b"import_ns") {
            if namespace.starts_with(OF_MODULES) {
                return Err(LoadError::ModuleNamespace(namespace.into()));
            }
            // Each of a module's source files may import the same.
            if !imported.contains(&namespace) {
                if imported.len() == MAX_NAMESPACES {
                    return Err(ModInfoProblem::Namespaces.into());
                }
                imported.try_reserve(1).map_err(OutOfMemory::from)?;
                imported.push(namespace);
            }
        }
        Ok(Self { name, imported })
    }

    /// Whether the module may use symbols in a namespace.
    ///
    /// # Errors
    /// [`ImportProblem::Namespace`].
    #[inline]
    pub fn may_use(&self, namespace: &[u8]) -> Result<(), ImportProblem> {
        if namespace.is_empty() || self.is_in(namespace) {
            return Ok(());
        }
        Err(ImportProblem::Namespace(namespace.into()))
    }

    #[inline(never)]
    fn is_in(&self, namespace: &[u8]) -> bool {
        match namespace.strip_prefix(OF_MODULES) {
            Some(names) => names.split(|byte| *byte == b',').any(|name| names_it(name, self.name)),
            None => self.imported.contains(&namespace),
        }
    }
}

fn names_it(pattern: &[u8], name: &[u8]) -> bool {
    let (start, is_whole) = match pattern.split_last() {
        Some((b'*', start)) => (start, false),
        _ => (pattern, true),
    };
    let folded = |byte: u8| if byte == b'-' { b'_' } else { byte };
    let same = |(one, other): (&u8, &u8)| folded(*one) == folded(*other);
    let fits = if is_whole { name.len() == start.len() } else { name.len() >= start.len() };
    fits && start.iter().zip(name).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_whole_name_or_the_start_of_one() {
        for (pattern, name, is_named) in [
            ("kvm-intel", "kvm_intel", true),
            ("kvm_intel", "kvm-intel", true),
            ("kvm", "kvm_intel", false),
            ("kvm_intel", "kvm", false),
            ("kvm*", "kvm", true),
            ("kvm-*", "kvm_intel", true),
            ("kvm-*", "kvm", false),
            ("*", "anything", true),
            ("", "anything", false),
            ("a*b", "a*b", true),
            ("a*b", "axb", false),
        ] {
            assert_eq!(names_it(pattern.as_bytes(), name.as_bytes()), is_named, "{pattern} {name}");
        }
    }
}
