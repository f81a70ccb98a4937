//! One file is loaded once at a time (as in Linux since 6.5): when a device appears, each CPU may ask for
//! the same module, and each would read the file, verify it and link it, to find that another was first.
//!
//! Who comes while the file is being loaded gets what comes of that, success included, whatever flags and
//! arguments it has given itself: they are not looked at. Who comes later makes a load of its own.

use crate::errno::Errno;
use crate::loader::Loader;
use crate::platform::{Level, Platform, WaitError};
use crate::registry::{FileId, Others, Turn};

/// What comes of `load`, or of somebody else's if this file is being loaded.
///
/// # Errors
/// Those of the load. Of who waits `EINTR` if that was interrupted, as since Linux 6.11, and `EBUSY`
/// if the kernel cannot wait. `ENOMEM` if there is no heap to say that the file is being loaded: then a load
/// would fail too.
pub(super) fn load<P: Platform>(
    loader: &Loader<P>,
    file: FileId,
    load: impl FnOnce() -> Result<(), Errno>,
) -> Result<(), Errno> {
    #[cfg(feature = "proc")]
    let begun = loader.platform().clock();
    match loader.files().turn(file).map_err(|_| Errno::ENOMEM)? {
        Turn::Own(own) => {
            let result = load();
            own.end(result);
            loader.platform().wake();
            result
        }
        Turn::Others(others) => {
            let result = wait(loader.platform(), &others);
            #[cfg(feature = "proc")]
            loader.count_shared(begun);
            drop(others);
            loader.files().reap();
            result
        }
    }
}

#[cold]
#[inline(never)]
fn wait<P: Platform>(platform: &P, others: &Others) -> Result<(), Errno> {
    let waited = platform.wait(&|| others.outcome().is_some(), None);
    let (errno, why) = match (others.outcome(), waited) {
        (Some(Ok(())), _) => return Ok(()),
        (Some(Err(errno)), _) => (errno, "it has failed"),
        (None, Err(WaitError::Interrupted)) => (Errno::EINTR, "interrupted while it waited"),
        (None, _) => (Errno::EBUSY, "this kernel cannot wait for it"),
    };
    let what = "another load of the same file came first";
    platform.log(Level::Error, format_args!("module not loaded: {what}: {why}: {errno}"));
    Err(errno)
}
