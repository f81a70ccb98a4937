//! `/proc/modules`: a line for each module.

use super::{Address, Addresses, References, Word};
use crate::loader::Loader;
use crate::module::{Module, State};
use crate::platform::Platform;
use crate::registry::Listing;
use core::fmt::{self, Write};

/// The modules as `/proc/modules` has them, the one loaded last first. In each line are
///
/// 1. the name,
/// 2. the bytes that it has in memory, of its init part as long as that is there,
/// 3. how many references there are to it, -1 if it is unloading and there are none,
/// 4. the modules that use it, a comma after each, and `[permanent],` if it cannot be unloaded for it
///    has an init and no exit function; `-` if there is neither,
/// 5. `Loading`, as if its init function has faulted, `Live` or `Unloading`,
/// 6. the address of its core part,
/// 7. in parentheses its taints, and `+` while it is loading and `-` while it is unloading; nothing if
///    it has none.
///
/// A module that is being linked is not among them, and not among the users, where Linux has it.
///
/// # Errors
/// As those of `out`.
pub fn modules<P: Platform>(
    loader: &Loader<P>,
    addresses: Addresses,
    out: &mut dyn Write,
) -> fmt::Result {
    loader.listing(|listing| {
        listing.modules().try_for_each(|module| line(&listing, module, addresses, out))
    })
}

fn line<P: Platform>(
    listing: &Listing<'_, P>,
    module: &Module<P>,
    addresses: Addresses,
    out: &mut dyn Write,
) -> fmt::Result {
    let size = module.core_size().saturating_add(module.init_size());
    write!(out, "{} {size} {} ", Word(module.name().as_bytes()), References(module))?;
    // Of most there are none to be looked for.
    let count = if module.references() == 0 { 0 } else { usize::MAX };
    let mut users = listing.users(module).take(count).peekable();
    if users.peek().is_none() && !module.is_permanent() {
        out.write_char('-')?;
    }
    users.try_for_each(|user| write!(out, "{},", Word(user.name().as_bytes())))?;
    if module.is_permanent() {
        out.write_str("[permanent],")?;
    }
    // Once, so that the word and the sign do not differ.
    let (state, sign) = match module.state() {
        State::Coming | State::Faulted => ("Loading", "+"),
        State::Live => ("Live", ""),
        State::Going => ("Unloading", "-"),
    };
    write!(out, " {state} {}", Address::<P>::new(module.core().start, addresses))?;
    let taints = module.taints();
    if !taints.is_empty() {
        write!(out, " ({taints}{sign})")?;
    }
    out.write_char('\n')
}
