//! `/students` and `/exams`.

use askama::Template;
use gradebook_core::gradebook::{Aggregate, Anchor, ListQuery};
use gradebook_core::{ExamNumber, Gradebook, StudentId};

use super::chrome::Chrome;
use super::exam::kept;
use super::format::{Count, Instant, Share};
use super::link::{self, View};
use super::table::{Column, Extent};

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

/// The filters of both lists, with all their names.
const FILTERS: [&str; 6] = ["q", "exam", "exam_id", "student", "student_name", "student_id"];

impl ListPage {
    /// Reads the page of the students. `cursor` writes where the next page starts.
    pub fn students(
        book: &Gradebook,
        query: &ListQuery<StudentId>,
        view: View,
        mut chrome: Chrome,
        cursor: impl Fn(&Anchor<StudentId>) -> String,
    ) -> Self {
        let page = book.students(query);
        let next = page.next.as_ref().map(cursor);
        let extent = Extent::new(&view, page.items.len(), page.total, next.as_deref());
        let rows = page.items.into_iter();
        let rows = rows
            .map(|item| {
                let href = link::student(&item.student);
                Row::new(item.student.as_str().to_owned(), href, &item.aggregate)
            })
            .collect();
        view.get("q").clone_into(&mut chrome.search);
        let id = Column::sortable(&view, "studentId", "Student", true);
        Self::new("Students", true, id, "Exams taken", rows, extent, view, chrome)
    }

    /// Reads the page of the exams. `cursor` writes where the next page starts.
    pub fn exams(
        book: &Gradebook,
        query: &ListQuery<ExamNumber>,
        view: View,
        chrome: Chrome,
        cursor: impl Fn(&Anchor<ExamNumber>) -> String,
    ) -> Self {
        let page = book.exams(query);
        let next = page.next.as_ref().map(cursor);
        let extent = Extent::new(&view, page.items.len(), page.total, next.as_deref());
        let rows = page.items.into_iter();
        let rows = rows
            .map(|item| Row::new(item.exam.to_string(), link::exam(item.exam), &item.aggregate))
            .collect();
        let id = Column::sortable(&view, "exam", "Exam", true);
        Self::new("Exams", false, id, "Results", rows, extent, view, chrome)
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
            filtered: FILTERS.iter().any(|name| !view.get(name).is_empty()),
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
