//! What can be asked of a gradebook, and the pages that answer.

use crate::{ExamNumber, Position, Score, StudentId, Timestamp};

/// What a list is sorted by, and which way. The id of an item is always the last key, so every
/// order is total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort<Key> {
    /// The first key.
    pub key: Key,
    /// From high to low, the id included.
    pub descending: bool,
}

/// What students and exams are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListKey {
    /// Students by the bytes of their id, exams by number.
    Id,
    /// By average score.
    AverageScore,
    /// By number of results.
    ResultCount,
    /// By the time of the last result.
    LastResultAt,
}

/// What results are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultKey {
    /// A student's results by exam, an exam's by student, all results by journal position.
    Id,
    /// By score.
    Score,
    /// By the time they were received.
    ReceivedAt,
}

/// Where a page ended: the sort value of its last item, and that item's id.
///
/// The next page starts after it, whether or not the item is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor<Id> {
    /// The sort value as an integer that orders as the values do: the bits of a score or average,
    /// a count, milliseconds; 0 when sorted by id.
    pub value: u64,
    /// The id of the item.
    pub id: Id,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<Item, Id> {
    /// At most as many as were asked for; fewer do not mean the end.
    pub items: Vec<Item>,
    /// How many items pass the filters; `None` when counting them would mean examining more than
    /// [`EXAMINED_MAX`](super::EXAMINED_MAX).
    pub total: Option<u64>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Anchor<Id>>,
}

/// A question about a list of results. Filters of one kind are alternatives, and kinds are joined:
/// (this or that exam) and (this or that student) and …; an empty list filters nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultQuery<Id> {
    /// Only these exams.
    pub exams: Vec<ExamNumber>,
    /// Only these students.
    pub students: Vec<StudentId>,
    /// Only scores of at least this.
    pub min_score: Option<Score>,
    /// Only scores of at most this.
    pub max_score: Option<Score>,
    /// Only results received then or later.
    pub since: Option<Timestamp>,
    /// The order.
    pub sort: Sort<ResultKey>,
    /// Start after this.
    pub after: Option<Anchor<Id>>,
    /// At most so many items; at least 1.
    pub limit: usize,
}

/// A question about the list of students or of exams.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery<Id> {
    /// Students with a result in one of these exams; or these exams.
    pub exams: Vec<ExamNumber>,
    /// These students; or exams with a result of one of these students.
    pub students: Vec<StudentId>,
    /// Students whose id contains this text, whatever the case.
    pub contains: Option<String>,
    /// The order.
    pub sort: Sort<ListKey>,
    /// Start after this.
    pub after: Option<Anchor<Id>>,
    /// At most so many items; at least 1.
    pub limit: usize,
}

/// What is said of a student or an exam as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggregate {
    /// The correctly rounded mean of the counted scores.
    pub average: f64,
    /// How many results there are; at least 1.
    pub count: u32,
    /// When the latest of them was received.
    pub last_result: Timestamp,
    /// The position of the last change, an erasure anywhere included.
    pub revision: Position,
}

/// One student's counted score in one exam.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultItem {
    /// Whose.
    pub student: StudentId,
    /// In which exam.
    pub exam: ExamNumber,
    /// The score that counts.
    pub score: Score,
    /// When it was received.
    pub received: Timestamp,
    /// How many scores have counted here in turn, this one included; 255 means 255 or more.
    pub attempts: u8,
    /// The position of the entry that it came with.
    pub position: Position,
}

/// A student in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct StudentItem {
    /// Who.
    pub student: StudentId,
    /// How they did.
    pub aggregate: Aggregate,
}

/// An exam in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ExamItem {
    /// Which.
    pub exam: ExamNumber,
    /// How it went.
    pub aggregate: Aggregate,
}

impl<Id> ResultQuery<Id> {
    /// Everything, in the order of the ids.
    #[must_use]
    pub fn all(limit: usize) -> Self {
        Self {
            exams: Vec::new(),
            students: Vec::new(),
            min_score: None,
            max_score: None,
            since: None,
            sort: Sort { key: ResultKey::Id, descending: false },
            after: None,
            limit,
        }
    }
}

impl<Id> ListQuery<Id> {
    /// Everything, in the order of the ids.
    #[must_use]
    pub fn all(limit: usize) -> Self {
        Self {
            exams: Vec::new(),
            students: Vec::new(),
            contains: None,
            sort: Sort { key: ListKey::Id, descending: false },
            after: None,
            limit,
        }
    }
}
