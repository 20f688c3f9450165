//! `/results`: every result.

use askama::Template;
use gradebook_core::gradebook::ResultItem;
use gradebook_core::{ExamNumber, StudentId};

use super::chrome::Chrome;
use super::exam::kept;
use super::format::{Instant, Share};
use super::link::{self, View};
use super::table::{Column, Extent};
use crate::http::representation::List;

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

impl From<&ResultItem> for ResultRow {
    fn from(item: &ResultItem) -> Self {
        Self {
            href: link::student(&item.student),
            exam_href: link::exam_with_student(item.exam, &item.student),
            student: item.student.clone(),
            exam: item.exam,
            score: Share(item.score.get()),
            received: Instant(item.received),
            received_iso: item.received.to_string(),
        }
    }
}

/// The filters of the table.
const FILTERS: [&str; 5] = ["exam", "student", "min_score", "max_score", "since"];

impl ResultsPage {
    /// The page of these results.
    #[must_use]
    pub fn new(list: &List<ResultItem>, view: View, chrome: Chrome) -> Self {
        let fields = ["exam", "student", "min_score", "max_score", "cursor"];
        Self {
            chrome,
            here: view.href(),
            kept: kept(&view, &fields),
            filtered: view.has(&FILTERS),
            unfiltered: view.without(&FILTERS).without(&["cursor"]).href(),
            columns: vec![
                Column::plain("Student"),
                Column::plain("Exam").numeric(),
                Column::plain("Score").numeric(),
                Column::sortable(&view, "receivedAt", "Received", true),
            ],
            extent: Extent::of(&view, list),
            rows: list.items.iter().map(ResultRow::from).collect(),
            view,
        }
    }
}
