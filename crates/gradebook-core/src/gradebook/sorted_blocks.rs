//! A sorted list that is cheap to insert into, and lean.

use std::cmp::Ordering;

/// The most items in one block: an insertion moves at most so many.
const BLOCK_ITEMS_MAX: usize = 512;

/// A block grows by an eighth of its length, but at least and at most so many bytes at a time: so
/// that hardly any of it is empty, about 4 % on average where blocks are full-grown.
const GROWTH_BYTES: std::ops::RangeInclusive<usize> = 32..=256;

/// A sorted sequence of small copyable items, in blocks of at most [`BLOCK_ITEMS_MAX`].
///
/// What the order is, the list does not know: callers find a [`Place`] with a predicate, as in
/// `slice::partition_point`. So an order may change as long as no two items change places.
#[derive(Clone, Debug)]
pub(super) struct SortedBlocks<T>(Form<T>);

/// Most lists are short, and there are many of them: 24 bytes for a list of one block.
#[derive(Clone, Debug)]
enum Form<T> {
    One(Vec<T>),
    Many(Box<Many<T>>),
}

/// Invariant: at least one block, no block is empty, and `firsts[i] == blocks[i][0]`.
#[derive(Clone, Debug)]
struct Many<T> {
    len: usize,
    firsts: Vec<T>,
    blocks: Vec<Vec<T>>,
}

/// A place between two items. Good until the list changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    block: usize,
    index: usize,
}

impl<T> Default for SortedBlocks<T> {
    fn default() -> Self {
        Self(Form::One(Vec::new()))
    }
}

impl<T: Copy> SortedBlocks<T> {
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Form::One(items) => items.len(),
            Form::Many(many) => many.len,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn blocks(&self) -> &[Vec<T>] {
        match &self.0 {
            Form::One(items) => std::slice::from_ref(items),
            Form::Many(many) => &many.blocks,
        }
    }

    pub(super) fn last(&self) -> Option<T> {
        self.blocks().last().and_then(|block| block.last()).copied()
    }

    /// The place before the first item.
    pub(super) fn start(&self) -> Place {
        Place { block: 0, index: 0 }
    }

    /// The place after the last item.
    pub(super) fn end(&self) -> Place {
        let blocks = self.blocks();
        let block = blocks.len() - 1;
        Place { block, index: blocks[block].len() }
    }

    /// The place between the items for which `before` is true and those for which it is false;
    /// the former must all stand before the latter.
    pub(super) fn partition_point(&self, mut before: impl FnMut(T) -> bool) -> Place {
        match &self.0 {
            Form::One(items) => {
                Place { block: 0, index: items.partition_point(|&item| before(item)) }
            }
            Form::Many(many) => {
                let block = many.firsts.partition_point(|&first| before(first)).saturating_sub(1);
                let index = many.blocks[block].partition_point(|&item| before(item));
                Place { block, index }
            }
        }
    }

    /// [`partition_point`](Self::partition_point) for several lists, or for several items in one;
    /// `before` is told which. Takes each step for all lists before the next step.
    pub(super) fn partition_points<const COUNT: usize>(
        lists: [Option<&Self>; COUNT],
        before: impl Fn(usize, T) -> bool,
    ) -> [Place; COUNT] {
        let firsts = lists.map(|list| match list.map(|list| &list.0) {
            Some(Form::Many(many)) => &many.firsts[..],
            Some(Form::One(_)) | None => &[],
        });
        let blocks = partition_points(firsts, &before).map(|passed| passed.saturating_sub(1));
        let mut items = [&[][..]; COUNT];
        for (number, list) in lists.iter().enumerate() {
            if let Some(list) = list {
                items[number] = &list.blocks()[blocks[number]];
            }
        }
        let indexes = partition_points(items, &before);
        std::array::from_fn(|number| Place { block: blocks[number], index: indexes[number] })
    }

    /// Whether this is what [`partition_point`](Self::partition_point) would find, whatever
    /// happened to the list since the place was found.
    pub(super) fn is_partition_point(
        &self,
        place: Place,
        mut before: impl FnMut(T) -> bool,
    ) -> bool {
        let exists = self.blocks().get(place.block).is_some_and(|block| place.index <= block.len());
        exists
            && self.before(place).next().is_none_or(&mut before)
            && self.at(place).is_none_or(|item| !before(item))
    }

    /// The item after `place`.
    pub(super) fn at(&self, place: Place) -> Option<T> {
        self.after(place).next()
    }

