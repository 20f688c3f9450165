//! How an entry stands in the stream.
//!
//! `1042-3` `student` `foo` `exam` `3` `score` `0.991` `received` `1795342530123` for a score, and
//! `1043-4` `erased` `<pseudonym, 32 hex digits>` `suppress` `0` `received` `1795342530123` for an
//! erasure. The fields of scores stand in this order, so that Redis keeps their names once for many
//! entries.

use std::fmt;
use std::str::{self, FromStr};

use ::redis::{Cmd, Value};
use gradebook_core::{Entry, ExamNumber, Position, Pseudonym, Score, StudentId, Timestamp};

use super::error::RedisError;
use super::link::odd;
use super::reply::Reply as _;

/// The id of an entry in the stream: its position, and the term in which it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// Where it stands in the journal.
    pub position: Position,
    /// Which uninterrupted run of appends by one writer it belongs to.
    pub term: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.position, self.term)
    }
}

impl FromStr for EntryId {
    type Err = RedisError;

    fn from_str(text: &str) -> Result<Self, RedisError> {
        let parsed = text.split_once('-').and_then(|(position, term)| {
            Some(Self { position: Position::new(position.parse().ok()?), term: term.parse().ok()? })
        });
        parsed.ok_or_else(|| RedisError::Refused(format!("`{text}` is not the id of an entry")))
    }
}

/// Writes an entry as four arguments of the append script. An erasure has an empty
/// student: no student has.
pub fn write(request: &mut Cmd, entry: &Entry) {
    match entry {
        Entry::Scored { student, exam, score, received } => {
            request.arg(student.as_str()).arg(exam.get());
            request.arg(ryu::Buffer::new().format_finite(score.get())).arg(received.as_ms());
        }
        Entry::Erased { student, suppress } => {
            request.arg("").arg(hex(&student.0)).arg(if *suppress { "1" } else { "0" }).arg("");
        }
    }
}

/// Bytes as hex digits.
#[must_use]
pub fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}

/// Hex digits as bytes.
#[must_use]
pub fn from_hex(text: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32)?;
    Some(number.to_be_bytes())
}

/// An entry of the stream as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Its id.
    pub id: EntryId,
    /// What it says.
    pub entry: Entry,
}

/// Reads the entries of one reply to `XRANGE` (or of one stream of `XREAD`) and hands each to
/// `take`. Returns how many there were.
///
/// # Errors
/// [`RedisError::Refused`] for an entry that this program did not write; otherwise see
/// [`RedisError`].
pub fn read_each(reply: &Value, mut take: impl FnMut(Written)) -> Result<usize, RedisError> {
    let entries = reply.array();
    for entry in entries {
        let [id, fields] = entry.array() else { return Err(odd("entry")) };
        let id = text(id)?.parse()?;
        let entry = read_fields(fields.array(), id)?;
        take(Written { id, entry });
    }
    Ok(entries.len())
}

fn read_fields(fields: &[Value], id: EntryId) -> Result<Entry, RedisError> {
    let mut found = Fields::default();
    for pair in fields.chunks_exact(2) {
        found.set(Field::of(text(&pair[0])?), text(&pair[1])?).ok_or_else(|| foreign(id))?;
    }
    found.entry().ok_or_else(|| foreign(id))
}

#[derive(Clone, Copy)]
enum Field {
    Student,
    Exam,
    Score,
    Received,
    Erased,
    Suppress,
    Other,
}

impl Field {
    fn of(name: &str) -> Self {
        match name {
            "student" => Self::Student,
            "exam" => Self::Exam,
            "score" => Self::Score,
            "received" => Self::Received,
            "erased" => Self::Erased,
            "suppress" => Self::Suppress,
            _ => Self::Other,
        }
    }
}

#[derive(Default)]
struct Fields {
    student: Option<StudentId>,
    exam: Option<ExamNumber>,
    score: Option<Score>,
    received: Option<Timestamp>,
    erased: Option<Pseudonym>,
    suppress: bool,
}

impl Fields {
    /// Takes the value of a field; nothing when it is not one that this program writes.
    fn set(&mut self, field: Field, value: &str) -> Option<()> {
        match field {
            Field::Student => self.student = Some(StudentId::parse(value).ok()?),
            Field::Exam => self.exam = Some(ExamNumber::new(value.parse().ok()?).ok()?),
            Field::Score => self.score = Some(Score::new(value.parse().ok()?).ok()?),
            Field::Received => self.received = value.parse().ok().map(Timestamp::from_ms),
            Field::Erased => self.erased = Some(Pseudonym(from_hex(value)?)),
            Field::Suppress => self.suppress = value == "1",
            Field::Other => {} // a field that a later version of the same format adds
        }
        Some(())
    }

    fn entry(self) -> Option<Entry> {
        if let Some(student) = self.erased {
            return Some(Entry::Erased { student, suppress: self.suppress });
        }
        Some(Entry::Scored {
            student: self.student?,
            exam: self.exam?,
            score: self.score?,
            received: self.received?,
        })
    }
}

fn text(value: &Value) -> Result<&str, RedisError> {
    value.text().ok_or_else(|| RedisError::Refused("the journal is not of UTF-8 texts".to_owned()))
}

fn foreign(id: EntryId) -> RedisError {
    RedisError::Refused(format!("entry {id} of the journal is not one that this program writes"))
}
