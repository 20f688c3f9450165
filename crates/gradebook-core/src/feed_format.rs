//! From the data of an event to a score, or to the reason why not.

use serde::Serialize;

use crate::{ExamNumber, Score, StudentId};

/// A score as one event gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedScore {
    /// Whose score it is.
    pub student: StudentId,
    /// For which exam.
    pub exam: ExamNumber,
    /// How well.
    pub score: Score,
}

/// Why an event of type `score` was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectionReason {
    /// The data is not JSON, nor close enough to it to be read.
    NotJson,
    /// The data is JSON, but not an object.
    NotAnObject,
    /// `exam`, `studentId` or `score` is not there.
    MissingMember,
    /// A member has a value of another type.
    WrongType,
    /// The exam is not an integer from 0 to 2^53 − 1.
    ExamOutOfRange,
    /// The student id is empty, too long, or has control characters.
    StudentIdInvalid,
    /// The score is not within 0 and 1.
    ScoreOutOfRange,
    /// The event is larger than the bound.
    EventTooLarge,
}

/// A refused event: the reason, and what exactly was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// The reason, for counting and for programs.
    pub reason: RejectionReason,
    /// For people: `1.5 is not within 0 and 1`.
    pub detail: String,
}

impl RejectionReason {
    /// The name in the API and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not-json",
            Self::NotAnObject => "not-an-object",
            Self::MissingMember => "missing-member",
            Self::WrongType => "wrong-type",
            Self::ExamOutOfRange => "exam-out-of-range",
            Self::StudentIdInvalid => "student-id-invalid",
            Self::ScoreOutOfRange => "score-out-of-range",
            Self::EventTooLarge => "event-too-large",
        }
    }
}

/// Reads the data of a `score` event.
///
/// # Errors
/// A [`Refusal`] that names the reason.
pub fn parse(data: &str) -> Result<FeedScore, Refusal> {
    let refuse = |reason, detail: &str| Refusal { reason, detail: detail.to_owned() };
    let value: serde_json::Value = serde_json::from_str(data)
        .or_else(|_| json5::from_str(data))
        .map_err(|_| refuse(RejectionReason::NotJson, "the data is not JSON"))?;
    let object =
        value.as_object().ok_or_else(|| refuse(RejectionReason::NotAnObject, "not an object"))?;
    let member = |name: &str| {
        object.get(name).ok_or_else(|| {
            refuse(RejectionReason::MissingMember, &format!("there is no member `{name}`"))
        })
    };
    let wrong = || refuse(RejectionReason::WrongType, "a member has another type");
    let student = member("studentId")?.as_str().ok_or_else(wrong)?;
    let exam = member("exam")?.as_u64().ok_or_else(wrong)?;
    let score = member("score")?.as_f64().ok_or_else(wrong)?;
    Ok(FeedScore {
        student: StudentId::parse(student)
            .map_err(|error| refuse(RejectionReason::StudentIdInvalid, &error.to_string()))?,
        exam: ExamNumber::new(exam)
            .map_err(|error| refuse(RejectionReason::ExamOutOfRange, &error.to_string()))?,
        score: Score::new(score)
            .map_err(|error| refuse(RejectionReason::ScoreOutOfRange, &error.to_string()))?,
    })
}
