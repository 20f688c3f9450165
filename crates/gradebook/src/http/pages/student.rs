//! `/students/{id}`: how a student did.

use askama::Template;
use gradebook_core::gradebook::{Anchor, ResultItem, ResultQuery};
use gradebook_core::{ExamNumber, Gradebook, StudentId};

use super::chart::{PROGRESS_POINTS_MAX, Progress, ProgressPoint};
use super::chrome::Chrome;
use super::exam::kept;
use super::format::{Count, Instant, Share};
use super::link::{self, View};
use super::table::{Column, Extent};

/// The page of a student.
#[derive(Debug, Template)]
#[template(path = "student.html")]
pub struct StudentPage {
    chrome: Chrome,
    student: StudentId,
    average: Share,
    count: Count,
    median: Share,
    lower: Share,
    upper: Share,
    least: Share,
    most: Share,
    last: Instant,
    last_iso: String,
    standing: Option<Standing>,
    chart: Progress,
    chart_all: bool,
    image: String,
    view: View,
    here: String,
    kept: Vec<(String, String)>,
    filtered: bool,
    unfiltered: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    extent: Extent,
}

/// The student's standing in one exam.
#[derive(Debug)]
struct Standing {
    exam: ExamNumber,
    text: String,
}

#[derive(Debug)]
struct Row {
    exam: ExamNumber,
    href: String,
    score: Share,
    class_average: Share,
    standing: String,
    received: Instant,
    received_iso: String,
}

impl StudentPage {
    /// Reads the page from `book`; `None` when the student is not there. `cursor` writes where the
    /// next page starts.
    pub fn read(
        book: &Gradebook,
        student: &StudentId,
        query: &ResultQuery<ExamNumber>,
        view: View,
        chrome: Chrome,
        cursor: impl Fn(&Anchor<ExamNumber>) -> String,
    ) -> Option<Self> {
        let aggregate = book.student(student)?;
        let statistics = book.student_statistics(student)?;
        let page = book.student_results(student, query)?;
        let points = progress(book, student);
        let next = page.next.as_ref().map(cursor);
        let filters = ["exam", "exam_id", "min_score", "max_score", "since"];
        let unfiltered = view.without(&filters).without(&["cursor"]);
        Some(Self {
            chrome,
            average: Share(aggregate.average),
            count: Count(u64::from(aggregate.count)),
            median: Share(statistics.median),
            lower: Share(statistics.lower_quartile),
            upper: Share(statistics.upper_quartile),
            least: Share(statistics.minimum),
            most: Share(statistics.maximum),
            last: Instant(aggregate.last_result),
            last_iso: aggregate.last_result.to_string(),
            standing: None,
            chart: Progress::new(&points),
            chart_all: points.len() == aggregate.count as usize,
            image: format!("{}/progress.svg", link::student(student)),
            here: view.href(),
            kept: kept(&view, &["exam", "min_score", "max_score", "cursor"]),
            filtered: filters.iter().any(|name| !view.get(name).is_empty()),
            unfiltered: unfiltered.href(),
            columns: vec![
                Column::sortable(&view, "exam", "Exam", true),
                Column::sortable(&view, "score", "Score", false).numeric(),
                Column::plain("Class average").numeric(),
                Column::plain("Standing").numeric(),
                Column::sortable(&view, "receivedAt", "Received", false),
            ],
            extent: Extent::new(&view, page.items.len(), page.total, next.as_deref()),
            rows: page.items.into_iter().map(|item| row(book, item)).collect(),
            student: student.clone(),
            view,
        })
    }
}

/// The student's last exams by number, each beside the class average.
#[must_use]
pub fn progress(book: &Gradebook, student: &StudentId) -> Vec<ProgressPoint> {
    let mut question = ResultQuery::all(PROGRESS_POINTS_MAX);
    question.sort.descending = true;
    let Some(page) = book.student_results(student, &question) else { return Vec::new() };
    let results = page.items.into_iter().rev();
    let points = results.filter_map(|item| {
        let class_average = book.exam(item.exam)?.average;
        Some(ProgressPoint { exam: item.exam, score: item.score.get(), class_average })
    });
    points.collect()
}

fn row(book: &Gradebook, item: ResultItem) -> Row {
    let class = book.exam(item.exam).expect("invariant: an exam with a result is there");
    Row {
        exam: item.exam,
        href: link::exam_with_student(item.exam, &item.student),
        score: Share(item.score.get()),
        class_average: Share(class.average),
        standing: String::new(),
        received: Instant(item.received),
        received_iso: item.received.to_string(),
    }
}
