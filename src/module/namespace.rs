//! Which namespaces' symbols a module may use: those that it imports, and those that name it.

use super::Identity;
use crate::error::{ImportProblem, LoadError};

/// How a namespace starts that names the modules it is for (Linux 6.16): a list with commas, where
/// a `*` at a name's end stands for whatever follows, and `-` and `_` are the same.
pub(crate) const OF_MODULES: &[u8] = b"module:";

/// Established: the module imports no namespace that names modules. Nobody can.
pub(crate) fn check(identity: &Identity<'_>) -> Result<(), LoadError> {
    match import(identity, &|namespace| namespace.starts_with(OF_MODULES)) {
        Some(namespace) => Err(LoadError::ModuleNamespace(namespace.into())),
        None => Ok(()),
    }
}

/// Whether a module may use symbols in a namespace.
///
/// # Errors
/// [`ImportProblem::Namespace`].
#[inline]
pub(crate) fn may_use(identity: &Identity<'_>, namespace: &[u8]) -> Result<(), ImportProblem> {
    if namespace.is_empty() || is_in(identity, namespace) {
        return Ok(());
    }
    Err(ImportProblem::Namespace(namespace.into()))
}

#[inline(never)]
fn is_in(identity: &Identity<'_>, namespace: &[u8]) -> bool {
    match namespace.strip_prefix(OF_MODULES) {
        Some(names) => names.split(|byte| *byte == b',').any(|name| names_it(name, identity.name)),
        None => import(identity, &|imported| imported == namespace).is_some(),
    }
}

/// The first namespace that the module imports and that is the wanted one.
#[inline(never)]
fn import<'a>(identity: &Identity<'a>, is_wanted: &dyn Fn(&[u8]) -> bool) -> Option<&'a [u8]> {
    identity.modinfo.all(b"import_ns").find(|namespace| is_wanted(namespace))
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
