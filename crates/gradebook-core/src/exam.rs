//! What a score was given for.

use std::fmt;

use serde::Serialize;

/// The largest exam number: 2^53 − 1, the largest integer that every JSON reader keeps exact
/// (RFC 8259 §6).
pub const EXAM_NUMBER_MAX: u64 = (1 << 53) - 1;

/// The number of an exam: 0 to [`EXAM_NUMBER_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ExamNumber(u64);

/// Why a number or text is not an exam number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an exam number is an integer from 0 to {EXAM_NUMBER_MAX}, without sign or leading zeros")]
pub struct ExamNumberError;

impl ExamNumber {
    /// Checks the bound.
    ///
    /// # Errors
    /// Above [`EXAM_NUMBER_MAX`].
    pub fn new(number: u64) -> Result<Self, ExamNumberError> {
        if number <= EXAM_NUMBER_MAX { Ok(Self(number)) } else { Err(ExamNumberError) }
    }

    /// Reads the one spelling of an exam number that paths and queries accept:
    /// `0|[1-9][0-9]*`, at most [`EXAM_NUMBER_MAX`].
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, ExamNumberError> {
        let canonical = text == "0"
            || (!text.starts_with('0')
                && (1..=16).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_digit()));
        if !canonical {
            return Err(ExamNumberError);
        }
        text.parse().map_err(|_| ExamNumberError).and_then(Self::new)
    }

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ExamNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_names_an_exam() {
        for (text, number) in [("0", 0), ("3", 3), ("9007199254740991", EXAM_NUMBER_MAX)] {
            assert_eq!(ExamNumber::parse(text).map(ExamNumber::get), Ok(number));
        }
        let others = ["", "03", "-1", "+3", "3.0", "abc", " 3", "9007199254740992", "00"];
        for text in others {
            assert_eq!(ExamNumber::parse(text), Err(ExamNumberError), "{text}");
        }
    }
}
