//! Minimum and maximum.

use super::tally::Ordered;
use crate::Score;

/// The places of the lowest and the highest of `scores` scores.
pub(super) fn places(scores: usize) -> [usize; 2] {
    [0, scores - 1]
}

/// The lowest and the highest of so many scores.
pub(super) fn range(ordered: &Ordered, scores: usize) -> [Score; 2] {
    places(scores).map(|place| ordered.at(place))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tally::Tally;
    use super::super::tests::scores;
    use super::*;

    proptest! {
        #[test]
        fn are_the_ends_of_the_sorted_scores(scores in scores()) {
            let mut sorted = scores.clone();
            sorted.sort_unstable();
            let found = range(&Tally::new(&scores).order(&places(scores.len())), scores.len());
            prop_assert_eq!(found, [sorted[0], sorted[sorted.len() - 1]]);
        }
    }
}
