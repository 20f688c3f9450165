//! Which events a subscriber wants. Filters never move an average.

use gradebook_core::gradebook::ResultItem;
use gradebook_core::{ExamNumber, Gradebook, Score, StudentId, Timestamp};

use crate::http::query::Query;
use crate::hub::View;

/// What is let through. Filters of one kind are alternatives, and kinds are joined; an empty list
/// filters nothing. On lists only `exams`, `students` and `contains` are set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub(super) exams: Vec<ExamNumber>,
    pub(super) students: Vec<StudentId>,
    pub(super) min_score: Option<Score>,
    pub(super) max_score: Option<Score>,
    pub(super) since: Option<Timestamp>,
    /// In lower case.
    pub(super) contains: Option<String>,
}

impl From<&Query> for Filter {
    fn from(query: &Query) -> Self {
        Self {
            exams: query.exams.clone(),
            students: query.students.clone(),
            min_score: query.min_score,
            max_score: query.max_score,
            since: query.since,
            contains: query.contains.as_ref().map(|text| text.to_lowercase()),
        }
    }
}

impl Filter {
    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a result is wanted.
    #[must_use]
    pub fn result(&self, result: &ResultItem) -> bool {
        self.has_exam(result.exam)
            && self.has_student(&result.student)
            && self.min_score.is_none_or(|least| result.score >= least)
            && self.max_score.is_none_or(|most| result.score <= most)
            && self.since.is_none_or(|since| result.received >= since)
    }

    /// Whether the erasure of a student is wanted, as far as the student goes.
    #[must_use]
    pub fn erased(&self, student: &StudentId) -> bool {
        self.has_student(student) && self.has_text(student)
    }

    /// Whether [`student`](Self::student) or [`exam`](Self::exam) needs to see the book in this
    /// view.
    #[must_use]
    pub fn asks_book(&self, view: View) -> bool {
        match view {
            View::Students => !self.exams.is_empty(),
            View::Exams => !self.students.is_empty(),
            View::Student | View::Exam | View::Results => false,
        }
    }

    /// Whether a student is wanted in the list of students: where exams are named, with a result in
    /// one of them.
    #[must_use]
    pub fn student(&self, student: &StudentId, book: Option<&Gradebook>) -> bool {
        let sat =
            |book: &Gradebook| self.exams.iter().any(|&exam| book.result(student, exam).is_some());
        self.erased(student) && (self.exams.is_empty() || book.is_some_and(sat))
    }

    /// Whether an exam is wanted in the list of exams: where students are named, with a result of
    /// one of them.
    #[must_use]
    pub fn exam(&self, exam: ExamNumber, book: Option<&Gradebook>) -> bool {
        let sat = |book: &Gradebook| self.students.iter().any(|id| book.result(id, exam).is_some());
        self.has_exam(exam) && (self.students.is_empty() || book.is_some_and(sat))
    }

    /// Whether an exam is wanted as far as its number goes.
    #[must_use]
    pub fn has_exam(&self, exam: ExamNumber) -> bool {
        self.exams.is_empty() || self.exams.contains(&exam)
    }

    fn has_student(&self, student: &StudentId) -> bool {
        self.students.is_empty() || self.students.contains(student)
    }

    fn has_text(&self, student: &StudentId) -> bool {
        let text = self.contains.as_ref();
        text.is_none_or(|text| student.as_str().to_lowercase().contains(text))
    }
}
