//! From the data of an event to a score, or to the reason why not.
//!
//! The data is JSON, and is read as such. Only what is no JSON gets a second, tolerant reading: the
//! feed's own documentation prints `{"exam": 3, "studentId": "foo", score: .991}`, which is JSON5.
//! What is JSON and means something else is never read a second time.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::exam::EXAM_NUMBER_MAX;
use crate::{ExamNumber, Score, StudentId};

/// The largest data that gets a tolerant reading, in bytes. A score takes about 80.
pub const TOLERANT_BYTES_MAX: usize = 16 * 1_024;

/// The most opening brackets in data that gets a tolerant reading. The tolerant parser calls itself
/// for every level, and at some ten thousand levels would end the process; a score has one.
pub const TOLERANT_BRACKETS_MAX: usize = 64;

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

/// Reads the data of a `score` event: an object with `exam`, `studentId` and `score`, in any order.
/// Other members are ignored; of a member that is there twice the last one counts.
///
/// # Errors
/// A [`Refusal`] that names the reason, and never the student.
pub fn parse(data: &str) -> Result<FeedScore, Refusal> {
    match strictly(data) {
        Ok(document) => document.0,
        Err(error) => match tolerantly(data) {
            Some(document) => document.0,
            // The message is one of the parser's own and a place in the text: no part of the text.
            None => Err(Refusal::new(RejectionReason::NotJson, error.to_string())),
        },
    }
}

fn strictly(data: &str) -> Result<Document, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(data);
    let document = Document::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(document)
}

fn tolerantly(data: &str) -> Option<Document> {
    if data.len() > TOLERANT_BYTES_MAX {
        return None;
    }
    // Counted whether they are in texts or comments or not, so never too few.
    let brackets = data.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if brackets > TOLERANT_BRACKETS_MAX { None } else { json5::from_str(data).ok() }
}

/// A whole text: a parser fails only where the grammar is broken, the rest is in here.
struct Document(Result<FeedScore, Refusal>);

/// A member that matters, or another.
enum MemberName {
    Exam,
    StudentId,
    Score,
    Other,
}

/// The value of a member, or why it is none.
struct Member<T>(Result<T, Refusal>);

/// What can be the value of a member. Whatever is not overridden has the wrong type.
trait MemberValue: Sized {
    /// The name of the member.
    const NAME: &'static str;
    /// What the value has to be, with its article.
    const TYPE: &'static str;

    fn from_text(_text: &str) -> Result<Self, Refusal> {
        Err(Self::wrong_type("a string"))
    }
    fn from_integer(_number: u64) -> Result<Self, Refusal> {
        Err(Self::wrong_type("a number"))
    }
    fn from_double(_number: f64) -> Result<Self, Refusal> {
        Err(Self::wrong_type("a number"))
    }
    fn wrong_type(found: &str) -> Refusal {
        let detail = format!("`{}` is {found}, not {}", Self::NAME, Self::TYPE);
        Refusal::new(RejectionReason::WrongType, detail)
    }
    fn missing() -> Refusal {
        let detail = format!("there is no member `{}`", Self::NAME);
        Refusal::new(RejectionReason::MissingMember, detail)
    }
}

impl MemberValue for StudentId {
    const NAME: &'static str = "studentId";
    const TYPE: &'static str = "a string";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Self::parse(text)
            .map_err(|error| Refusal::new(RejectionReason::StudentIdInvalid, error.to_string()))
    }
}

impl MemberValue for ExamNumber {
    const NAME: &'static str = "exam";
    const TYPE: &'static str = "a number";

    fn from_integer(number: u64) -> Result<Self, Refusal> {
        Self::new(number).map_err(|_| exam_out_of_range(number))
    }

    /// `3.0` and `3e0` are integers too. What is written with more digits than a double has is
    /// taken for the nearest double, as any reader of JSON would (RFC 8259 §6).
    fn from_double(number: f64) -> Result<Self, Refusal> {
        let integer = number as u64;
        if integer as f64 == number && integer <= EXAM_NUMBER_MAX {
            Self::from_integer(integer)
        } else {
            Err(exam_out_of_range(number))
        }
    }
}

