//! `/feeds`: how the feeds and the journal are.

use std::sync::Arc;

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
use crate::feed_state::FeedReport;
use crate::status::{JournalStatus, Status};

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
    /// `connecting`, `live`, `reconnecting`, `stopped` or `unknown`.
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
        Self { feeds: status.feeds_shown().into_iter().map(Feed::of).collect(), journal }
    }
}

impl Feed {
    fn of(report: FeedReport) -> Self {
        Self {
            feed: report.feed,
            state: report.state.name(),
            trouble: report.trouble,
            connected_since: report.connected_since,
            last_event_at: report.last_event_at,
            resumable: report.last_event_id.is_some(),
            last_event_id: report.last_event_id,
            events_accepted: report.events_accepted,
            events_rejected: report.events_rejected,
            events_ignored: report.events_ignored,
            reconnects: report.reconnects,
        }
    }
}
