//! Which of several scores for one student and exam counts.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::Score;

/// Which score counts when a student has more than one for an exam.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "the words of the API: keep_latest and so on")]
pub enum ScoringPolicy {
    /// The last one delivered: a correction is simply sent again.
    #[default]
    KeepLatest,
    /// The highest one.
    KeepHighest,
    /// The first one; later ones are kept in the journal and do not count.
    KeepFirst,
}

/// Why a text is not a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scoring policy is keep_latest, keep_highest or keep_first")]
pub struct ScoringPolicyError;

impl ScoringPolicy {
    /// Whether `offered` takes the place of `counted`. An equal score never does: a re-delivery
    /// moves nothing.
    #[must_use]
    pub fn replaces(self, counted: Score, offered: Score) -> bool {
        match self {
            Self::KeepLatest => offered != counted,
            Self::KeepHighest => offered > counted,
            Self::KeepFirst => false,
        }
    }

    /// The name in settings and in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KeepLatest => "keep_latest",
            Self::KeepHighest => "keep_highest",
            Self::KeepFirst => "keep_first",
        }
    }
}

impl fmt::Display for ScoringPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for ScoringPolicy {
    type Err = ScoringPolicyError;

    fn from_str(text: &str) -> Result<Self, ScoringPolicyError> {
        [Self::KeepLatest, Self::KeepHighest, Self::KeepFirst]
            .into_iter()
            .find(|policy| policy.name() == text)
            .ok_or(ScoringPolicyError)
    }
}
