//! How many scores lie in each tenth.

use crate::Score;
use crate::average::fraction_bits;

/// How many bins a histogram has: [0, 0.1), [0.1, 0.2), … [0.9, 1].
pub const HISTOGRAM_BINS: usize = 10;

/// Where each bin but the first begins. The doubles nearest to the tenths: a score that is written
/// 0.3 lies in [0.3, 0.4), though that double is a little less than three tenths.
const EDGES: [f64; HISTOGRAM_BINS - 1] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// How many of `scores` lie in each tenth.
pub(super) fn histogram(scores: &[Score]) -> [u32; HISTOGRAM_BINS] {
    let mut bins = [0; HISTOGRAM_BINS];
    for &score in scores {
        bins[bin(score)] += 1;
    }
    bins
}

/// A tenth of a fixed point is found without a search, but next to an edge it may be the wrong one.
fn bin(score: Score) -> usize {
    let tenth = (fraction_bits(score, 60) * HISTOGRAM_BINS as u64) >> 60;
    let bin = (tenth as usize).min(HISTOGRAM_BINS - 1);
    let edge_at = |edge: usize| EDGES.get(edge).copied();
    let too_high = bin > 0 && edge_at(bin - 1).is_some_and(|edge| score.get() < edge);
    let too_low = edge_at(bin).is_some_and(|edge| score.get() >= edge);
    bin + usize::from(too_low) - usize::from(too_high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::scores;
    use super::*;

    #[test]
    fn a_score_lies_in_the_bin_that_its_first_decimal_names() {
        for (text, bin) in [
            ("0", 0),
            ("0.09999999999999999", 0),
            ("0.3", 3),
            ("0.29999999999999993", 2),
            ("0.6", 6),
            ("0.7", 7),
            ("1", 9),
        ] {
            let bins = histogram(&[Score::new(text.parse().unwrap()).unwrap()]);
            assert_eq!(bins.iter().position(|&count| count == 1), Some(bin), "{text}");
        }
    }

    proptest! {
        /// The first decimal is read off the shortest text of the score.
        #[test]
        fn counts_first_decimals(scores in scores()) {
            let mut expected = [0; HISTOGRAM_BINS];
            for score in &scores {
                let text = format!("{}", score.get());
                let decimal = text.strip_prefix("0.").map_or("0", |decimals| &decimals[..1]);
                expected[if text == "1" { 9 } else { decimal.parse::<usize>().unwrap() }] += 1;
            }
            prop_assert_eq!(histogram(&scores), expected);
        }
    }
}
