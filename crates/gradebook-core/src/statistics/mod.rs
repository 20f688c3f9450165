//! The distribution of a set of scores.

use serde::Serialize;

use crate::Score;

/// How many bins a histogram has: [0, 0.1), [0.1, 0.2), … [0.9, 1].
pub const HISTOGRAM_BINS: usize = 10;

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
    /// The distribution of `scores`, in any order.
    ///
    /// # Panics
    /// Without scores.
    #[must_use]
    pub fn of(mut scores: Vec<Score>) -> Self {
        assert!(!scores.is_empty(), "invariant: what is held has at least one result");
        scores.sort_unstable();
        let values: Vec<f64> = scores.iter().map(|score| score.get()).collect();
        let quantile = |share: f64| {
            let place = share * (values.len() - 1) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            values[below] + (place - place.floor()) * (values[above] - values[below])
        };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let mut histogram = [0; HISTOGRAM_BINS];
        for value in &values {
            histogram[((value * 10.0) as usize).min(HISTOGRAM_BINS - 1)] += 1;
        }
        Self {
            minimum: values[0],
            maximum: values[values.len() - 1],
            median: quantile(0.5),
            lower_quartile: quantile(0.25),
            upper_quartile: quantile(0.75),
            standard_deviation: (squares / values.len() as f64).sqrt(),
            histogram,
        }
    }
}
