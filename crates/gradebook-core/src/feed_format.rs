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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(data: &str) -> (String, u64, f64) {
        let FeedScore { student, exam, score } = parse(data).unwrap_or_else(|refusal| {
            panic!("{data}: {refusal}");
        });
        (student.to_string(), exam.get(), score.get())
    }

    fn foo_3(score: f64) -> (String, u64, f64) {
        ("foo".to_owned(), 3, score)
    }

    #[test]
    fn members_are_read_in_any_order_and_others_are_ignored() {
        for data in [
            r#"{"studentId":"foo","exam":3,"score":0.991}"#,
            r#"{"score":0.991,"exam":3,"studentId":"foo"}"#,
            r#" { "exam" : 3 , "score" : 991e-3 , "studentId" : "foo" } "#,
            r#"{"exam":3,"at":[{"a":1e999}],"studentId":"foo","Score":2,"score":0.991,"x":null}"#,
            r#"{"\u0065xam":3,"studentId":"\u0066oo","score":0.991}"#,
            "{\"exam\":3,\n\"studentId\":\"foo\",\n\"score\":0.991}",
        ] {
            assert_eq!(read(data), foo_3(0.991));
        }
    }

    #[test]
    fn of_a_member_that_is_there_twice_the_last_one_counts() {
        let data =
            r#"{"exam":"x","score":7,"studentId":"bar","studentId":"foo","score":1,"exam":3}"#;
        assert_eq!(read(data), foo_3(1.0));
        let data = r#"{"exam":3,"studentId":"foo","score":1,"score":"1"}"#;
        assert_eq!(parse(data).unwrap_err().reason, RejectionReason::WrongType);
    }

    #[test]
    fn exams_may_be_spelt_in_any_way_that_is_an_integer() {
        for (text, exam) in [
            ("0", 0),
            ("-0", 0),
            ("3", 3),
            ("3.0", 3),
            ("3e0", 3),
            ("0.3E+1", 3),
            ("9007199254740991", EXAM_NUMBER_MAX),
            ("9007199254740991.0", EXAM_NUMBER_MAX),
        ] {
            let data = format!(r#"{{"exam":{text},"studentId":"foo","score":0}}"#);
            assert_eq!(read(&data), ("foo".to_owned(), exam, 0.0));
        }
    }

    #[test]
    fn what_the_documentation_of_the_feed_prints_is_read() {
        for data in [
            r#"{"exam": 3, "studentId": "foo", score: .991}"#,
            "{exam: 3, studentId: 'foo', score: .991,}",
            "{exam: 0x3, studentId: 'foo', score: +.991} // a comment",
        ] {
            assert_eq!(read(data), foo_3(0.991));
        }
    }

    #[test]
    fn negative_zero_is_zero() {
        for zero in ["0", "-0", "-0.0", "-0e5", "1e-999", "-1e-999"] {
            let data = format!(r#"{{"exam":3,"studentId":"foo","score":{zero}}}"#);
            assert_eq!(parse(&data).unwrap().score.to_bits(), 0, "{zero}");
        }
    }

    #[test]
    fn every_refusal_has_its_reason_and_a_detail_without_the_student() {
        use RejectionReason::*;
        let long_id = "x".repeat(513);
        let cases: &[(&str, RejectionReason, &str)] = &[
            ("", NotJson, "EOF while parsing a value at line 1 column 0"),
            ("foo", NotJson, "expected ident at line 1 column 2"),
            (r#"{"exam":3,"studentId":"foo","score":"#, NotJson, "EOF while parsing a value"),
            (r#"{"exam":3,"studentId":"foo","score":1}}"#, NotJson, "trailing characters"),
            (r#"{"exam":03,"studentId":"foo","score":1}"#, NotJson, "invalid number"),
            (r#"{"exam":3,"studentId":"\ud800","score":1}"#, NotJson, "hex escape"),
            (r#"[3,"foo",0.5]"#, NotAnObject, "the data is an array, not an object"),
            ("[[[[]]]]", NotAnObject, "the data is an array"),
            ("'foo'", NotAnObject, "the data is a string"),
            ("3", NotAnObject, "the data is a number"),
            ("-3", NotAnObject, "the data is a number"),
            ("0.5", NotAnObject, "the data is a number"),
            ("NaN", NotAnObject, "the data is a number"),
            ("true", NotAnObject, "the data is a boolean"),
            ("null", NotAnObject, "the data is null"),
            ("{}", MissingMember, "there is no member `exam`"),
            (r#"{"exam":[],"studentId":"foo"}"#, MissingMember, "there is no member `score`"),
            (r#"{"exam":3,"studentid":"foo","score":1}"#, MissingMember, "`studentId`"),
            (
                r#"{"exam":"3","studentId":"foo","score":1}"#,
                WrongType,
                "`exam` is a string, not a number",
            ),
            (r#"{"exam":null,"studentId":"foo","score":1}"#, WrongType, "`exam` is null"),
            (
                r#"{"exam":3,"studentId":7,"score":1}"#,
                WrongType,
                "`studentId` is a number, not a string",
            ),
            (r#"{"exam":3,"studentId":-7.5,"score":1}"#, WrongType, "`studentId` is a number"),
            (
                r#"{"exam":3,"studentId":"foo","score":null}"#,
                WrongType,
                "`score` is null, not a number",
            ),
            (r#"{"exam":3,"studentId":"foo","score":"0.5"}"#, WrongType, "`score` is a string"),
            (r#"{"exam":3,"studentId":"foo","score":true}"#, WrongType, "`score` is a boolean"),
            (r#"{"exam":3,"studentId":"foo","score":[1]}"#, WrongType, "`score` is an array"),
            (r#"{"exam":3,"studentId":"foo","score":{"a":1}}"#, WrongType, "`score` is an object"),
            (
                r#"{"exam":-1,"studentId":"foo","score":1}"#,
                ExamOutOfRange,
                "-1 is not an integer from 0",
            ),
            (
                r#"{"exam":3.5,"studentId":"foo","score":1}"#,
                ExamOutOfRange,
                "3.5 is not an integer",
            ),
            (
                r#"{"exam":9007199254740992,"studentId":"foo","score":1}"#,
                ExamOutOfRange,
                "9007199254740992",
            ),
            (r#"{"exam":1e300,"studentId":"foo","score":1}"#, ExamOutOfRange, "1000"),
            (
                r#"{"exam":NaN,"studentId":"foo","score":1}"#,
                ExamOutOfRange,
                "NaN is not an integer",
            ),
            (r#"{"exam":3,"studentId":"","score":1}"#, StudentIdInvalid, "at least one character"),
            (
                r#"{"exam":3,"studentId":"foo\u0000","score":1}"#,
                StudentIdInvalid,
                "control characters",
            ),
            (
                &format!(r#"{{"exam":3,"studentId":"{long_id}","score":1}}"#),
                StudentIdInvalid,
                "512 bytes",
            ),
            (
                r#"{"exam":3,"studentId":"foo","score":1.5}"#,
                ScoreOutOfRange,
                "1.5 is not within 0 and 1",
            ),
            (
                r#"{"exam":3,"studentId":"foo","score":2}"#,
                ScoreOutOfRange,
                "2 is not within 0 and 1",
            ),
            (
                r#"{"exam":3,"studentId":"foo","score":-1}"#,
                ScoreOutOfRange,
                "-1 is not within 0 and 1",
            ),
            (r#"{"exam":3,"studentId":"foo","score":1e999}"#, ScoreOutOfRange, "inf is not within"),
            (r#"{"exam":3,"studentId":"foo","score":NaN}"#, ScoreOutOfRange, "NaN is not within"),
            (r#"{"exam":3,"studentId":"foo","score":-Infinity}"#, ScoreOutOfRange, "-inf is not"),
        ];
        for (data, reason, detail) in cases {
            let refusal = parse(data).expect_err(data);
            assert_eq!(refusal.reason, *reason, "{data}: {refusal}");
            assert!(refusal.detail.contains(detail), "{data}: {refusal}");
            assert!(!refusal.detail.contains("foo"), "{refusal}");
        }
    }

    /// Far more levels than any stack has room for, in every place where a value can stand.
    #[test]
    fn deep_nesting_is_refused_or_ignored_and_never_overflows_the_stack() {
        for depth in [TOLERANT_BRACKETS_MAX, 127, 129, 5_000, TOLERANT_BYTES_MAX / 2, 500_000] {
            let open = "[".repeat(depth);
            let nested = format!("{open}{}", "]".repeat(depth));
            assert_eq!(parse(&open).unwrap_err().reason, RejectionReason::NotJson);
            assert_eq!(parse(&nested).unwrap_err().reason, RejectionReason::NotAnObject);
            let objects = "{a:".repeat(depth);
            assert_eq!(parse(&objects).unwrap_err().reason, RejectionReason::NotJson);
            let data = format!(r#"{{"exam":3,"studentId":"foo","score":1,"x":{nested}}}"#);
            assert_eq!(read(&data), foo_3(1.0));
            let data = format!(r#"{{"exam":3,"studentId":"foo","score":{nested}}}"#);
            assert_eq!(parse(&data).unwrap_err().reason, RejectionReason::WrongType);
        }
    }

    #[test]
    fn tolerant_reading_is_for_small_data_only() {
        let padded = |size: usize| {
            let data = "{exam:3,studentId:'foo',score:.991}";
            format!("{data}{}", " ".repeat(size - data.len()))
        };
        assert_eq!(read(&padded(TOLERANT_BYTES_MAX)), foo_3(0.991));
        let refusal = parse(&padded(TOLERANT_BYTES_MAX + 1)).unwrap_err();
        assert_eq!(refusal.reason, RejectionReason::NotJson);
    }

    /// `serde_json` without its feature `float_roundtrip` reads some of these one unit in the last
    /// place off.
    #[test]
    fn hard_doubles_are_read_exactly() {
        for text in ["0.31245340679690186", "0.6954186990139107", "0.95e-3", "0.7316000000000001"] {
            let data = format!(r#"{{"exam":3,"studentId":"foo","score":{text}}}"#);
            assert_eq!(read(&data), foo_3(text.parse().unwrap()));
        }
    }

    proptest! {
        #[test]
        fn scores_come_out_as_the_double_that_went_in(bits in 0..=1f64.to_bits(), digits in 15usize..25) {
            let score = f64::from_bits(bits);
            for text in [format!("{score}"), format!("{score:e}"), format!("{score:.digits$}")] {
                let data = format!(r#"{{"exam":3,"studentId":"foo","score":{text}}}"#);
                prop_assert_eq!(read(&data), foo_3(text.parse().unwrap()));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(data in ".*", cut in 0usize..60) {
            parse(&data).ok();
            let known = r#"{"exam":3,"studentId":"Zoë\n","score":.991, x:[{}]}"#;
            let cut = known.floor_char_boundary(cut);
            let mixed = format!("{}{data}{}", &known[..cut], &known[cut..]);
            parse(&mixed).ok();
        }
    }
}
