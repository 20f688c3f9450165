//! How every page of every list is made.

use super::query::{Anchor, Page};
use super::selection::{Key, Selection};

/// A list that pages are made of: what is in it, in which order, and what passes the filters.
pub(super) trait Listing {
    /// What stands for an item inside the gradebook.
    type Item: Copy;
    /// What names an item outside.
    type Id;

    /// How many items there are, filters aside.
    fn len(&self) -> usize;

    /// Whether [`walk`](Self::walk) follows the order that is asked for. Otherwise the items of a
    /// page are selected from all.
    fn is_in_order(&self) -> bool;

    /// The items after `after`, or all; in the direction that is asked for.
    fn walk(&self, after: Option<Key>) -> impl Iterator<Item = Self::Item>;

    /// All items, in whatever order they are read fastest.
    fn all(&self) -> impl Iterator<Item = Self::Item>;

    /// Whether there are no filters.
    fn is_unfiltered(&self) -> bool;

    /// Whether the item passes the filters.
    fn passes(&self, item: Self::Item) -> bool;

    /// What the item is sorted by first, as in [`Anchor::value`].
    fn value(&self, item: Self::Item) -> u64;

    /// What it is sorted by next: a number that orders as the ids do.
    fn rank(&self, item: Self::Item) -> u64;

    /// False only where the value of the item is certainly not within the two: a cheap answer that
    /// saves working it out.
    fn may_lie_within(&self, _item: Self::Item, _least: u64, _greatest: u64) -> bool {
        true
    }

    /// The name of the item.
    fn id(&self, item: Self::Item) -> Self::Id;
}

/// What is asked of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) descending: bool,
    pub(super) after: Option<Key>,
    pub(super) limit: usize,
    /// The most items that are examined one by one where that is avoidable.
    pub(super) examined_max: usize,
}

/// Items with their sort values, one more than wanted where there are more.
struct Found<Item> {
    items: Vec<(u64, Item)>,
    total: Option<u64>,
    /// The last item examined, where the bound ended the search.
    stopped_at: Option<(u64, Item)>,
}

/// The page that is asked for, with each item as `show` shows it. Where an index has `chosen` the
/// items that come into question, only these are examined.
pub(super) fn page<L: Listing, Shown>(
    list: &L,
    ask: Ask,
    chosen: Option<Vec<L::Item>>,
    show: impl Fn(L::Item) -> Shown,
) -> Page<Shown, L::Id> {
    let mut found = match chosen {
        Some(items) => select(list, ask, items.into_iter()),
        None if !list.is_in_order() => select(list, ask, list.all()),
        None if list.is_unfiltered() || list.len() <= ask.examined_max => walk(list, ask),
        None => walk_bounded(list, ask),
    };
    let last = if found.items.len() > ask.limit {
        found.items.truncate(ask.limit);
        found.items.last().copied()
    } else {
        found.stopped_at
    };
    Page {
        items: found.items.into_iter().map(|(_, item)| show(item)).collect(),
        total: found.total,
        next: last.map(|(value, item)| Anchor { value, id: list.id(item) }),
    }
}

fn with_value<L: Listing>(list: &L, item: L::Item) -> (u64, L::Item) {
    (list.value(item), item)
}

fn select<L: Listing>(
    list: &L,
    ask: Ask,
    candidates: impl Iterator<Item = L::Item>,
) -> Found<L::Item> {
    let mut selection = Selection::new(ask.limit.saturating_add(1), ask.descending, ask.after);
    let mut total = 0;
    candidates.filter(|&item| list.passes(item)).for_each(|item| {
        total += 1;
        let (least, greatest) = selection.values();
        if list.may_lie_within(item, least, greatest) {
            let value = list.value(item);
            if (least..=greatest).contains(&value) {
                selection.offer((value, list.rank(item)), item);
            }
        }
    });
    Found { items: selection.into_sorted(), total: Some(total), stopped_at: None }
}

fn walk<L: Listing>(list: &L, ask: Ask) -> Found<L::Item> {
    let total = if list.is_unfiltered() {
        list.len()
    } else {
        list.walk(None).filter(|&item| list.passes(item)).count()
    };
    let most = ask.limit.saturating_add(1);
    let passing = list.walk(ask.after).filter(|&item| list.passes(item));
    let mut items = Vec::with_capacity(most.min(total));
    items.extend(passing.take(most).map(|item| with_value(list, item)));
    Found { items, total: Some(total as u64), stopped_at: None }
}

/// Examines at most as many items as the bound allows.
fn walk_bounded<L: Listing>(list: &L, ask: Ask) -> Found<L::Item> {
    let mut found = Found { items: Vec::new(), total: None, stopped_at: None };
    for (examined, item) in list.walk(ask.after).enumerate() {
        if examined == ask.examined_max {
            return found;
        }
        found.stopped_at = Some(with_value(list, item));
        if list.passes(item) {
            found.items.push(with_value(list, item));
            if found.items.len() > ask.limit {
                return found;
            }
        }
    }
    found.stopped_at = None;
    found
}
