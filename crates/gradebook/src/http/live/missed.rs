//! What a subscriber has missed, read from the book.
//!
//! No replay buffer is needed: the book knows every result by the position of its last change, so
//! it can tell what has changed since any position. Each changed result is told once, as it now
//! stands; what it was in between has been superseded.

use std::collections::HashSet;

use gradebook_core::gradebook::{Aggregate, Anchor, ResultItem, ResultQuery};
use gradebook_core::{Gradebook, Position};

use super::filter::Filter;
use crate::http::representation::event_stream::{EventText, ResetReason, Snapshot};
use crate::hub::Watched;

/// How many journal entries a subscriber may have missed and still be told; who has missed more is
/// told to read the resource again, which is less work for both.
pub const MISSED_ENTRIES_MAX: u64 = 100_000;

/// Changed results that are read under one lock, which takes some 20 µs. Posting goes on between.
const STEP_RESULTS: usize = 256;

/// How far a subscriber has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to here has been told.
    pub told: Position,
    /// Whether there may be more in the book that the hub has not kept.
    pub behind: bool,
}

/// What is said of the whole; `None` when there is no such student or exam.
pub fn snapshot(book: &Gradebook, watched: &Watched) -> Option<Snapshot> {
    let list = |total: usize| Snapshot::List { total: total as u64 };
    Some(match watched {
        Watched::Student(student) => {
            let standing = Some(&book.student(student)?).into();
            Snapshot::Student { student_id: student.clone(), standing }
        }
        Watched::Exam(exam) => {
            Snapshot::Exam { exam: *exam, standing: Some(&book.exam(*exam)?).into() }
        }
        Watched::Students => list(book.student_count()),
        Watched::Exams => list(book.exam_count()),
        Watched::Results => list(book.result_count()),
    })
}

/// As [`snapshot`], but of one that is gone there is still something to say: nothing is held.
fn snapshot_or_none(book: &Gradebook, watched: &Watched) -> Snapshot {
    snapshot(book, watched).unwrap_or_else(|| match watched {
        Watched::Exam(exam) => Snapshot::Exam { exam: *exam, standing: None.into() },
        Watched::Student(student) => {
            Snapshot::Student { student_id: student.clone(), standing: None.into() }
        }
        Watched::Students | Watched::Exams | Watched::Results => Snapshot::List { total: 0 },
    })
}

/// Starts with all that is said of the whole.
pub fn start_over(text: &mut EventText<'_>, book: &Gradebook, watched: &Watched) -> Progress {
    let told = book.position();
    text.snapshot(told, &snapshot_or_none(book, watched));
    Progress { told, behind: false }
}

/// Says that what was told before may not stand, and starts over.
pub fn reset(
    text: &mut EventText<'_>,
    book: &Gradebook,
    watched: &Watched,
    reason: ResetReason,
) -> Progress {
    text.reset(reason);
    start_over(text, book, watched)
}

/// Goes on after `after`, where the client says that it has come to.
pub fn resume(
    text: &mut EventText<'_>,
    book: &Gradebook,
    watched: &Watched,
    after: Option<Position>,
) -> Progress {
    let now = book.position();
    match after {
        None => reset(text, book, watched, ResetReason::UnknownId),
        Some(after) if after > now => reset(text, book, watched, ResetReason::AheadOfJournal),
        Some(after) if after < book.last_erasure() => {
            reset(text, book, watched, ResetReason::StudentErased)
        }
        Some(after) if revision(book, watched) <= after => {
            // Nothing was missed, however long it has been; next time it has been less long.
            text.id(now);
            Progress { told: now, behind: false }
        }
        Some(after) => Progress { told: after, behind: true },
    }
}

/// The position of the last change of what is watched.
fn revision(book: &Gradebook, watched: &Watched) -> Position {
    let of = |aggregate: Option<Aggregate>| aggregate.map_or(Position::START, |one| one.revision);
    match watched {
        Watched::Student(student) => of(book.student(student)),
        Watched::Exam(exam) => of(book.exam(*exam)),
        Watched::Students | Watched::Exams | Watched::Results => book.revision(),
    }
}

/// Tells the next part of what was missed after `after`.
pub fn tell_more(
    text: &mut EventText<'_>,
    book: &Gradebook,
    watched: &Watched,
    filter: &Filter,
    after: Position,
) -> Progress {
    let now = book.position();
    if after < book.last_erasure() {
        return reset(text, book, watched, ResetReason::StudentErased);
    }
    if now.get() - after.get() > MISSED_ENTRIES_MAX {
        return reset(text, book, watched, ResetReason::TooLongAgo);
    }
    let start = Some(Anchor { value: 0, id: after });
    let query = ResultQuery { after: start, ..ResultQuery::all(STEP_RESULTS) };
    let changed = book.results(&query).items;
    let progress = match changed.last() {
        Some(last) if changed.len() == STEP_RESULTS => {
            Progress { told: last.position, behind: true }
        }
        _ => Progress { told: now, behind: false },
    };
    tell(text, book, watched, filter, &changed);
    if !progress.behind {
        text.id(now);
    }
    progress
}

fn tell(
    text: &mut EventText<'_>,
    book: &Gradebook,
    watched: &Watched,
    filter: &Filter,
    changed: &[ResultItem],
) {
    let wanted = changed.iter().filter(|result| filter.result(result));
    match watched {
        Watched::Student(student) => {
            let now = book.student(student);
            let theirs = wanted.filter(|result| result.student == *student);
            theirs.for_each(|result| text.result(result, now.as_ref()));
        }
        Watched::Exam(exam) => {
            let now = book.exam(*exam);
            let its = wanted.filter(|result| result.exam == *exam);
            its.for_each(|result| text.result(result, now.as_ref()));
        }
        Watched::Results => wanted.for_each(|result| text.result(result, None)),
        Watched::Students => {
            for last in last_of_each(changed, |result| &result.student) {
                let now = book.student(&last.student);
                if let Some(now) = now.filter(|_| filter.student(&last.student, Some(book))) {
                    text.student(Some(last.position), &last.student, &now);
                }
            }
        }
        Watched::Exams => {
            for last in last_of_each(changed, |result| &result.exam) {
                let now = book.exam(last.exam);
                if let Some(now) = now.filter(|_| filter.exam(last.exam, Some(book))) {
                    text.exam(Some(last.position), last.exam, &now);
                }
            }
        }
    }
}

/// The last result for each key, in order.
fn last_of_each<'a, Key: Eq + std::hash::Hash>(
    results: &'a [ResultItem],
    key: impl Fn(&'a ResultItem) -> Key,
) -> Vec<&'a ResultItem> {
    let mut seen = HashSet::new();
    let mut last: Vec<_> = results.iter().rev().filter(|one| seen.insert(key(one))).collect();
    last.reverse();
    last
}
