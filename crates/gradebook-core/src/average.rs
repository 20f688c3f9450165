//! Exact sums, and the only place where a number is rounded.

use crate::Score;

/// Fractional bits of a [`Sum`].
const FRACTION_BITS: i32 = 96;

/// Explicit mantissa bits of an IEEE-754 double, and the bias of its exponent (IEEE 754-2019 §3.4).
pub(crate) const MANTISSA_BITS: u32 = 52;
const EXPONENT_BIAS: i32 = 1023;

/// A sum of up to 2^32 − 1 scores: unsigned fixed point with 96 fractional bits.
///
/// Every double from 2^-44 up is a whole number of units of 2^-96, so it is added exactly; a
/// smaller one is rounded to the nearest unit, an error of at most 2^-97. Adding and taking away
/// are therefore exact inverses, and the order does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum(u128);

impl Sum {
    /// Adds one score.
    pub fn add(&mut self, score: Score) {
        self.0 += fixed_point(score);
    }

    /// Takes away a score that was added before.
    pub fn subtract(&mut self, score: Score) {
        self.0 -= fixed_point(score);
    }

    /// An exact quotient in whole units of 2^-`bits` (at most 96), the rest cut off.
    pub(crate) fn divided(self, count: u32, bits: u32) -> u128 {
        (self.0 / u128::from(count)) >> (FRACTION_BITS as u32 - bits)
    }
}

impl std::iter::Sum<Score> for Sum {
    fn sum<I: Iterator<Item = Score>>(scores: I) -> Self {
        let mut sum = Self::default();
        scores.for_each(|score| sum.add(score));
        sum
    }
}

/// `score` in units of 2^-96, rounded to nearest, ties to even.
fn fixed_point(score: Score) -> u128 {
    let bits = score.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as i32;
    let fraction = u128::from(bits & ((1 << MANTISSA_BITS) - 1));
    // A subnormal (exponent 0) has no hidden bit, and the scale of exponent 1.
    let mantissa = if exponent == 0 { fraction } else { fraction | 1 << MANTISSA_BITS };
    let shift = FRACTION_BITS + exponent.max(1) - EXPONENT_BIAS - MANTISSA_BITS as i32;
    if shift >= 0 { mantissa << shift } else { shift_right_rounded(mantissa, shift.unsigned_abs()) }
}

/// `value / 2^shift`, rounded to nearest, ties to even.
fn shift_right_rounded(value: u128, shift: u32) -> u128 {
    if shift > 127 {
        return 0; // callers pass at most 64 bits, so less than half a unit is left
    }
    let floor = value >> shift;
    let rest = value & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    floor + u128::from(rest > half || (rest == half && floor & 1 == 1))
}

/// The mean of `count` scores that add up to `sum`: the double nearest to the exact quotient, ties
/// to even.
///
/// # Panics
/// When `count` is 0: nothing has no average.
#[must_use]
pub fn average(sum: Sum, count: u32) -> f64 {
    assert!(count > 0, "invariant: an average is asked for only where there are results");
    if sum.0 == 0 {
        return 0.0;
    }
    // With the dividend's top bit set, the quotient has at least 128 - 32 = 96 significant bits:
    // the 53 of a double, a rounding bit, and a remainder that only decides ties.
    let scaled_by = sum.0.leading_zeros();
    let dividend = sum.0 << scaled_by;
    let divisor = u128::from(count);
    let quotient = dividend / divisor;
    let sticky = u128::from(!dividend.is_multiple_of(divisor));
    let drop = (128 - quotient.leading_zeros()) - (MANTISSA_BITS + 1);
    // `drop` is at least 43, so the lowest bit is free to say "and a little more".
    let mantissa = shift_right_rounded(quotient | sticky, drop);
    let exponent = drop as i32 - scaled_by as i32 - FRACTION_BITS;
    // A mantissa that rounded up to 2^53 carries into the exponent field by itself.
    let biased = exponent + EXPONENT_BIAS + MANTISSA_BITS as i32;
    f64::from_bits(((biased as u64 - 1) << MANTISSA_BITS) + mantissa as u64)
}

/// False only where the [`average`] is certainly not within the doubles with these bits: a far
/// cheaper answer than working it out.
pub(crate) fn may_average_within(sum: Sum, count: usize, least: u64, greatest: u64) -> bool {
    // An average is off by less than one unit in its last place, and a fixed point by less than one
    // unit; so the bounds are taken that much wider. What is not a score bounds nothing.
    let times_count = |units: u128| units.saturating_mul(count as u128);
    let low = Score::from_bits(least.saturating_sub(1));
    let high = Score::from_bits(greatest.saturating_add(1));
    low.is_none_or(|low| sum.0 >= times_count(fixed_point(low).saturating_sub(1)))
        && high.is_none_or(|high| sum.0 <= times_count(fixed_point(high) + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn average_of(values: &[f64]) -> f64 {
        let mut sum = Sum::default();
        for &value in values {
            sum.add(Score::new(value).unwrap());
        }
        average(sum, values.len().try_into().unwrap())
    }

    #[test]
    fn averages_are_correctly_rounded() {
        assert_eq!(average_of(&[0.991, 0.88]).to_string(), "0.9355");
        assert_eq!(average_of(&[0.1, 0.2, 0.3]).to_string(), "0.2");
        assert_eq!(average_of(&[1.0; 7]), 1.0);
        assert_eq!(average_of(&[0.0; 7]), 0.0);
        assert_eq!(average_of(&[1.0, 0.0, 0.0]), 1.0 / 3.0);
    }

    proptest! {
        #[test]
        fn average_of_one_is_the_score(value in 5.7e-14..=1.0) {
            prop_assert_eq!(average_of(&[value]), value);
        }

        /// Dividing two doubles rounds once, so it is correct whenever both are exact.
        #[test]
        fn average_of_binary_fractions(units in prop::collection::vec(0u32..=1024, 1..200)) {
            let values: Vec<f64> = units.iter().map(|&unit| f64::from(unit) / 1024.0).collect();
            let total: u32 = units.iter().sum();
            prop_assert_eq!(average_of(&values), f64::from(total) / (1024.0 * values.len() as f64));
        }

        #[test]
        fn a_sum_divided_by_its_count_has_the_leading_bits_of_the_score(
            value in 0.1..=1.0f64,
            scale in 0i32..40,
            bits in 0u32..=63,
            count in 1u32..100,
        ) {
            let score = Score::new(value * 2f64.powi(-scale)).unwrap();
            let sum: Sum = (0..count).map(|_| score).sum();
            let expected = fixed_point(score) >> (FRACTION_BITS as u32 - bits);
            prop_assert_eq!(sum.divided(count, bits), expected);
        }

        #[test]
        fn taking_away_undoes_adding(
            values in prop::collection::vec(0.0..=1.0, 1..50),
            extra in 0.0..=1.0,
        ) {
            let mut sum = Sum::default();
            values.iter().for_each(|&value| sum.add(Score::new(value).unwrap()));
            let before = sum;
            let extra = Score::new(extra).unwrap();
            sum.add(extra);
            sum.subtract(extra);
            prop_assert_eq!(sum, before);
        }
    }
}
