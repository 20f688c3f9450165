//! `/exams/{number}`: how an exam went, and who did how.

use askama::Template;
use gradebook_core::gradebook::{ListQuery, ResultItem};
use gradebook_core::statistics::Standing;
use gradebook_core::{ExamNumber, Gradebook, StudentId};

use super::chart::{Distribution, Place as PlaceInChart};
use super::chrome::Chrome;
use super::format::{Count, Instant, Share};
use super::link::{self, View};
use super::table::{Column, Extent};
use crate::http::bounds::Bound;
use crate::http::representation::Entity;

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
pub struct Chosen {
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

/// What the page of an exam says of some of its students, besides their results.
#[derive(Debug, Default)]
pub struct ExamAside {
    /// The student whose place is shown.
    pub chosen: Option<Chosen>,
    /// Students whom the reader may have meant.
    pub alike: Vec<StudentId>,
}

impl ExamAside {
    /// Reads what `students`, who were asked for, want to know of `exam`.
    #[must_use]
    pub fn read(book: &Gradebook, exam: ExamNumber, students: &[StudentId]) -> Self {
        let [student] = students else { return Self::default() };
        let chosen = book.result(student, exam).map(|result| Chosen {
            standing: book
                .standings(std::slice::from_ref(&result))
                .into_iter()
                .flatten()
                .next()
                .map(rank),
            student: result.student,
            score: Share(result.score.get()),
        });
        let alike = if chosen.is_none() { alike(book, exam, student) } else { Vec::new() };
        Self { chosen, alike }
    }
}

/// The filters of the table, by all their names.
const FILTERS: [&str; 4] = ["student", "min_score", "max_score", "since"];

impl ExamPage {
    /// The page of `exam`.
    #[must_use]
    pub fn new(exam: &Entity<ExamNumber>, aside: ExamAside, view: View, chrome: Chrome) -> Self {
        let Entity { id, aggregate, statistics, results, .. } = exam;
        let place = aside
            .chosen
            .as_ref()
            .map(|chosen| PlaceInChart { name: chosen.student.to_string(), score: chosen.score.0 });
        let image = View::new(format!("/exams/{id}/distribution.svg"), &[]);
        let image = match &aside.chosen {
            Some(chosen) => image.with("student", chosen.student.as_str()),
            None => image,
        };
        Self {
            chrome,
            exam: *id,
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
            chart: Distribution::new(statistics, place.as_ref()),
            chosen: aside.chosen,
            image: image.href(),
            here: view.href(),
            kept: kept(&view, &["student", "min_score", "max_score", "cursor"]),
            filtered: view.has(&FILTERS),
            unfiltered: view.without(&FILTERS).without(&["cursor"]).href(),
            columns: vec![
                Column::sortable(&view, "studentId", "Student", true),
                Column::sortable(&view, "score", "Score", false).numeric(),
                Column::plain("Attempts").numeric().spare(),
                Column::sortable(&view, "receivedAt", "Received", false),
            ],
            alike: aside.alike.into_iter().map(|student| Alike::new(*id, student)).collect(),
            extent: Extent::of(&view, results),
            rows: results.items.iter().map(Row::from).collect(),
            view,
        }
    }
}

/// A standing in words: `3rd of 20` would have to be translated, `3 of 20` is understood.
pub(super) fn rank(standing: Standing) -> String {
    format!("{} of {}", Count(u64::from(standing.rank)), Count(u64::from(standing.of)))
}

/// The parameters of `view` that a form keeps because it has no field for them.
pub(super) fn kept(view: &View, fields: &[&str]) -> Vec<(String, String)> {
    let view = view.without(fields);
    view.parameters().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl From<&ResultItem> for Row {
    fn from(item: &ResultItem) -> Self {
        Self {
            href: link::student(&item.student),
            student: item.student.clone(),
            score: Share(item.score.get()),
            attempts: item.attempts,
            received: Instant(item.received),
            received_iso: item.received.to_string(),
        }
    }
}

impl Alike {
    fn new(exam: ExamNumber, student: StudentId) -> Self {
        Self { href: link::exam_with_student(exam, &student), student }
    }
}

/// Students of this exam whose name contains the one that was asked for.
fn alike(book: &Gradebook, exam: ExamNumber, student: &StudentId) -> Vec<StudentId> {
    let mut question = ListQuery::all(ALIKE_MAX);
    question.exams = vec![exam];
    question.contains = Some(student.as_str().to_owned());
    let page = book.students(&question);
    Bound::Alike.reached_if(page.next.is_some());
    page.items.into_iter().map(|item| item.student).collect()
}