fn exam_out_of_range(number: impl fmt::Display) -> Refusal {
    let detail = format!("{number} is not an integer from 0 to {EXAM_NUMBER_MAX}");
    Refusal::new(RejectionReason::ExamOutOfRange, detail)
}

impl MemberValue for Score {
    const NAME: &'static str = "score";
    const TYPE: &'static str = "a number";

    fn from_integer(number: u64) -> Result<Self, Refusal> {
        Self::from_double(number as f64)
    }

    fn from_double(number: f64) -> Result<Self, Refusal> {
        Self::new(number).map_err(|_| {
            let detail = format!("{number} is not within 0 and 1");
            Refusal::new(RejectionReason::ScoreOutOfRange, detail)
        })
    }
}

impl Refusal {
    fn new(reason: RejectionReason, detail: String) -> Self {
        Self { reason, detail }
    }
}

impl Document {
    fn other(found: &str) -> Self {
        let detail = format!("the data is {found}, not an object");
        Self(Err(Refusal::new(RejectionReason::NotAnObject, detail)))
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Document, A::Error> {
        let mut exam: Option<Member<ExamNumber>> = None;
        let mut student: Option<Member<StudentId>> = None;
        let mut score: Option<Member<Score>> = None;
        while let Some(name) = members.next_key()? {
            match name {
                MemberName::Exam => exam = Some(members.next_value()?),
                MemberName::StudentId => student = Some(members.next_value()?),
                MemberName::Score => score = Some(members.next_value()?),
                MemberName::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Document(assemble(exam, student, score)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Document, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Document::other("an array"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Document, E> {
        Ok(Document::other("a string"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Document, E> {
        Ok(Document::other("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Document, E> {
        Ok(Document::other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Document, E> {
        Ok(Document::other("a number"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Document, E> {
        Ok(Document::other("a boolean"))
    }

    fn visit_unit<E>(self) -> Result<Document, E> {
        Ok(Document::other("null"))
    }
}

/// What is missing is told before what is wrong.
fn assemble(
    exam: Option<Member<ExamNumber>>,
    student: Option<Member<StudentId>>,
    score: Option<Member<Score>>,
) -> Result<FeedScore, Refusal> {
    let exam = exam.ok_or_else(ExamNumber::missing)?;
    let student = student.ok_or_else(StudentId::missing)?;
    let score = score.ok_or_else(Score::missing)?;
    Ok(FeedScore { student: student.0?, exam: exam.0?, score: score.0? })
}

impl<'de> Deserialize<'de> for MemberName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(MemberNameVisitor)
    }
}

struct MemberNameVisitor;

impl Visitor<'_> for MemberNameVisitor {
    type Value = MemberName;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<MemberName, E> {
        Ok(match name {
            ExamNumber::NAME => MemberName::Exam,
            StudentId::NAME => MemberName::StudentId,
            Score::NAME => MemberName::Score,
            _ => MemberName::Other,
        })
    }
}

impl<'de, T: MemberValue> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor(PhantomData))
    }
}

struct MemberVisitor<T>(PhantomData<T>);

impl<'de, T: MemberValue> Visitor<'de> for MemberVisitor<T> {
    type Value = Member<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(T::TYPE)
    }

    fn visit_str<E>(self, text: &str) -> Result<Member<T>, E> {
        Ok(Member(T::from_text(text)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Member<T>, E> {
        Ok(Member(T::from_integer(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Member<T>, E> {
        Ok(Member(match u64::try_from(number) {
            Ok(number) => T::from_integer(number),
            Err(_) => T::from_double(number as f64),
        }))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Member<T>, E> {
        Ok(Member(T::from_double(number)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Member<T>, E> {
        Ok(Member(Err(T::wrong_type("a boolean"))))
    }

    fn visit_unit<E>(self) -> Result<Member<T>, E> {
        Ok(Member(Err(T::wrong_type("null"))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Member<T>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member(Err(T::wrong_type("an array"))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Member<T>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member(Err(T::wrong_type("an object"))))
    }
}

#[cfg(test)]
mod tests;
