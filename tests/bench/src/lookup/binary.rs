//! Binary search in the sorted table: what needs nothing beside the records.

use super::{Export, Find};

/// A sorted table.
#[derive(Clone, Copy, Debug)]
pub struct Binary(pub &'static [Export]);

impl Find for Binary {
    #[inline]
    fn find(&self, name: &[u8]) -> Option<u64> {
        let found = self.0.binary_search_by(|export| export.name.as_bytes().cmp(name)).ok()?;
        self.0.get(found).map(|export| export.address)
    }

    fn bytes(&self) -> Option<usize> {
        Some(0)
    }
}
