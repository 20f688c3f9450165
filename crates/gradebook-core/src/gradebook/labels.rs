//! Numbers that order students as their ids do, so that a comparison need not read the ids.
//!
//! Order maintenance by list labelling: Bender, Cole, Demaine, Farach-Colton and Zito, "Two
//! simplified algorithms for maintaining order in a list" (2002). A new student gets a label
//! between the neighbours' labels. Where there is none left, the students around get new labels,
//! evenly spread over the smallest range that is sparse enough. A range of 2^n labels counts as
//! sparse with up to 2^(n/2) students: so any order of arrival costs O(log students) new labels
//! per new student on average, and the whole range of 2^64 has room for 2^32 students.

use super::record::StudentIndex;
use super::sorted_blocks::{Place, SortedBlocks};

/// Orders students as their ids do.
pub(super) type Label = u64;

/// Below every label that is given.
pub(super) const LOWEST: Label = 0;

/// Above every label that is given.
pub(super) const HIGHEST: Label = Label::MAX;

/// The distance kept at both ends of the list, where the next students may be added all at one
/// side (ids that count up).
const STRIDE: Label = 1 << 32;

/// The smallest range that is spread out anew: 2^8 labels, for up to 2^4 students.
const SPREAD_BITS_MIN: u32 = 8;

/// Gives a label to `new`, which is about to be inserted into `sorted` at `place`. May give new
/// ones to others.
pub(super) fn label_new(
    labels: &mut [Label],
    sorted: &SortedBlocks<StudentIndex>,
    place: Place,
    new: StudentIndex,
) {
    let before = sorted.before(place).next().map(|index| labels[index.0 as usize]);
    let after = sorted.at(place).map(|index| labels[index.0 as usize]);
    let (low, high) = (before.unwrap_or(LOWEST), after.unwrap_or(HIGHEST));
    let half = (high - low) / 2;
    labels[new.0 as usize] = match (before, after) {
        (Some(_), None) => low + half.min(STRIDE),
        (None, Some(_)) => high - half.min(STRIDE),
        _ => low + half,
    };
    if half == 0 {
        spread(labels, sorted, place, new, low);
    }
}

/// Spreads out the smallest sparse range around `near`, including `new` at `place`.
fn spread(
    labels: &mut [Label],
    sorted: &SortedBlocks<StudentIndex>,
    place: Place,
    new: StudentIndex,
    near: Label,
) {
    let label = |index: &StudentIndex| labels[index.0 as usize];
    let (mut before, mut after) = (sorted.before(place).peekable(), sorted.after(place).peekable());
    let (mut left, mut right) = (Vec::new(), vec![new]);
    let mut bits = SPREAD_BITS_MIN;
    let (base, step) = loop {
        let low_bits = Label::MAX >> (Label::BITS - bits);
        let (base, top) = (near & !low_bits, near | low_bits);
        left.extend(std::iter::from_fn(|| before.next_if(|index| label(index) >= base)));
        right.extend(std::iter::from_fn(|| after.next_if(|index| label(index) <= top)));
        let count = (left.len() + right.len()) as Label;
        if count <= 1 << (bits / 2) {
            break (base, low_bits / (count + 1));
        }
        assert!(bits < Label::BITS, "invariant: a gradebook has at most 2^32 students");
        bits += 1;
    };
    let mut next = base;
    for index in left.into_iter().rev().chain(right) {
        next += step;
        labels[index.0 as usize] = next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Inserts at the given places, as shares of the list's length in 2^16ths.
    fn insert_at(places: impl IntoIterator<Item = u16>) -> usize {
        let (mut labels, mut sorted) = (Vec::new(), SortedBlocks::default());
        let (mut plain, mut relabelled) = (Vec::<StudentIndex>::new(), 0);
        for (number, share) in places.into_iter().enumerate() {
            let new = StudentIndex(number as u32);
            let at = ((plain.len() + 1) * usize::from(share)) >> 16;
            let place = plain.get(at).map_or(sorted.end(), |next: &StudentIndex| {
                let bound: Label = labels[next.0 as usize];
                sorted.partition_point(|index: StudentIndex| labels[index.0 as usize] < bound)
            });
            labels.push(LOWEST);
            let before = labels.clone();
            label_new(&mut labels, &sorted, place, new);
            relabelled += labels.iter().zip(&before).filter(|(now, then)| now != then).count();
            sorted.insert(place, new);
            plain.insert(at, new);
        }
        let in_order: Vec<Label> = plain.iter().map(|index| labels[index.0 as usize]).collect();
        assert!(in_order.is_sorted_by(|one, other| one < other), "labels are not in order");
        assert!(in_order.iter().all(|&label| label > LOWEST && label < HIGHEST));
        relabelled
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn labels_order_as_the_list_does(
            places in prop::collection::vec(any::<u16>(), 0..300),
            same in any::<u16>(),
        ) {
            insert_at(places);
            insert_at([same; 300]);
        }
    }

    #[test]
    fn no_order_of_arrival_is_dear() {
        // In the middle, at both ends, and just before the last.
        for share in [0, u16::MAX / 2, u16::MAX] {
            let relabelled = insert_at([share; 2000]);
            assert!(relabelled < 2000 * 30, "{relabelled} new labels for 2000 students");
        }
    }
}
