//! What subscribers are told.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gradebook_core::gradebook::{Aggregate, Change};
use gradebook_core::{ExamNumber, Position, StudentId};

use crate::feed_state::FeedState;

/// Something that subscribers are told of.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A result changed.
    Changed(Change),
    /// A student was erased.
    Erased(Erased),
}

/// A student was erased, and where that left the exams.
#[derive(Clone, Debug)]
pub struct Erased {
    /// The position of the erasure.
    pub position: Position,
    /// Who.
    pub student: StudentId,
    /// The exams that lost a result, in order; `None` for those that are gone altogether.
    pub exams: Vec<(ExamNumber, Option<Aggregate>)>,
}

/// What a feed is doing, told to everybody when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedNotice {
    /// The name of the feed.
    pub feed: Arc<str>,
    /// What it is doing now.
    pub state: FeedState,
}

/// What a notice looks like depends on what is watched. These are the ways to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// One student's results.
    Student,
    /// One exam's results.
    Exam,
    /// The list of students.
    Students,
    /// The list of exams.
    Exams,
    /// All results.
    Results,
}

/// How many [`View`]s there are.
const VIEWS: usize = 5;

/// A notice with room for its text in each view, so that it is formatted once for all subscribers.
#[derive(Debug)]
pub struct Published {
    notice: Notice,
    texts: [OnceLock<Bytes>; VIEWS],
}

impl Notice {
    /// The position of the entry that it is about.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Changed(change) => change.result.position,
            Self::Erased(erased) => erased.position,
        }
    }
}

impl Published {
    pub(super) fn new(notice: Notice) -> Self {
        Self { notice, texts: Default::default() }
    }

    /// What is told.
    #[must_use]
    pub fn notice(&self) -> &Notice {
        &self.notice
    }

    /// The text in one view: made by whoever asks first. It must depend on nothing but the notice
    /// and the view.
    pub fn text(&self, view: View, make: impl FnOnce() -> Bytes) -> &Bytes {
        self.texts[view as usize].get_or_init(make)
    }
}