    /// The items after `place`, in order.
    pub(super) fn after(&self, place: Place) -> impl Iterator<Item = T> + Clone + '_ {
        let blocks = &self.blocks()[place.block..];
        blocks[0][place.index..].iter().chain(blocks[1..].iter().flatten()).copied()
    }

    /// The items before `place`, from the last to the first.
    pub(super) fn before(&self, place: Place) -> impl Iterator<Item = T> + Clone + '_ {
        let blocks = &self.blocks()[..=place.block];
        let (current, earlier) = (&blocks[place.block], &blocks[..place.block]);
        let earlier = earlier.iter().rev().flat_map(|block| block.iter().rev());
        current[..place.index].iter().rev().chain(earlier).copied()
    }

    /// The items after `bound` or all of them, rising or falling; `compare` says how an item stands
    /// to the bound.
    pub(super) fn walk<Bound: Copy>(
        &self,
        descending: bool,
        bound: Option<Bound>,
        compare: impl Fn(T, Bound) -> Ordering,
    ) -> impl Iterator<Item = T> {
        let place = match bound {
            Some(bound) if descending => self.partition_point(|item| compare(item, bound).is_lt()),
            Some(bound) => self.partition_point(|item| compare(item, bound).is_le()),
            None if descending => self.end(),
            None => self.start(),
        };
        let rising = (!descending).then(|| self.after(place));
        let falling = descending.then(|| self.before(place));
        rising.into_iter().flatten().chain(falling.into_iter().flatten())
    }

    /// All items, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> + Clone + '_ {
        self.blocks().iter().flatten().copied()
    }

    /// How many items stand after `place`.
    pub(super) fn count_after(&self, place: Place) -> usize {
        let blocks = &self.blocks()[place.block..];
        blocks.iter().map(Vec::len).sum::<usize>() - place.index
    }

    /// Adds an item after the last one.
    pub(super) fn push(&mut self, item: T) {
        self.insert(self.end(), item);
    }

    /// Adds an item at `place`.
    pub(super) fn insert(&mut self, place: Place, item: T) {
        match &mut self.0 {
            Form::One(items) if items.len() < BLOCK_ITEMS_MAX => {
                insert_into(items, place.index, item);
            }
            Form::One(items) => {
                let items = std::mem::take(items);
                let mut many =
                    Many { len: items.len(), firsts: vec![items[0]], blocks: vec![items] };
                many.insert(place, item);
                self.0 = Form::Many(Box::new(many));
            }
            Form::Many(many) => many.insert(place, item),
        }
    }

    /// Takes out the item after `place`, if there is one.
    pub(super) fn remove(&mut self, place: Place) {
        let place = self.item_place(place);
        match &mut self.0 {
            Form::One(items) => remove_from(items, place.index),
            Form::Many(many) => {
                many.remove(place);
                if let [block] = &mut many.blocks[..] {
                    self.0 = Form::One(std::mem::take(block));
                }
            }
        }
    }

    /// The same place, but never at the end of a block that another one follows.
    fn item_place(&self, place: Place) -> Place {
        let blocks = self.blocks();
        if place.index == blocks[place.block].len() && place.block + 1 < blocks.len() {
            Place { block: place.block + 1, index: 0 }
        } else {
            place
        }
    }
}

impl<T: Copy> Many<T> {
    fn insert(&mut self, Place { mut block, mut index }: Place, item: T) {
        self.len += 1;
        if self.blocks[block].len() == BLOCK_ITEMS_MAX {
            let at_the_end = block + 1 == self.blocks.len() && index == BLOCK_ITEMS_MAX;
            // What only ever grows at its end keeps its blocks full.
            let kept = if at_the_end { BLOCK_ITEMS_MAX } else { BLOCK_ITEMS_MAX / 2 };
            let moved = self.blocks[block].split_off(kept);
            self.blocks[block].shrink_to(kept);
            self.firsts.insert(block + 1, moved.first().copied().unwrap_or(item));
            self.blocks.insert(block + 1, moved);
            if index >= kept {
                (block, index) = (block + 1, index - kept);
            }
        }
        insert_into(&mut self.blocks[block], index, item);
        if index == 0 {
            self.firsts[block] = item;
        }
    }

    fn remove(&mut self, Place { block, index }: Place) {
        self.len -= 1;
        remove_from(&mut self.blocks[block], index);
        match self.blocks[block].first() {
            Some(&first) => self.firsts[block] = first,
            None => {
                self.blocks.remove(block);
                self.firsts.remove(block);
            }
        }
        self.join(block);
    }

    /// Joins the block with the next one when both fit into half a block.
    fn join(&mut self, block: usize) {
        if block + 1 < self.blocks.len()
            && self.blocks[block].len() + self.blocks[block + 1].len() <= BLOCK_ITEMS_MAX / 2
        {
            let next = self.blocks.remove(block + 1);
            self.firsts.remove(block + 1);
            self.blocks[block].extend_from_slice(&next);
        }
    }
}

