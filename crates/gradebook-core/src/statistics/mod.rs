//! The distribution of a set of scores: one file per statistic.
//!
//! All of it depends on which scores there are, never on the order in which they came.

mod deviation;
mod histogram;
mod quartiles;
mod range;
mod standing;
mod tally;

use serde::Serialize;

pub use histogram::HISTOGRAM_BINS;
pub use standing::Standing;
pub(crate) use standing::standings;

use self::tally::Tally;
use crate::{Score, Sum};

/// The distribution of the counted scores of one student or one exam.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// The lowest score.
    pub minimum: f64,
    /// The highest score.
    pub maximum: f64,
    /// The middle score; between two, their midpoint.
    pub median: f64,
    /// The first quartile, by linear interpolation (type 7 of Hyndman and Fan).
    pub lower_quartile: f64,
    /// The third quartile, likewise.
    pub upper_quartile: f64,
    /// The population standard deviation.
    pub standard_deviation: f64,
    /// How many scores lie in each tenth.
    pub histogram: [u32; HISTOGRAM_BINS],
}

impl Statistics {
    /// The distribution of `scores`, in any order, of which this is the sum.
    ///
    /// Costs three passes over them, and the selection from those few that lie close to a quartile
    /// or to one of the ends.
    ///
    /// # Panics
    /// Without scores.
    #[must_use]
    pub fn of(scores: &[Score], sum: Sum) -> Self {
        assert!(!scores.is_empty(), "invariant: what is held has at least one result");
        let places = range::places(scores.len()).into_iter();
        let places: Vec<usize> = places.chain(quartiles::places(scores.len())).collect();
        let tally = Tally::new(scores);
        let ordered = tally.order(&places);
        let [minimum, maximum] = range::range(&ordered, scores.len());
        let [lower_quartile, median, upper_quartile] = quartiles::quartiles(&ordered, scores.len());
        Self {
            minimum: minimum.get(),
            maximum: maximum.get(),
            median,
            lower_quartile,
            upper_quartile,
            standard_deviation: deviation::standard_deviation(scores, sum),
            histogram: histogram::histogram(&tally),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Up to a few thousand scores, many of them alike, or near each other, or very small.
    pub(super) fn scores() -> impl Strategy<Value = Vec<Score>> {
        let value = prop_oneof![
            2 => (0u32..=20).prop_map(|part| f64::from(part) / 20.0),
            4 => 0.0..=1.0f64,
            2 => 0.5..0.5001f64,
            1 => Just(1e-20),
        ];
        let score = value.prop_map(|value| Score::new(value).unwrap());
        prop_oneof![
            9 => prop::collection::vec(score.clone(), 1..30),
            1 => prop::collection::vec(score, 1000..1100),
        ]
    }

    fn statistics_of(scores: &[Score]) -> Statistics {
        Statistics::of(scores, scores.iter().copied().sum())
    }

    #[test]
    fn the_example_of_the_api() {
        let scores = [0.991, 0.88].map(|value| Score::new(value).unwrap());
        let expected = Statistics {
            minimum: 0.88,
            maximum: 0.991,
            median: 0.9355,
            // 0.90775, 0.96325 and 0.0555, if 0.88 and 0.991 were what they look like and not
            // doubles.
            lower_quartile: 0.907_750_000_000_000_1,
            upper_quartile: 0.963_249_999_999_999_9,
            standard_deviation: 0.055_499_999_999_999_994,
            histogram: [0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
        };
        assert_eq!(statistics_of(&scores), expected);
    }

    proptest! {
        #[test]
        fn order_does_not_matter(
            (scores, shuffled) in scores().prop_flat_map(
                |scores| (Just(scores.clone()), Just(scores).prop_shuffle())
            )
        ) {
            let (one, other) = (statistics_of(&scores), statistics_of(&shuffled));
            prop_assert_eq!(one.standard_deviation.to_bits(), other.standard_deviation.to_bits());
            prop_assert_eq!(one, other);
        }
    }
}
