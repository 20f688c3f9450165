//! `/feeds`: how the feeds and the journal are.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::response::Response;
use gradebook_core::Timestamp;
use serde::Serialize;

use super::accept::MediaType;
use super::access::Scope;
use super::call::Call;
use super::parameters as parameter;
use super::problem::Problem;
use super::representation::{self, Document};
use super::resource::{Operation, Resource, SortKeys};
use crate::status::{FeedStatus, JournalStatus, Status};

/// `/feeds`.
pub static FEEDS: Resource = Resource {
    template: "/feeds",
    operation: Operation {
        id: "listFeeds",
        summary: "How the feeds and the journal are, now",
        schema: "FeedList",
    },
    scope: Some(Scope::Read),
    parameters: &[&parameter::FORMAT],
    sort_keys: SortKeys::None,
    media_types: &[MediaType::Json, MediaType::Html],
    get: list,
    watch: None,
    delete: None,
};

/// What `/feeds` shows.
#[derive(Debug, Serialize)]
pub struct Feeds {
    /// Each feed, in the order of the settings.
    pub feeds: Vec<Feed>,
    /// The journal.
    pub journal: Journal,
}

/// How one feed is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Feed {
    /// Its URL, without credentials.
    pub feed: Arc<str>,
    /// `connecting`, `live`, `reconnecting` or `stopped`.
    pub state: &'static str,
    /// Why it is not connected, if so.
    pub trouble: Option<String>,
    /// Since when it has been connected.
    pub connected_since: Option<Timestamp>,
    /// When the last event came.
    pub last_event_at: Option<Timestamp>,
    /// The id of the last event that had one.
    pub last_event_id: Option<Arc<str>>,
    /// Whether its events have ids, so that nothing is lost between two connections.
    pub resumable: bool,
    /// Events that became scores.
    pub events_accepted: u64,
    /// `score` events that could not.
    pub events_rejected: u64,
    /// Events of other types.
    pub events_ignored: u64,
    /// Connections after the first.
    pub reconnects: u64,
}

/// How the journal is.
#[derive(Debug, Serialize)]
pub struct Journal {
    /// `memory`, `sqlite` or `redis`.
    pub kind: &'static str,
    /// The position of the last entry.
    pub position: u64,
    /// Why nothing can be written at present, if so; meanwhile the feeds are held back.
    pub unavailable: Option<String>,
}

fn list(call: &Call) -> Result<Response, Problem> {
    let document = Document::Feeds(Feeds::of(&call.api.reader.status));
    Ok(call.show_now(representation::render(call, &document, None)))
}

impl Feeds {
    /// What `status` says.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let JournalStatus { position, unavailable, .. } = status.journal();
        let (kind, position) = (status.journal_kind(), position.get());
        let journal = Journal { kind, position, unavailable };
        Self { feeds: status.feeds.iter().map(Feed::of).collect(), journal }
    }
}

impl Feed {
    fn of(status: &FeedStatus) -> Self {
        let connection = status.connection();
        Self {
            feed: Arc::clone(&status.name),
            state: connection.state.name(),
            trouble: connection.trouble,
            connected_since: connection.connected_since,
            last_event_at: connection.last_event_at,
            resumable: connection.last_event_id.is_some(),
            last_event_id: connection.last_event_id,
            events_accepted: status.accepted.load(Ordering::Relaxed),
            events_rejected: status.rejected.load(Ordering::Relaxed),
            events_ignored: status.ignored.load(Ordering::Relaxed),
            reconnects: status.reconnects.load(Ordering::Relaxed),
        }
    }
}
