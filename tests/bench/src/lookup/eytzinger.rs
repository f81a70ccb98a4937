//! Binary search in the order of a tree laid out level by level: the first steps of all searches
//! share cache lines.

use super::{Export, Find};

/// Positions in the sorted table in the order of the tree.
#[derive(Debug)]
pub struct Eytzinger {
    exports: &'static [Export],
    tree: Vec<u16>,
}

impl Eytzinger {
    /// Arranges a table.
    pub fn new(exports: &'static [Export]) -> Self {
        let mut tree = vec![0; exports.len()];
        let mut next = 0;
        fill(&mut tree, 0, &mut next);
        Self { exports, tree }
    }
}

fn fill(tree: &mut [u16], node: usize, next: &mut u16) {
    if node < tree.len() {
        fill(tree, 2 * node + 1, next);
        tree[node] = *next;
        *next += 1;
        fill(tree, 2 * node + 2, next);
    }
}

impl Find for Eytzinger {
    #[inline]
    fn find(&self, name: &[u8]) -> Option<u64> {
        let mut node = 0;
        loop {
            let export = self.exports.get(usize::from(*self.tree.get(node)?))?;
            node = match name.cmp(export.name.as_bytes()) {
                std::cmp::Ordering::Equal => return Some(export.address),
                std::cmp::Ordering::Less => 2 * node + 1,
                std::cmp::Ordering::Greater => 2 * node + 2,
            };
        }
    }

    fn bytes(&self) -> Option<usize> {
        Some(size_of_val(self.tree.as_slice()))
    }
}
