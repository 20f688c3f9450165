//! Median and quartiles: type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996).

use crate::average::fraction_bits;
use crate::{Score, Sum, average};

/// The scores are first counted in so many equal bins (and one for the score 1), so that only a few
/// of them need be put in order.
const BINS: usize = 1 << BIN_BITS;
const BIN_BITS: u32 = 12;

/// With fewer scores than this, counting bins would cost more than it saves.
const BINNED_SCORES_MIN: usize = 1024;

/// The first quartile, the median and the third quartile of `scores`, whose order is changed. Each
/// is the exact value, rounded once.
///
/// Quartile k of n scores stands at place k(n − 1)/4, counted from 0: mostly between two scores,
/// and then as far from the one to the other.
pub(super) fn quartiles(scores: &mut [Score]) -> [f64; 3] {
    let last = scores.len() - 1;
    let wanted = [1, 2, 3].map(|quarter| (quarter * last / 4, quarter * last % 4));
    let mut places: Vec<usize> =
        wanted.iter().flat_map(|&(at, _)| [at, last.min(at + 1)]).collect();
    places.sort_unstable();
    places.dedup();
    let found = order_statistics(scores, &places);
    let score_at = |place: usize| found[places.partition_point(|&other| other < place)];
    wanted.map(|(at, quarters)| {
        let (below, above) = (score_at(at), score_at(last.min(at + 1)));
        if quarters == 0 || below == above {
            return below.get();
        }
        let mut sum = Sum::default();
        (quarters..4).for_each(|_| sum.add(below));
        (0..quarters).for_each(|_| sum.add(above));
        average(sum, 4)
    })
}

/// The scores that stand at `places` (rising) in sorted order.
fn order_statistics(scores: &mut [Score], places: &[usize]) -> Vec<Score> {
    if scores.len() < BINNED_SCORES_MIN {
        return select(scores, places);
    }
    let mut counts = [0usize; BINS + 1];
    for &score in &*scores {
        counts[bin(score)] += 1;
    }
    // Scores in bins where no place falls are left out; the places count without them.
    let mut wanted = [false; BINS + 1];
    let (mut start, mut left_out, mut places) = (0, 0, places.to_vec());
    let mut rest = &mut places[..];
    for (count, wanted) in counts.into_iter().zip(&mut wanted) {
        let inside = rest.partition_point(|&place| place < start + count);
        *wanted = inside > 0;
        let (here, later) = rest.split_at_mut(inside);
        here.iter_mut().for_each(|place| *place -= left_out);
        left_out += if *wanted { 0 } else { count };
        start += count;
        rest = later;
    }
    let mut few: Vec<_> = scores.iter().copied().filter(|&score| wanted[bin(score)]).collect();
    select(&mut few, &places)
}

fn bin(score: Score) -> usize {
    fraction_bits(score, BIN_BITS) as usize
}

/// The scores that stand at `places` (rising) in sorted order.
fn select(scores: &mut [Score], places: &[usize]) -> Vec<Score> {
    let (mut rest, mut start) = (scores, 0);
    let selected = places.iter().map(|&place| {
        let (_, &mut score, later) = std::mem::take(&mut rest).select_nth_unstable(place - start);
        (rest, start) = (later, place + 1);
        score
    });
    selected.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::scores;
    use super::*;

    /// As NumPy has it.
    fn naive(scores: &[Score], share: f64) -> f64 {
        let mut values: Vec<f64> = scores.iter().map(|score| score.get()).collect();
        values.sort_by(f64::total_cmp);
        let place = share * (values.len() - 1) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        values[below] + (place - place.floor()) * (values[above] - values[below])
    }

    proptest! {
        #[test]
        fn agree_with_sorting_and_interpolating(scores in scores()) {
            let found = quartiles(&mut scores.clone());
            for (quartile, share) in found.into_iter().zip([0.25, 0.5, 0.75]) {
                prop_assert!((quartile - naive(&scores, share)).abs() <= 2.3e-16);
            }
        }
    }
}
