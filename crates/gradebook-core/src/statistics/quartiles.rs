//! Median and quartiles: type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996).

use super::tally::Ordered;
use crate::{Sum, average};

/// The place of quartile k of n scores is k(n − 1)/4, counted from 0: a whole one, and so many
/// quarters of the way to the next.
fn place(quarter: usize, scores: usize) -> (usize, usize) {
    let quarters = quarter * (scores - 1);
    (quarters / 4, quarters % 4)
}

/// The places of the scores that the quartiles of `scores` scores are made of.
pub(super) fn places(scores: usize) -> impl Iterator<Item = usize> {
    (1..=3).flat_map(move |quarter| {
        let (at, quarters) = place(quarter, scores);
        at..=at + usize::from(quarters > 0)
    })
}

/// The first quartile, the median and the third quartile of so many scores: each the exact value,
/// rounded once.
pub(super) fn quartiles(ordered: &Ordered, scores: usize) -> [f64; 3] {
    [1, 2, 3].map(|quarter| {
        let (at, quarters) = place(quarter, scores);
        let below = ordered.at(at);
        if quarters == 0 {
            return below.get();
        }
        let above = ordered.at(at + 1);
        if below == above {
            return below.get();
        }
        let mut sum = Sum::default();
        (quarters..4).for_each(|_| sum.add(below));
        (0..quarters).for_each(|_| sum.add(above));
        average(sum, 4)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tally::Tally;
    use super::super::tests::scores;
    use super::*;
    use crate::Score;

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
            let places: Vec<usize> = places(scores.len()).collect();
            let found = quartiles(&Tally::new(&scores).order(&places), scores.len());
            for (quartile, share) in found.into_iter().zip([0.25, 0.5, 0.75]) {
                prop_assert!((quartile - naive(&scores, share)).abs() <= 2.3e-16);
            }
        }
    }
}
