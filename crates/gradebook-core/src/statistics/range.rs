//! Minimum and maximum.

use crate::Score;

/// The lowest and the highest of `scores`; zero and zero where there are none.
pub(super) fn range(scores: &[Score]) -> (Score, Score) {
    let first = scores.first().copied().unwrap_or(Score::ZERO);
    scores.iter().fold((first, first), |(low, high), &score| (low.min(score), high.max(score)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::scores;
    use super::*;

    proptest! {
        #[test]
        fn are_the_ends_of_the_sorted_scores(scores in scores()) {
            let mut sorted = scores.clone();
            sorted.sort_unstable();
            prop_assert_eq!(Some(&range(&scores).0), sorted.first());
            prop_assert_eq!(Some(&range(&scores).1), sorted.last());
        }
    }
}