fn partition_points<T: Copy, const COUNT: usize>(
    lists: [&[T]; COUNT],
    before: impl Fn(usize, T) -> bool,
) -> [usize; COUNT] {
    let mut starts = [0; COUNT];
    let mut lengths = lists.map(<[T]>::len);
    let longest = lengths.iter().max().map_or(0, |most| most + 1);
    for _ in 0..longest.next_power_of_two().trailing_zeros() {
        for (number, list) in lists.iter().enumerate() {
            let half = lengths[number] / 2;
            let Some(&middle) = list.get(starts[number] + half) else { continue };
            // Without a branch, as nobody can foretell which way it would go.
            let passed = usize::from(before(number, middle) & (lengths[number] > 0));
            starts[number] += passed * (half + 1);
            lengths[number] = half - (passed & !lengths[number] & 1);
        }
    }
    starts
}

fn insert_into<T>(items: &mut Vec<T>, index: usize, item: T) {
    if items.len() == items.capacity() {
        let (least, most) =
            (GROWTH_BYTES.start() / size_of::<T>(), GROWTH_BYTES.end() / size_of::<T>());
        let step = (items.len() / 8).clamp(least, most);
        items.reserve_exact(step.min(BLOCK_ITEMS_MAX - items.len()));
    }
    items.insert(index, item);
}

fn remove_from<T>(items: &mut Vec<T>, index: usize) {
    items.remove(index);
    if items.capacity() > 2 * items.len() + GROWTH_BYTES.end() / size_of::<T>() {
        items.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where the numbers go: (at the end, or not) and whether one is taken out instead.
    fn steps() -> impl Strategy<Value = Vec<(u16, u8)>> {
        prop::collection::vec((any::<u16>(), any::<u8>()), 0..4000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn holds_what_a_sorted_vector_holds(
            steps in steps(),
            removals in 0u8..200,
            rising in any::<bool>(),
        ) {
            let (mut list, mut plain) = (SortedBlocks::<u16>::default(), Vec::new());
            for (step, (number, what)) in steps.into_iter().enumerate() {
                let item = if rising { u16::try_from(step).unwrap() } else { number };
                if what < removals {
                    let place = list.partition_point(|other| other < number);
                    let index = plain.partition_point(|&other| other < number);
                    prop_assert_eq!(list.at(place), plain.get(index).copied());
                    if index < plain.len() {
                        list.remove(place);
                        plain.remove(index);
                    }
                } else {
                    let place = list.partition_point(|other| other < item);
                    list.insert(place, item);
                    plain.insert(plain.partition_point(|&other| other < item), item);
                }
            }
            prop_assert!(list.iter().eq(plain.iter().copied()));
            prop_assert_eq!(list.len(), plain.len());
            prop_assert_eq!(list.last(), plain.last().copied());
            for bound in (0..=u16::MAX).step_by(997) {
                let place = list.partition_point(|item| item < bound);
                let index = plain.partition_point(|&item| item < bound);
                prop_assert!(list.after(place).eq(plain[index..].iter().copied()));
                prop_assert!(list.before(place).eq(plain[..index].iter().rev().copied()));
                prop_assert_eq!(list.count_after(place), plain.len() - index);
            }
            let bounds: [u16; 9] = std::array::from_fn(|number| (number * 8000) as u16);
            let places = SortedBlocks::partition_points(
                [Some(&list); 9],
                |number, item| item < bounds[number],
            );
            for (place, bound) in places.into_iter().zip(bounds) {
                prop_assert_eq!(place, list.partition_point(|item| item < bound));
                prop_assert!(list.is_partition_point(place, |item| item < bound));
                let elsewhere = list.iter().any(|item| (bound..bound + 1000).contains(&item));
                prop_assert_eq!(
                    list.is_partition_point(place, |item| item < bound + 1000),
                    !elsewhere,
                );
                let below = bound.saturating_sub(1000);
                let elsewhere = list.iter().any(|item| (below..bound).contains(&item));
                prop_assert_eq!(list.is_partition_point(place, |item| item < below), !elsewhere);
            }
        }
    }

    #[test]
    fn growing_at_the_end_leaves_no_gaps() {
        let mut list = SortedBlocks::default();
        (0..10 * BLOCK_ITEMS_MAX).for_each(|number| list.push(number));
        assert!(list.blocks().iter().all(|block| block.len() == BLOCK_ITEMS_MAX));
        assert!(list.blocks().iter().all(|block| block.capacity() == BLOCK_ITEMS_MAX));
    }
}
