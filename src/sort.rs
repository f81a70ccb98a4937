//! Sorting in place, without the heap: the standard library's sorts are many times as much code, and come
//! to a panic where an order is none.

/// What can be sorted.
pub(crate) trait Sortable {
    /// Whether one element comes before another, by their indices.
    fn is_less(&self, one: usize, other: usize) -> bool;

    /// Exchanges two elements, of which the second has the higher index.
    fn swap(&mut self, first: usize, second: usize);
}

/// Sorts `count` elements by a heap, in the order of n log n steps. If their order is none they end
/// in any.
pub(crate) fn heap_sort(elements: &mut impl Sortable, count: usize) {
    for root in (0..count / 2).rev() {
        sink(elements, root, count);
    }
    for end in (1..count).rev() {
        elements.swap(0, end);
        sink(elements, 0, end);
    }
}

/// Lets an element sink to where none of those below it comes after it, in a heap that ends at `end`.
fn sink(elements: &mut impl Sortable, mut root: usize, end: usize) {
    loop {
        let left = root.saturating_mul(2).saturating_add(1);
        if left >= end {
            return;
        }
        let right = left.saturating_add(1);
        let child = if right < end && elements.is_less(left, right) { right } else { left };
        if !elements.is_less(root, child) {
            return;
        }
        elements.swap(root, child);
        root = child;
    }
}
