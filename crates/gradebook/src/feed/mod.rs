//! One connection to an event stream: bytes become events, events become scores or rejections.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::FeedSettings;
use crate::rejections::Rejections;
use crate::status::Status;
use crate::writer::Command;

/// What a feed needs of the rest of the service.
#[derive(Clone, Debug)]
pub struct FeedContext {
    /// Which of [`Status::feeds`] it is.
    pub index: usize,
    /// Where it says how it is.
    pub status: Arc<Status>,
    /// Where refused events go.
    pub rejections: Arc<Rejections>,
    /// Where scores go. Full means: stop reading.
    pub writer: mpsc::Sender<Command>,
    /// When to end.
    pub shutdown: CancellationToken,
}

/// Reads one feed until the shutdown, or until the feed says that there will be no more.
///
/// `last_event_id` is where an earlier run got to.
pub async fn run(
    _settings: Arc<FeedSettings>,
    context: FeedContext,
    _last_event_id: Option<Arc<str>>,
) {
    context.shutdown.cancelled().await;
}
