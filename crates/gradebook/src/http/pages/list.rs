//! `/students` and `/exams`.

use askama::Template;
use gradebook_core::gradebook::{Aggregate, ExamItem, StudentItem};

use super::chrome::Chrome;
use super::exam::kept;
use super::format::{Count, Instant, Share};
use super::link::{self, View};
use super::table::{Column, Extent};
use crate::http::representation::List;

/// The page of a list.
#[derive(Debug, Template)]
#[template(path = "list.html")]
pub struct ListPage {
    chrome: Chrome,
    heading: &'static str,
    students: bool,
    view: View,
    here: String,
    kept: Vec<(String, String)>,
    filtered: bool,
    unfiltered: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    extent: Extent,
}

#[derive(Debug)]
struct Row {
    name: String,
    href: String,
    average: Share,
    count: Count,
    last: Instant,
    last_iso: String,
}

/// The filters of both lists.
const FILTERS: [&str; 3] = ["q", "exam", "student"];

impl ListPage {
    /// The page of the students.
    #[must_use]
    pub fn students(list: &List<StudentItem>, view: View, mut chrome: Chrome) -> Self {
        let rows = list.items.iter().map(|item| {
            let href = link::student(&item.student);
            Row::new(item.student.as_str().to_owned(), href, &item.aggregate)
        });
        view.get("q").clone_into(&mut chrome.search);
        let id = Column::sortable(&view, "studentId", "Student", true);
        let extent = Extent::of(&view, list);
        Self::new("Students", true, id, "Exams taken", rows.collect(), extent, view, chrome)
    }

    /// The page of the exams.
    #[must_use]
    pub fn exams(list: &List<ExamItem>, view: View, chrome: Chrome) -> Self {
        let rows = list.items.iter();
        let rows = rows
            .map(|item| Row::new(item.exam.to_string(), link::exam(item.exam), &item.aggregate));
        let id = Column::sortable(&view, "exam", "Exam", true);
        let extent = Extent::of(&view, list);
        Self::new("Exams", false, id, "Results", rows.collect(), extent, view, chrome)
    }

    #[expect(clippy::too_many_arguments, reason = "the two lists differ in just these")]
    fn new(
        heading: &'static str,
        students: bool,
        id: Column,
        count: &'static str,
        rows: Vec<Row>,
        extent: Extent,
        view: View,
        chrome: Chrome,
    ) -> Self {
        let fields: &[&str] =
            if students { &["q", "exam", "cursor"] } else { &["exam", "student", "cursor"] };
        Self {
            chrome,
            heading,
            students,
            here: view.href(),
            kept: kept(&view, fields),
            filtered: view.has(&FILTERS),
            unfiltered: view.without(&FILTERS).without(&["cursor"]).href(),
            columns: vec![
                id,
                Column::sortable(&view, "averageScore", "Average", false).numeric(),
                Column::sortable(&view, "resultCount", count, false).numeric(),
                Column::sortable(&view, "lastResultAt", "Last result", false),
            ],
            rows,
            extent,
            view,
        }
    }
}

impl Row {
    fn new(name: String, href: String, aggregate: &Aggregate) -> Self {
        Self {
            name,
            href,
            average: Share(aggregate.average),
            count: Count(u64::from(aggregate.count)),
            last: Instant(aggregate.last_result),
            last_iso: aggregate.last_result.to_string(),
        }
    }
}
