//! Which namespaces' symbols a module may use: those that it imports, and those that name it.

use super::Identity;
use crate::error::{ImportProblem, LoadError};

/// How a namespace starts that names the modules it is for (Linux 6.16): a list with commas, where
/// a `*` at a name's end stands for whatever follows, and `-` and `_` are the same.
pub(crate) const OF_MODULES: &[u8] = b"module:";

/// Established: the module imports no namespace that names modules. Nobody can.
pub(crate) fn check(identity: &Identity<'_>) -> Result<(), LoadError> {
    let mut imported = identity.modinfo.all(b"import_ns");
    match imported.find(|namespace| namespace.starts_with(OF_MODULES)) {
        Some(namespace) => Err(LoadError::ModuleNamespace(namespace.into())),
        None => Ok(()),
    }
}

/// Whether a module may use symbols in a namespace.
///
/// # Errors
/// [`ImportProblem::Namespace`].
pub(crate) fn may_use(identity: &Identity<'_>, namespace: &[u8]) -> Result<(), ImportProblem> {
    let may_use = match namespace.strip_prefix(OF_MODULES) {
        _ if namespace.is_empty() => true,
        Some(names) => names.split(|byte| *byte == b',').any(|name| names_it(name, identity.name)),
        None => identity.modinfo.all(b"import_ns").any(|imported| imported == namespace),
    };
    if may_use { Ok(()) } else { Err(ImportProblem::Namespace(namespace.into())) }
}

fn names_it(pattern: &[u8], name: &[u8]) -> bool {
    let (start, rest_matters) = match pattern.strip_suffix(b"*") {
        Some(start) => (start, false),
        None => (pattern, true),
    };
    let folded = |byte: &u8| if *byte == b'-' { b'_' } else { *byte };
    (name.len() == start.len() || (name.len() > start.len() && !rest_matters))
        && start.iter().map(folded).eq(name.iter().take(start.len()).map(folded))
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
