//! Every list and entity as an event stream, on its own URL.
//!
//! [`watch`] answers a request. It subscribes to the hub first and reads the book then, so that
//! nothing falls in between; [`missed`] tells what a client does not know yet, [`stream`] goes on
//! with what the hub brings, and [`wording`] says it.

mod filter;
mod missed;
mod stream;
#[cfg(test)]
mod tests;
mod wording;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use gradebook_core::Position;

use super::Api;
use super::call::Call;
use super::event_id::EventId;
use super::problem::Problem;
use super::representation::event_stream::ResetReason;
use super::resource::Answer;
use crate::hub::{HubFull, Watched};
use crate::reader::Reader;
use filter::Filter;
pub use missed::MISSED_ENTRIES_MAX;
pub use stream::LiveStream;

/// The longest wait for the book to be rebuilt after a start. A client that connects again within
/// it just waits; to an `EventSource` an error would be the end (WHATWG HTML §9.2.3).
const REBUILD_WAIT: Duration = Duration::from_secs(30);

/// When a client that found no place may try again, in seconds.
const FULL_RETRY_AFTER: u64 = 10;

/// When a client that found the book half rebuilt may try again, in seconds.
const REBUILD_RETRY_AFTER: u64 = 5;

/// Tells nginx and those who understand its header not to hold events back.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The longest wait for a replica to come to where another was.
const CATCH_UP_WAIT: Duration = Duration::from_secs(2);

/// Why there is no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum LiveError {
    #[error("nothing is held of it")]
    NotFound(Watched),
    #[error(transparent)]
    Full(#[from] HubFull),
    #[error("the gradebook is being rebuilt")]
    Rebuilding,
}

impl From<LiveError> for Problem {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::NotFound(Watched::Exam(_)) => Self::exam_not_found(),
            LiveError::NotFound(_) => Self::student_not_found(),
            LiveError::Full(full) => Self::reduced_capacity(&format!("{full}."), FULL_RETRY_AFTER),
            LiveError::Rebuilding => Self::unavailable(format!("{error}."), REBUILD_RETRY_AFTER),
        }
    }
}

/// Answers `call` with the stream of what happens to `watched`.
pub fn watch(call: Call, watched: Result<Watched, Problem>) -> Answer {
    Box::pin(async move {
        let sent = call.headers.get("last-event-id").filter(|id| !id.is_empty());
        // What is not UTF-8 is no id of ours in any case.
        let sent = sent.map(|id| String::from_utf8_lossy(id.as_bytes()));
        let last_event_id = sent.as_deref().or(call.query.last_event_id.as_deref());
        let filter = Filter::from(&call.query);
        let stream = subscribe(&call.api, watched?, filter, last_event_id).await?;
        let mut response = Response::new(Body::new(stream));
        let headers = response.headers_mut();
        call.write_headers(headers, None, None, &[]);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        Ok(response)
    })
}

/// A stream of what happens to `watched` from now on; or from the event `last_event_id` on, where
/// the client has one. It must be polled within a tokio runtime.
async fn subscribe(
    api: &Arc<Api>,
    watched: Watched,
    filter: Filter,
    last_event_id: Option<&str>,
) -> Result<LiveStream, LiveError> {
    let reader = &api.reader;
    let rebuilt = tokio::time::timeout(REBUILD_WAIT, reader.status.rebuilt());
    rebuilt.await.map_err(|_| LiveError::Rebuilding)?;
    let after = last_event_id.map(|id| position(api, id));
    if let Some(Some(after)) = after {
        follow_up_to(reader, after).await;
    }
    // First the subscription and then the book, so that what happens in between is in both, and
    // told once: what the hub brings is told from where the book ended.
    let subscription = reader.hub.subscribe(watched)?;
    let watched = subscription.watched();
    let mut text = api.event_text();
    text.retry();
    let progress = {
        let book = reader.now();
        if missed::snapshot(&book, watched).is_none() {
            return Err(LiveError::NotFound(watched.clone()));
        }
        match after {
            // Other entries may have stood at those positions when the client read them.
            Some(Some(after)) if reader.hub.has_replaced(after) => {
                missed::reset(&mut text, &book, watched, ResetReason::GradebookRebuilt)
            }
            Some(after) => missed::resume(&mut text, &book, watched, after),
            None => missed::start_over(&mut text, &book, watched),
        }
    };
    Ok(LiveStream::new(Arc::clone(api), subscription, filter, text.into_bytes(), progress))
}

/// Waits until this replica has posted what another has told the client already.
async fn follow_up_to(reader: &Reader, after: Position) {
    if reader.status.journal_kind() == "redis" {
        // If it does not, the client starts over.
        tokio::time::timeout(CATCH_UP_WAIT, reader.hub.published_up_to(after)).await.ok();
    }
}

/// Where the client has come to; `None` when the id is not one of this journal's.
fn position(api: &Api, id: &str) -> Option<Position> {
    let id: EventId = id.parse().ok()?;
    (id == api.event_id(id.position)).then_some(id.position)
}
