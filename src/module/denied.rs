//! The deny list: modules that may not be loaded, though nothing is wrong with them.

use crate::error::LoadError;
use crate::platform::Platform;

/// Established: the name is not on the platform's deny list.
pub(crate) fn check<P: Platform>(platform: &P, name: &[u8]) -> Result<(), LoadError> {
    let mut denied = platform.denied_modules().as_bytes().split(|byte| *byte == b',');
    if denied.any(|denied| denied == name) { Err(LoadError::Denied(name.into())) } else { Ok(()) }
}
