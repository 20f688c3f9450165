//! How somebody did.

use serde::Serialize;

/// A score as the feed gave it: a double within 0 and 1, never NaN, never negative zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Score(f64);

/// Why a number is not a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a score is within 0 and 1")]
pub struct ScoreError;

impl Score {
    /// The lowest score.
    pub const ZERO: Self = Self(0.0);

    /// # Errors
    /// Unless `0.0 <= value <= 1.0`; NaN is out of range.
    pub fn new(value: f64) -> Result<Self, ScoreError> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value.abs())) } else { Err(ScoreError) }
    }

    /// The score as a double within 0 and 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// The bits of the double. As a score is never negative, they order as the scores do.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    /// The score with these bits, if there is one.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        Self::new(f64::from_bits(bits)).ok().filter(|score| score.to_bits() == bits)
    }
}

impl Eq for Score {}

impl std::hash::Hash for Score {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.to_bits().hash(state);
    }
}

#[expect(clippy::derive_ord_xor_partial_ord, reason = "a score is never NaN: both orders agree")]
impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.to_bits().cmp(&other.to_bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_is_inclusive_and_nan_is_outside() {
        for value in [0.0, f64::MIN_POSITIVE, 5e-324, 0.991, 1.0] {
            assert_eq!(Score::new(value).map(Score::get), Ok(value));
        }
        for value in [-5e-324, 1.000_000_000_000_000_2, f64::NAN, f64::INFINITY] {
            assert_eq!(Score::new(value), Err(ScoreError));
        }
    }

    #[test]
    fn negative_zero_is_zero() {
        assert_eq!(Score::new(-0.0).map(Score::to_bits), Ok(0));
    }
}
