//! The last events that were refused, for an administrator to look at.

use std::collections::VecDeque;
use std::sync::Arc;

use gradebook_core::Timestamp;
use gradebook_core::feed_format::RejectionReason;
use parking_lot::Mutex;

/// How many rejections are kept; the oldest goes first.
pub const REJECTIONS_MAX: usize = 1_000;

/// How much of a refused event's data is kept, in bytes.
pub const REJECTION_DATA_BYTES_MAX: usize = 1_024;

/// One refused event.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// When it came.
    pub received: Timestamp,
    /// From which feed.
    pub feed: Arc<str>,
    /// Its event id, when it had one.
    pub event_id: Option<Arc<str>>,
    /// The reason, for programs.
    pub reason: RejectionReason,
    /// What exactly was wrong, for people.
    pub detail: String,
    /// The data, cut to [`REJECTION_DATA_BYTES_MAX`].
    pub data: String,
}

/// A bounded ring of rejections.
#[derive(Debug, Default)]
pub struct Rejections {
    ring: Mutex<VecDeque<Rejection>>,
}

impl Rejections {
    /// Keeps `rejection`, and forgets the oldest when there are too many.
    pub fn push(&self, mut rejection: Rejection) {
        let end = rejection.data.floor_char_boundary(REJECTION_DATA_BYTES_MAX);
        rejection.data.truncate(end);
        let mut ring = self.ring.lock();
        if ring.len() == REJECTIONS_MAX {
            ring.pop_front();
        }
        ring.push_back(rejection);
    }

    /// All that are kept, newest first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<Rejection> {
        self.ring.lock().iter().rev().cloned().collect()
    }

    /// Forgets every rejection whose data contains `text`: an erased student's id.
    pub fn forget(&self, text: &str) {
        self.ring.lock().retain(|rejection| !rejection.data.contains(text));
    }
}
