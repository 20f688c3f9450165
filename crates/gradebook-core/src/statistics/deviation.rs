//! The population standard deviation.

use crate::Score;
use crate::average::fraction_bits;

/// Scores are taken in whole units of 2^-62: exactly from 2^-10 up, and cut off below.
const FRACTION_BITS: u32 = 62;

/// The population standard deviation of `scores`.
///
/// The squares of the distances from the (rounded) average are added up as integers, so that the
/// order does not matter and nothing is lost where the scores lie close together. Only the sum is
/// rounded, then divided, then its root is taken: within two units in the last place.
#[expect(clippy::float_arithmetic, reason = "rounds the exact sum of squares")]
pub(super) fn standard_deviation(scores: &[Score]) -> f64 {
    let units = |score: &Score| fraction_bits(*score, FRACTION_BITS) as i64;
    let count = scores.len() as i128;
    let sum: i128 = scores.iter().map(|score| i128::from(units(score))).sum();
    let average = ((sum + count / 2) / count) as i64;
    // A square has up to 124 bits, so the halves of the squares are added up separately.
    let (mut high, mut low) = (0u128, 0u128);
    for score in scores {
        let distance = i128::from(units(score) - average);
        let square = (distance * distance).unsigned_abs();
        high += square >> 64;
        low += square & u128::from(u64::MAX);
    }
    high += low >> 64;
    let whole_square = 2f64.powi(2 * FRACTION_BITS as i32 - 64);
    let squares = high as f64 + (low as u64) as f64 / 2f64.powi(64);
    (squares / (count as f64 * whole_square)).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::scores;
    use super::*;

    fn naive(scores: &[Score]) -> f64 {
        let count = scores.len() as f64;
        let average = scores.iter().map(|score| score.get()).sum::<f64>() / count;
        let squares = scores.iter().map(|score| (score.get() - average).powi(2));
        (squares.sum::<f64>() / count).sqrt()
    }

    #[test]
    fn equal_scores_do_not_deviate_and_opposite_ones_do_by_a_half() {
        let score = |value| Score::new(value).unwrap();
        assert_eq!(standard_deviation(&[score(0.1); 1000]), 0.0);
        assert_eq!(standard_deviation(&[score(0.0), score(1.0)].repeat(1000)), 0.5);
    }

    proptest! {
        #[test]
        fn agrees_with_floating_point(scores in scores()) {
            prop_assert!((standard_deviation(&scores) - naive(&scores)).abs() < 1e-14);
        }
    }
}
