//! `text/event-stream` (WHATWG HTML §9.2): the text of each event.
//!
//! Every text ends with the empty line that lets a client act on it. An event with an id stands for
//! everything up to that id: where one entry has several events, only the last has the id.

use std::fmt;
use std::io::Write as _;

use bytes::Bytes;
use gradebook_core::gradebook::{Aggregate, ExamItem, ResultItem, StudentItem};
use gradebook_core::{ExamNumber, Position, StudentId};
use serde::Serialize;

use super::json;
use crate::http::event_id::EventId;
use crate::http::links::Links;
use crate::hub::FeedNotice;

/// What a client is to wait before it connects again, in milliseconds.
pub const RETRY_MS: u32 = 3_000;

/// Text of events, one after the other.
#[derive(Debug)]
pub struct EventText<'a> {
    epoch: Option<u32>,
    links: &'a Links,
    text: Vec<u8>,
}

/// What a stream starts with: all that is said of the whole.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Snapshot {
    /// Of a student; no average when nothing is held of them.
    Student {
        /// Who.
        student_id: StudentId,
        /// How they do.
        #[serde(flatten)]
        standing: Standing,
    },
    /// Of an exam; no average when nothing is held of it.
    Exam {
        /// Which.
        exam: ExamNumber,
        /// How it goes.
        #[serde(flatten)]
        standing: Standing,
    },
    /// Of a list: how many items it has without filters.
    List {
        /// How many.
        total: u64,
    },
}

/// An average and what it is of.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    average_score: Option<f64>,
    result_count: u32,
}

/// Why a client cannot be told what it has missed, and has to read the resource again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetReason {
    /// The id is not one of this journal's.
    UnknownId,
    /// The id is one that the journal has not come to.
    AheadOfJournal,
    /// A student was erased since.
    StudentErased,
    /// Too much has happened since.
    TooLongAgo,
    /// A failover has replaced entries, and the gradebook was built anew.
    GradebookRebuilt,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultEvent<Object> {
    result: Object,
    #[serde(flatten)]
    standing: Option<Standing>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StudentKey<'a> {
    student_id: &'a StudentId,
}

#[derive(Serialize)]
struct ExamKey {
    exam: ExamNumber,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErasedEvent<'a> {
    student_id: &'a StudentId,
    #[serde(flatten)]
    standing: Option<Standing>,
}

impl From<Option<&Aggregate>> for Standing {
    fn from(aggregate: Option<&Aggregate>) -> Self {
        Self {
            average_score: aggregate.map(|aggregate| aggregate.average),
            result_count: aggregate.map_or(0, |aggregate| aggregate.count),
        }
    }
}

impl<'a> EventText<'a> {
    /// No text yet. Ids have this epoch.
    #[must_use]
    pub fn new(epoch: Option<u32>, links: &'a Links) -> Self {
        Self { epoch, links, text: Vec::new() }
    }

    /// The text so far.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.text.into()
    }

    /// Adds events that were formatted before.
    pub fn push(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// How long to wait before connecting again.
    pub fn retry(&mut self) {
        self.write(format_args!("retry: {RETRY_MS}\n\n"));
    }

    /// A comment, so that whoever is between knows the connection to be alive.
    pub fn keep_alive(&mut self) {
        self.write(format_args!(": keep-alive\n\n"));
    }

    /// No event at all, but the id to resume from (an event without data is not dispatched, but
    /// its id is kept: WHATWG HTML §9.2.6).
    pub fn id(&mut self, position: Position) {
        let id = EventId { epoch: self.epoch, position };
        self.write(format_args!("id: {id}\n\n"));
    }

    /// What is said of the whole.
    pub fn snapshot(&mut self, position: Position, snapshot: &Snapshot) {
        self.event("snapshot", Some(position), snapshot);
    }

    /// A result is new, or another one; with the average of what is watched, where one is.
    pub fn result(&mut self, result: &ResultItem, of: Option<&Aggregate>) {
        let standing = of.map(|aggregate| Standing::from(Some(aggregate)));
        let event = ResultEvent { result: json::result(result, None), standing };
        self.event("result", Some(result.position), &event);
    }

    /// A student is new in the list, or another one.
    pub fn student(&mut self, id: Option<Position>, student: &StudentId, aggregate: &Aggregate) {
        let item = StudentItem { student: student.clone(), aggregate: *aggregate };
        self.event("upsert", id, &json::student(self.links, &item));
    }

    /// An exam is new in the list, or another one.
    pub fn exam(&mut self, id: Option<Position>, exam: ExamNumber, aggregate: &Aggregate) {
        let item = ExamItem { exam, aggregate: *aggregate };
        self.event("upsert", id, &json::exam(self.links, &item));
    }

    /// A student is no more in the list.
    pub fn student_removed(&mut self, id: Option<Position>, student: &StudentId) {
        self.event("removed", id, &StudentKey { student_id: student });
    }

    /// An exam is no more in the list.
    pub fn exam_removed(&mut self, id: Option<Position>, exam: ExamNumber) {
        self.event("removed", id, &ExamKey { exam });
    }

    /// A student was erased: whoever has a copy forgets it. With where that left what is watched.
    pub fn erased(
        &mut self,
        id: Option<Position>,
        student: &StudentId,
        of: Option<Option<&Aggregate>>,
    ) {
        let event = ErasedEvent { student_id: student, standing: of.map(Standing::from) };
        self.event("erased", id, &event);
    }

    /// What was missed cannot be told.
    pub fn reset(&mut self, reason: ResetReason) {
        #[derive(Serialize)]
        struct Reset {
            reason: ResetReason,
        }
        self.event("reset", None, &Reset { reason });
    }

    /// A feed is doing something else now.
    pub fn feed(&mut self, notice: &FeedNotice) {
        #[derive(Serialize)]
        struct Feed<'a> {
            feed: &'a str,
            state: &'a str,
        }
        self.event("feed", None, &Feed { feed: &notice.feed, state: notice.state.name() });
    }

    fn event(&mut self, name: &str, id: Option<Position>, content: &impl Serialize) {
        self.write(format_args!("event: {name}\n"));
        if let Some(position) = id {
            let id = EventId { epoch: self.epoch, position };
            self.write(format_args!("id: {id}\n"));
        }
        self.text.extend_from_slice(b"data: ");
        json::write(content, &mut self.text);
        self.text.extend_from_slice(b"\n\n");
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("invariant: a Vec takes any text");
    }
}
