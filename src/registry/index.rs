//! The index of the names of the listed modules and of what they export, from one snapshot to the
//! next.
//!
//! Invariants:
//! - The name of a module has its first number, what it exports the next ones. Those of each module
//!   follow those of the module before it. Between them may be numbers of modules that have left;
//!   those are not used again before the index is made anew.

use super::snapshot::{Row, exporter, hash_of_module};
use crate::error::LoadError;
use crate::heap::boxed;
use crate::module::{ModInfoProblem, Module};
use crate::platform::Platform;
use crate::symbols::{ExportProblem, Index, hash};
use alloc::boxed::Box;

/// Why something cannot be in an index.
enum Problem<'m, P: Platform> {
    /// A module has exported it already.
    Duplicate(&'m [u8], &'m Module<P>),
    Collision(&'m [u8]),
    /// As `Collision`, but for the name of a module.
    Name,
}

/// The index of these modules, of which the last is not in the old one. All of them have content.
///
/// # Errors
/// As those of [`Snapshot::after`](super::snapshot::Snapshot::after).
// Out of line, which makes a loader smaller.
#[inline(never)]
pub(super) fn after<P: Platform>(
    old: Option<&Index>,
    listed: &mut [Row<P>],
) -> Result<Box<Index>, LoadError> {
    let needed = listed.iter().map(Row::numbers).fold(0, usize::saturating_add);
    let more = listed.last().map_or(0, Row::numbers);
    let serves = |old: &&Index| {
        let used = (old.len() as usize).saturating_add(more);
        used <= old.room() && needed >= old.room() / 4
    };
    // A third more than is needed, so that the index is not made anew for each module. In twice as
    // much there is a slot for names that had none.
    let mut room = needed.saturating_add(needed / 3);
    let most = room.saturating_mul(2);
    let mut old = old.filter(serves);
    loop {
        let old = old.take();
        let (index, from) = match old {
            Some(old) => (old.copy(), listed.len().saturating_sub(1)),
            None => {
                number(listed);
                (Index::with_room(room), 0)
            }
        };
        let mut index = boxed(index?)?;
        return Err(match fill(&mut index, listed, from) {
            Ok(()) => return Ok(index),
            Err(Problem::Duplicate(name, owner)) => {
                LoadError::Duplicate { symbol: name.into(), owner: Some(owner.name().clone()) }
            }
            Err(_) if old.is_some() => continue,
            Err(_) if room != most => {
                room = most;
                continue;
            }
            Err(Problem::Collision(name)) => ExportProblem::Collision(name.into()).into(),
            Err(Problem::Name) => ModInfoProblem::Collision.into(),
        });
    }
}

/// Numbers these modules from 0 on.
fn number<P: Platform>(listed: &mut [Row<P>]) {
    let mut next = 0_u64;
    for row in listed {
        row.key = next;
        next = next.saturating_add(row.numbers() as u64);
    }
}

/// Adds the modules from that position on. What the last exports may not be there yet.
// Out of line, which makes a loader smaller.
#[inline(never)]
fn fill<'m, P: Platform>(
    index: &mut Index,
    listed: &'m [Row<P>],
    from: usize,
) -> Result<(), Problem<'m, P>> {
    let last = listed.len().saturating_sub(1);
    for (at, row) in listed.iter().enumerate().skip(from) {
        let module = row.entry.named();
        index.push(hash_of_module(module.name().as_bytes())).ok_or(Problem::Name)?;
        for symbol in module.exports() {
            let hash = hash(symbol.name);
            if at == last
                && let Some((owner, _)) = exporter(index, listed, symbol.name, hash)
            {
                return Err(Problem::Duplicate(symbol.name, owner));
            }
            index.push(hash).ok_or(Problem::Collision(symbol.name))?;
        }
    }
    Ok(())
}
