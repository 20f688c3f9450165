//! `/exams/{number}`: how an exam went, and who did how.

use askama::Template;
use gradebook_core::gradebook::{Anchor, ListQuery, ResultItem, ResultQuery};
use gradebook_core::{ExamNumber, Gradebook, StudentId};

use super::chart::{Distribution, Place as PlaceInChart};
use super::chrome::Chrome;
use super::format::{Count, Instant, Share};
use super::link::{self, View};
use super::table::{Column, Extent};

/// The most students that a filter without a result offers instead.
const ALIKE_MAX: usize = 8;

/// The page of an exam.
#[derive(Debug, Template)]
#[template(path = "exam.html")]
pub struct ExamPage {
    chrome: Chrome,
    exam: ExamNumber,
    average: Share,
    count: Count,
    median: Share,
    lower: Share,
    upper: Share,
    least: Share,
    most: Share,
    deviation: Share,
    last: Instant,
    last_iso: String,
    chosen: Option<Chosen>,
    chart: Distribution,
    image: String,
    view: View,
    here: String,
    kept: Vec<(String, String)>,
    filtered: bool,
    unfiltered: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    alike: Vec<Alike>,
    extent: Extent,
}

/// The student whose place is shown.
#[derive(Debug)]
struct Chosen {
    student: StudentId,
    score: Share,
    standing: Option<String>,
}

#[derive(Debug)]
struct Row {
    student: StudentId,
    href: String,
    score: Share,
    attempts: u8,
    received: Instant,
    received_iso: String,
}

#[derive(Debug)]
struct Alike {
    student: StudentId,
    href: String,
}

impl ExamPage {
    /// Reads the page from `book`; `None` when the exam is not there. `cursor` writes where the
    /// next page starts.
    pub fn read(
        book: &Gradebook,
        exam: ExamNumber,
        query: &ResultQuery<StudentId>,
        view: View,
        chrome: Chrome,
        cursor: impl Fn(&Anchor<StudentId>) -> String,
    ) -> Option<Self> {
        let aggregate = book.exam(exam)?;
        let statistics = book.exam_statistics(exam)?;
        let page = book.exam_results(exam, query)?;
        let chosen = chosen(book, exam, query);
        let place = chosen
            .as_ref()
            .map(|chosen| PlaceInChart { name: chosen.student.to_string(), score: chosen.score.0 });
        let next = page.next.as_ref().map(cursor);
        let filters = ["student", "student_name", "student_id", "min_score", "max_score", "since"];
        let unfiltered = view.without(&filters).without(&["cursor"]);
        let image = match &chosen {
            Some(chosen) => View::new(format!("/exams/{exam}/distribution.svg"), &[])
                .with("student", chosen.student.as_str())
                .href(),
            None => format!("/exams/{exam}/distribution.svg"),
        };
        Some(Self {
            chrome,
            exam,
            average: Share(aggregate.average),
            count: Count(u64::from(aggregate.count)),
            median: Share(statistics.median),
            lower: Share(statistics.lower_quartile),
            upper: Share(statistics.upper_quartile),
            least: Share(statistics.minimum),
            most: Share(statistics.maximum),
            deviation: Share(statistics.standard_deviation),
            last: Instant(aggregate.last_result),
            last_iso: aggregate.last_result.to_string(),
            chart: Distribution::new(&statistics, place),
            chosen,
            image,
            here: view.href(),
            kept: kept(&view, &["student", "min_score", "max_score", "cursor"]),
            filtered: filters.iter().any(|name| !view.get(name).is_empty()),
            unfiltered: unfiltered.href(),
            columns: vec![
                Column::sortable(&view, "studentId", "Student", true),
                Column::sortable(&view, "score", "Score", false).numeric(),
                Column::plain("Attempts").numeric(),
                Column::sortable(&view, "receivedAt", "Received", false),
            ],
            alike: if page.items.is_empty() { alike(book, exam, query) } else { Vec::new() },
            extent: Extent::new(&view, page.items.len(), page.total, next.as_deref()),
            rows: page.items.into_iter().map(row).collect(),
            view,
        })
    }
}

/// The parameters of `view` that a form keeps because it has no field for them.
pub(super) fn kept(view: &View, fields: &[&str]) -> Vec<(String, String)> {
    let view = view.without(fields);
    view.parameters().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn chosen(book: &Gradebook, exam: ExamNumber, query: &ResultQuery<StudentId>) -> Option<Chosen> {
    let [student] = query.students.as_slice() else { return None };
    let result = book.result(student, exam)?;
    Some(Chosen { student: result.student, score: Share(result.score.get()), standing: None })
}

fn row(item: ResultItem) -> Row {
    Row {
        href: link::student(&item.student),
        student: item.student,
        score: Share(item.score.get()),
        attempts: item.attempts,
        received: Instant(item.received),
        received_iso: item.received.to_string(),
    }
}

/// Students of this exam whose name contains the one that was asked for.
fn alike(book: &Gradebook, exam: ExamNumber, query: &ResultQuery<StudentId>) -> Vec<Alike> {
    let [student] = query.students.as_slice() else { return Vec::new() };
    let mut question = ListQuery::all(ALIKE_MAX);
    question.exams = vec![exam];
    question.contains = Some(student.as_str().to_owned());
    let found = book.students(&question).items.into_iter();
    found
        .map(|item| Alike {
            href: link::exam_with_student(exam, &item.student),
            student: item.student,
        })
        .collect()
}
