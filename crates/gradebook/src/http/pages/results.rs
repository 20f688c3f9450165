//! `/results`: every result.

use askama::Template;
use gradebook_core::gradebook::{Anchor, ResultItem, ResultQuery};
use gradebook_core::{ExamNumber, Gradebook, Position, StudentId};

use super::chrome::Chrome;
use super::exam::kept;
use super::format::{Instant, Share};
use super::link::{self, View};
use super::table::{Column, Extent};

/// The page of all results.
#[derive(Debug, Template)]
#[template(path = "results.html")]
pub struct ResultsPage {
    chrome: Chrome,
    view: View,
    here: String,
    kept: Vec<(String, String)>,
    filtered: bool,
    unfiltered: String,
    columns: Vec<Column>,
    rows: Vec<ResultRow>,
    extent: Extent,
}

/// A result in a table of several students and exams.
#[derive(Debug)]
pub struct ResultRow {
    /// Whose.
    pub student: StudentId,
    /// The page of the student.
    pub href: String,
    /// In which exam.
    pub exam: ExamNumber,
    /// The page of the exam, with the student chosen.
    pub exam_href: String,
    /// The score.
    pub score: Share,
    /// When it was received.
    pub received: Instant,
    /// The same for programs.
    pub received_iso: String,
}

impl From<ResultItem> for ResultRow {
    fn from(item: ResultItem) -> Self {
        Self {
            href: link::student(&item.student),
            exam_href: link::exam_with_student(item.exam, &item.student),
            student: item.student,
            exam: item.exam,
            score: Share(item.score.get()),
            received: Instant(item.received),
            received_iso: item.received.to_string(),
        }
    }
}

impl ResultsPage {
    /// Reads the page from `book`. `cursor` writes where the next page starts.
    pub fn read(
        book: &Gradebook,
        query: &ResultQuery<Position>,
        view: View,
        chrome: Chrome,
        cursor: impl Fn(&Anchor<Position>) -> String,
    ) -> Self {
        let page = book.results(query);
        let next = page.next.as_ref().map(cursor);
        let filters = ["exam", "exam_id", "student", "student_name", "student_id"];
        let filters = [filters.as_slice(), &["min_score", "max_score", "since"]].concat();
        let fields = ["exam", "student", "min_score", "max_score", "cursor"];
        Self {
            chrome,
            here: view.href(),
            kept: kept(&view, &fields),
            filtered: filters.iter().any(|name| !view.get(name).is_empty()),
            unfiltered: view.without(&filters).without(&["cursor"]).href(),
            columns: vec![
                Column::plain("Student"),
                Column::plain("Exam").numeric(),
                Column::plain("Score").numeric(),
                Column::sortable(&view, "receivedAt", "Received", true),
            ],
            extent: Extent::new(&view, page.items.len(), page.total, next.as_deref()),
            rows: page.items.into_iter().map(ResultRow::from).collect(),
            view,
        }
    }
}
