//! Every list and entity as an event stream, on its own URL.

mod filter;
mod missed;
mod stream;
mod wording;

pub use filter::Filter;
pub use missed::MISSED_ENTRIES_MAX;
pub use stream::LiveStream;

use std::time::Duration;

use gradebook_core::Position;

use super::event_id::EventId;
use super::representation::event_stream::EventText;
use crate::hub::{HubFull, Watched};
use crate::reader::Reader;

/// The longest wait for the book to be rebuilt after a start. A client that connects again within
/// it just waits; for an `EventSource` an error would be the end (WHATWG HTML §9.2.3).
const REBUILD_WAIT: Duration = Duration::from_secs(30);

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// Nothing is held of that student or exam.
    #[error("nothing is held of it")]
    NotFound,
    /// Too many subscribers.
    #[error(transparent)]
    Full(#[from] HubFull),
    /// The book is still being rebuilt.
    #[error("the gradebook is being rebuilt")]
    Rebuilding,
}

/// A stream of what happens to `watched` from now on; or from the event `last_event_id` on, where
/// the client has one. It must be polled within a tokio runtime.
///
/// # Errors
/// See [`LiveError`].
pub async fn subscribe(
    reader: &Reader,
    watched: Watched,
    filter: Filter,
    last_event_id: Option<&str>,
    keep_alive: Duration,
) -> Result<LiveStream, LiveError> {
    let rebuilt = tokio::time::timeout(REBUILD_WAIT, reader.status.rebuilt());
    rebuilt.await.map_err(|_| LiveError::Rebuilding)?;
    let after = last_event_id.map(|id| position(reader, id));
    // First the subscription and then the book, so that what happens in between is in both, and
    // told once: what the hub brings is told from where the book ended.
    let subscription = reader.hub.subscribe(watched)?;
    let watched = subscription.watched();
    let mut text = EventText::new(reader.identity.epoch);
    text.retry();
    let progress = {
        let book = reader.now();
        missed::snapshot(&book, watched).ok_or(LiveError::NotFound)?;
        match after {
            Some(after) => missed::resume(&mut text, &book, watched, after),
            None => missed::start_over(&mut text, &book, watched),
        }
    };
    Ok(LiveStream::new(reader, subscription, filter, text, progress, keep_alive))
}

/// Where the client has come to; `None` when the id is not one of this journal's.
fn position(reader: &Reader, id: &str) -> Option<Position> {
    let id: EventId = id.parse().ok()?;
    (id.epoch == reader.identity.epoch).then_some(id.position)
}

#[cfg(test)]
mod tests;
