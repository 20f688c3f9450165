//! The population standard deviation.

use crate::{Score, Sum};

/// Scores are taken in whole units of 2^-62: exactly from 2^-10 up, and cut off below.
const FRACTION_BITS: u32 = 62;

/// `score` in whole units. Multiplying by a power of two is exact, and a conversion cuts off.
#[expect(clippy::float_arithmetic, reason = "exact")]
fn units(score: Score) -> i64 {
    const UNITS: f64 = (1i64 << FRACTION_BITS) as f64;
    (score.get() * UNITS) as i64
}

/// The population standard deviation of `scores`, of which this is the sum.
///
/// The squares of the distances from the (rounded) average are added up as integers, so that the
/// order does not matter and nothing is lost where the scores lie close together. Only the sum is
/// rounded, then divided, then its root is taken: within two units in the last place.
#[expect(clippy::float_arithmetic, reason = "rounds the exact sum of squares")]
pub(super) fn standard_deviation(scores: &[Score], sum: Sum) -> f64 {
    let average = sum.divided(scores.len() as u32, FRACTION_BITS) as i64;
    // A square has up to 124 bits: beyond sixteen of them their sum may overflow, and that is
    // counted.
    let (mut squares, mut overflows) = (0u128, 0u64);
    for &score in scores {
        let distance = u128::from(units(score).abs_diff(average));
        let (sum, overflowed) = squares.overflowing_add(distance * distance);
        squares = sum;
        overflows += u64::from(overflowed);
    }
    let (high, low) = (u128::from(overflows) << 64 | squares >> 64, squares as u64);
    let squares = high as f64 + low as f64 / 2f64.powi(64);
    let whole_square = 2f64.powi(2 * FRACTION_BITS as i32 - 64);
    (squares / (scores.len() as f64 * whole_square)).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::scores;
    use super::*;

    fn deviation_of(scores: &[Score]) -> f64 {
        standard_deviation(scores, scores.iter().copied().sum())
    }

    fn naive(scores: &[Score]) -> f64 {
        let count = scores.len() as f64;
        let average = scores.iter().map(|score| score.get()).sum::<f64>() / count;
        let squares = scores.iter().map(|score| (score.get() - average).powi(2));
        (squares.sum::<f64>() / count).sqrt()
    }

    #[test]
    fn equal_scores_do_not_deviate_and_opposite_ones_do_by_a_half() {
        let score = |value| Score::new(value).unwrap();
        assert_eq!(deviation_of(&[score(0.1); 1000]), 0.0);
        assert_eq!(deviation_of(&[score(0.0), score(1.0)].repeat(1000)), 0.5);
    }

    proptest! {
        #[test]
        fn agrees_with_floating_point(scores in scores()) {
            prop_assert!((deviation_of(&scores) - naive(&scores)).abs() < 1e-14);
        }
    }
}
