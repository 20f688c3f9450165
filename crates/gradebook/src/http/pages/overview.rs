//! `/`: what is coming in now.

use askama::Template;
use gradebook_core::gradebook::{ListKey, ListQuery, ResultQuery, Sort};
use gradebook_core::{ExamNumber, Gradebook, Timestamp};

use super::chart::{Rate, Thumbnail};
use super::chrome::Chrome;
use super::feeds::{Sentence, journal_sentence, sentence};
use super::format::{Count, Share};
use super::link;
use super::results::ResultRow;
use crate::pulse::{INTERVAL_MS, INTERVALS, Pulse};
use crate::status::Status;

/// How many exams are shown: those with the latest results.
const EXAMS_SHOWN: usize = 10;

/// How many results are shown.
const RESULTS_SHOWN: usize = 10;

/// The landing page.
#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    chrome: Chrome,
    states: Vec<Sentence>,
    last_minute: Count,
    minutes: u64,
    rate: Rate,
    students: Count,
    exams: Count,
    results: Count,
    latest_exams: Vec<ExamRow>,
    latest_results: Vec<ResultRow>,
}

#[derive(Debug)]
struct ExamRow {
    exam: ExamNumber,
    href: String,
    average: Share,
    count: Count,
    median: Share,
    thumbnail: Option<Thumbnail>,
}

impl OverviewPage {
    /// Reads the page as it is at `now`.
    #[must_use]
    pub fn read(
        book: &Gradebook,
        status: &Status,
        pulse: &Pulse,
        now: Timestamp,
        chrome: Chrome,
    ) -> Self {
        let minutes = INTERVAL_MS * INTERVALS as u64 / 60_000;
        let mut latest = ResultQuery::all(RESULTS_SHOWN);
        latest.sort.descending = true;
        let mut exams = ListQuery::all(EXAMS_SHOWN);
        exams.sort = Sort { key: ListKey::LastResultAt, descending: true };
        let feeds = status.feeds_shown();
        let feeds = feeds.iter().map(|feed| sentence(feed, now));
        Self {
            chrome,
            states: feeds.chain(journal_sentence(status)).collect(),
            last_minute: Count(pulse.last_minute(now)),
            minutes,
            rate: Rate::new(&pulse.per_minute(now), minutes),
            students: Count(book.student_count() as u64),
            exams: Count(book.exam_count() as u64),
            results: Count(book.result_count() as u64),
            latest_exams: book
                .exams(&exams)
                .items
                .into_iter()
                .map(|item| {
                    let statistics = book.exam_statistics(item.exam);
                    ExamRow {
                        exam: item.exam,
                        href: link::exam(item.exam),
                        average: Share(item.aggregate.average),
                        count: Count(u64::from(item.aggregate.count)),
                        median: Share(statistics.as_ref().map_or(0.0, |found| found.median)),
                        thumbnail: statistics.map(|found| Thumbnail::new(&found.histogram)),
                    }
                })
                .collect(),
            latest_results: book.results(&latest).items.iter().map(Into::into).collect(),
        }
    }
}
