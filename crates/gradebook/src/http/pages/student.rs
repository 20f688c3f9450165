//! `/students/{id}`: how a student did.

use askama::Template;
use gradebook_core::gradebook::{ResultItem, ResultQuery};
use gradebook_core::{ExamNumber, Gradebook, StudentId};

use super::chart::{PROGRESS_POINTS_MAX, Progress, ProgressPoint};
use super::chrome::Chrome;
use super::exam::{kept, rank};
use super::format::{Count, Instant, Share};
use super::link::{self, View};
use super::table::{Column, Extent};
use crate::http::bounds::Bound;
use crate::http::representation::Entity;
use crate::http::standing::exam_by_exam;
use crate::reader::Reader;

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
#[derive(Clone, Debug)]
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

/// What the page of a student says of others: the class, exam by exam.
#[derive(Debug)]
pub struct StudentAside {
    progress: Vec<ProgressPoint>,
    class_averages: Vec<Share>,
    standings: Vec<String>,
    latest: Option<Standing>,
}

/// The most results that are compared for the standings on one page. A row beyond shows none.
const COMPARED_MAX: u64 = 1_000_000;

impl StudentAside {
    /// Reads it, for these results of `student`.
    #[must_use]
    pub fn read(reader: &Reader, student: &StudentId, results: &[ResultItem]) -> Self {
        let book = reader.now();
        let average = |item: &ResultItem| {
            // A student who was erased in between leaves an exam without results.
            book.exam(item.exam).map_or(item.score.get(), |class| class.average)
        };
        let mut last = ResultQuery::all(1);
        last.sort.descending = true;
        let last = book.student_results(student, &last).map(|page| page.items);
        let latest = last.and_then(|last| {
            let standing = book.standings(&last).into_iter().next()??;
            Some(Standing { exam: last.first()?.exam, text: rank(standing) })
        });
        let progress = progress(&book, student);
        let class_averages = results.iter().map(|item| Share(average(item))).collect();
        let compared = comparable(&book, results);
        drop(book);
        let standings = standings(reader, results, compared);
        Self { progress, class_averages, standings, latest }
    }
}

/// The filters of the table.
const FILTERS: [&str; 4] = ["exam", "min_score", "max_score", "since"];

impl StudentPage {
    /// The page of `student`.
    #[must_use]
    pub fn new(
        student: &Entity<StudentId>,
        aside: &StudentAside,
        view: View,
        chrome: Chrome,
    ) -> Self {
        let Entity { id, aggregate, statistics, results, .. } = student;
        let asides = aside.class_averages.iter().zip(&aside.standings);
        let rows = results.items.iter().zip(asides);
        Self {
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
            standing: aside.latest.clone(),
            chart: Progress::new(&aside.progress),
            chart_all: aside.progress.len() == aggregate.count as usize,
            image: format!("{}/progress.svg", link::student(id)),
            here: view.href(),
            kept: kept(&view, &["exam", "min_score", "max_score", "cursor"]),
            filtered: view.has(&FILTERS),
            unfiltered: view.without(&FILTERS).without(&["cursor"]).href(),
            columns: vec![
                Column::sortable(&view, "exam", "Exam", true),
                Column::sortable(&view, "score", "Score", false).numeric(),
                Column::plain("Class").numeric(),
                Column::plain("Standing").numeric(),
                Column::sortable(&view, "receivedAt", "Received", false).spare(),
            ],
            extent: Extent::of(&view, results),
            rows: rows.map(|(item, (class, rank))| Row::new(item, *class, rank.clone())).collect(),
            student: id.clone(),
            view,
        }
    }
}

/// How many of `results`, from the first on, have exams of together at most [`COMPARED_MAX`].
fn comparable(book: &Gradebook, results: &[ResultItem]) -> usize {
    let mut compared = 0;
    let within = results.iter().take_while(|result| {
        compared += book.exam(result.exam).map_or(0, |exam| u64::from(exam.count));
        compared <= COMPARED_MAX
    });
    let within = within.count();
    Bound::Compared.reached_if(within < results.len());
    within
}

/// The standing in each of the first `compared` of `results`, in words; empty for the others.
fn standings(reader: &Reader, results: &[ResultItem], compared: usize) -> Vec<String> {
    let found = exam_by_exam(reader, &results[..compared]).into_iter();
    let mut told: Vec<String> = found.map(|found| found.map_or_else(String::new, rank)).collect();
    told.resize(results.len(), String::new());
    told
}

/// The student's last exams by number, each beside the class average.
#[must_use]
pub fn progress(book: &Gradebook, student: &StudentId) -> Vec<ProgressPoint> {
    let mut question = ResultQuery::all(PROGRESS_POINTS_MAX);
    question.sort.descending = true;
    let Some(page) = book.student_results(student, &question) else { return Vec::new() };
    Bound::ProgressPoints.reached_if(page.next.is_some());
    let results = page.items.into_iter().rev();
    let points = results.filter_map(|item| {
        let class_average = book.exam(item.exam)?.average;
        Some(ProgressPoint { exam: item.exam, score: item.score.get(), class_average })
    });
    points.collect()
}

impl Row {
    fn new(item: &ResultItem, class_average: Share, standing: String) -> Self {
        Self {
            exam: item.exam,
            href: link::exam_with_student(item.exam, &item.student),
            score: Share(item.score.get()),
            class_average,
            standing,
            received: Instant(item.received),
            received_iso: item.received.to_string(),
        }
    }
}
