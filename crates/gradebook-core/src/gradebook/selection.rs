//! Choosing the items of a page from many, without sorting all of them.

/// The sort key of an item: its value, then its id as a number that orders as the ids do.
pub(super) type Key = (u64, u64);

/// The first `most` items after an anchor, in order, whatever the order in which they are offered.
///
/// Items gather until there are twice as many as wanted; then the wanted half is selected, and
/// from then on only what comes before its last item is let in. So each item costs a comparison,
/// and those let in a constant on average, even when they come in the worst order.
#[derive(Debug)]
pub(super) struct Selection<Item> {
    most: usize,
    descending: bool,
    after: Option<Key>,
    limit: Option<Key>,
    items: Vec<(Key, Item)>,
}

impl<Item: Copy> Selection<Item> {
    /// The first `most` (at least 1) items after `after`.
    pub(super) fn new(most: usize, descending: bool, after: Option<Key>) -> Self {
        let most = most.max(1);
        // All keys are turned around for a descending order, so that the least come first.
        let after = after.map(|key| turned(key, descending));
        Self { most, descending, after, limit: None, items: Vec::new() }
    }

    pub(super) fn offer(&mut self, key: Key, item: Item) {
        let key = turned(key, self.descending);
        let too_early = self.after.is_some_and(|after| key <= after);
        if too_early || self.limit.is_some_and(|limit| key >= limit) {
            return;
        }
        self.items.push((key, item));
        if self.items.len() >= 2 * self.most {
            let (_, last, _) =
                self.items.select_nth_unstable_by_key(self.most - 1, |(key, _)| *key);
            self.limit = Some(last.0);
            self.items.truncate(self.most);
        }
    }

    /// The values that can still be let in: from the least to the greatest, both included.
    pub(super) fn values(&self) -> (u64, u64) {
        let first = self.after.map_or(0, |key| key.0);
        let last = self.limit.map_or(u64::MAX, |key| key.0);
        if self.descending { (!last, !first) } else { (first, last) }
    }

    /// The selected items in order, with their values.
    pub(super) fn into_sorted(mut self) -> Vec<(u64, Item)> {
        self.items.sort_unstable_by_key(|(key, _)| *key);
        self.items.truncate(self.most);
        let descending = self.descending;
        self.items.into_iter().map(|(key, item)| (turned(key, descending).0, item)).collect()
    }
}

fn turned((value, id): Key, descending: bool) -> Key {
    if descending { (!value, !id) } else { (value, id) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn selects_what_sorting_would(
            mut keys in prop::collection::hash_set((0u64..8, any::<u64>()), 0..100)
                .prop_map(Vec::from_iter),
            most in 1usize..20,
            descending: bool,
            after in prop::option::of((0u64..8, any::<u64>())),
        ) {
            let mut selection = Selection::new(most, descending, after);
            for &key in &keys {
                let (least, greatest) = selection.values();
                selection.offer(key, key);
                if !(least..=greatest).contains(&key.0) {
                    prop_assert!(!selection.items.iter().any(|(_, item)| *item == key));
                }
            }
            keys.sort_unstable();
            if descending {
                keys.reverse();
            }
            keys.retain(
                |&key| after.is_none_or(|after| if descending { key < after } else { key > after })
            );
            keys.truncate(most);
            let expected: Vec<_> = keys.into_iter().map(|key| (key.0, key)).collect();
            prop_assert_eq!(selection.into_sorted(), expected);
        }
    }
}
