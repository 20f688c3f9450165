//! One connection to an event stream: bytes become events, events become scores or rejections.
//!
//! [`run`] connects, reads and reconnects; `connection` makes the request and judges the answer,
//! `decode` (pure) turns bytes into scores, `backoff` (pure) says how long to wait in between.

mod backoff;
mod connection;
mod counters;
pub mod decode;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use gradebook_core::Timestamp;
use reqwest::Response;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::FeedSettings;
use crate::feed_state::FeedState;
use crate::rejections::{Rejection, Rejections};
use crate::status::{FeedStatus, Status};
use crate::writer::{Command, Delivery};

pub use backoff::{Backoff, LASTING_CONNECTION, RETRY_MAX, RETRY_MIN, WAIT_MAX};
pub use connection::{CONNECT_TIMEOUT, REDIRECTS_MAX};
use counters::Counters;
pub use decode::{Decoded, Decoder, EVENT_ID_BYTES_MAX, RejectedEvent, SCORE_EVENT};
pub use trouble::Trouble;

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
    settings: Arc<FeedSettings>,
    context: FeedContext,
    last_event_id: Option<Arc<str>>,
) {
    let mut backoff = Backoff::new(settings.reconnect_delay);
    let mut feed = Feed::new(&settings, context, last_event_id);
    loop {
        let (lasted, end) = feed.connect_and_read(&settings, &mut backoff).await;
        let trouble = match end {
            End::Shutdown => break feed.stopped(None),
            End::Trouble(trouble @ Trouble::NoMore) => break feed.stopped(Some(&trouble)),
            End::Trouble(trouble) => trouble,
        };
        let mut wait = backoff.wait(lasted, rand::random());
        if let Some(asked) = trouble.retry_after() {
            feed.counters.retry_after_cut.increment(u64::from(asked > backoff::RETRY_AFTER_MAX));
            wait = Backoff::and_asked(wait, asked);
        }
        feed.disconnected(&trouble, wait);
        let shutdown = feed.context.shutdown.cancelled();
        if tokio::time::timeout(wait, shutdown).await.is_ok() {
            break feed.stopped(None);
        }
    }
}

/// Why reading has ended.
enum End {
    /// The process ends, or the writer has.
    Shutdown,
    /// Something else, which is told.
    Trouble(Trouble),
}

/// One feed, through all of its connections.
struct Feed {
    name: Arc<str>,
    context: FeedContext,
    counters: Counters,
    decoder: Decoder,
    /// The id that the writer was last told.
    delivered_id: Option<Arc<str>>,
}

impl Feed {
    fn new(settings: &FeedSettings, context: FeedContext, last_event_id: Option<Arc<str>>) -> Self {
        let name = settings.url.name();
        let last_event_id = last_event_id.filter(|id| !id.is_empty());
        let decoder = Decoder::new(settings.event_bytes_max, last_event_id.clone());
        let counters = Counters::new(&name);
        counters.live.set(0.0);
        Self { name, context, counters, decoder, delivered_id: last_event_id }
    }

    fn status(&self) -> &FeedStatus {
        &self.context.status.feeds[self.context.index]
    }

    /// One connection, from the attempt to the end. Also returns how long it lasted.
    async fn connect_and_read(
        &mut self,
        settings: &FeedSettings,
        backoff: &mut Backoff,
    ) -> (Duration, End) {
        let shutdown = self.context.shutdown.clone();
        let last_event_id = self.decoder.last_event_id().cloned();
        if self.decoder.has_unusable_id() {
            self.counters.ids_unusable.increment(1);
            tracing::warn!(feed = %self.name, "the feed's last event id cannot be sent back");
        }
        let opened = tokio::select! {
            biased;
            () = shutdown.cancelled() => return (Duration::ZERO, End::Shutdown),
            opened = connection::open(settings, last_event_id.as_deref()) => opened,
        };
        match opened {
            Ok(response) => {
                let since = Instant::now();
                self.connected();
                let end = self.read(response, settings.idle_timeout, backoff).await;
                (since.elapsed(), end)
            }
            Err(trouble) => {
                self.counters.failed.increment(1);
                (Duration::ZERO, End::Trouble(trouble))
            }
        }
    }

    async fn read(
        &mut self,
        mut response: Response,
        idle_timeout: Duration,
        backoff: &mut Backoff,
    ) -> End {
        self.decoder.reconnect();
        let shutdown = self.context.shutdown.clone();
        let shutdown = shutdown.cancelled();
        tokio::pin!(shutdown);
        loop {
            let chunk = tokio::select! {
                biased;
                () = &mut shutdown => return End::Shutdown,
                chunk = tokio::time::timeout(idle_timeout, response.chunk()) => chunk,
            };
            match chunk {
                Ok(Ok(Some(bytes))) => {
                    if self.take(bytes, backoff).await.is_err() {
                        return End::Shutdown;
                    }
                }
                Ok(Ok(None)) => return End::Trouble(Trouble::Ended),
                Ok(Err(error)) => return End::Trouble(Trouble::Broken(error.without_url())),
                Err(_) => return End::Trouble(Trouble::Idle(idle_timeout)),
            }
        }
    }

    /// Decodes what one read of the socket gave, and delivers it. Waits while the writer has enough
    /// to do; nothing is read meanwhile, and the feed is held back by TCP.
    ///
    /// # Errors
    /// When the writer has ended.
    async fn take(&mut self, mut bytes: Bytes, backoff: &mut Backoff) -> Result<(), WriterGone> {
        self.counters.bytes.increment(bytes.len() as u64);
        let received = now();
        while !bytes.is_empty() {
            let decoded = self.decoder.decode(&mut bytes);
            if let Some(retry) = decoded.retry {
                backoff.asked(retry);
            }
            self.deliver(decoded, received).await?;
        }
        Ok(())
    }

    async fn deliver(&mut self, decoded: Decoded, received: Timestamp) -> Result<(), WriterGone> {
        let Decoded { scores, rejected, ignored, retry: _ } = decoded;
        let events = scores.len() + rejected.len() + usize::try_from(ignored).unwrap_or(usize::MAX);
        self.reject(rejected, received);
        self.status().ignored.fetch_add(ignored, Ordering::Relaxed);
        self.counters.ignored.increment(ignored);

        let accepted = scores.len() as u64;
        let last_event_id = self.changed_id();
        if accepted > 0 || last_event_id.is_some() {
            let feed = Arc::clone(&self.name);
            let delivery = Delivery { feed, received, scores, last_event_id };
            let sent = self.context.writer.send(Command::Deliver(delivery)).await;
            sent.map_err(|_| WriterGone)?;
            self.status().accepted.fetch_add(accepted, Ordering::Relaxed);
            self.counters.accepted.increment(accepted);
        }
        if events > 0 {
            let last_event_id = self.decoder.last_event_id().cloned();
            self.status().update(|connection| {
                connection.last_event_at = Some(received);
                connection.last_event_id = last_event_id;
            });
        }
        Ok(())
    }

    /// The feed's last event id, when the writer does not know it yet.
    fn changed_id(&mut self) -> Option<Arc<str>> {
        let id = self.decoder.last_event_id();
        if id == self.delivered_id.as_ref() {
            return None;
        }
        self.delivered_id = id.cloned();
        // A feed that takes its id back is resumed without one, and so is a later run.
        Some(id.map_or_else(|| Arc::from(""), Arc::clone))
    }

    fn reject(&self, rejected: Vec<RejectedEvent>, received: Timestamp) {
        self.status().rejected.fetch_add(rejected.len() as u64, Ordering::Relaxed);
        for RejectedEvent { event_id, refusal, data } in rejected {
            self.counters.rejection(refusal.reason);
            self.context.rejections.push(Rejection {
                received,
                feed: Arc::clone(&self.name),
                event_id,
                reason: refusal.reason,
                detail: refusal.detail,
                data,
            });
        }
    }

    fn connected(&self) {
        self.counters.live.set(1.0);
        self.counters.connected.increment(1);
        let since = now();
        let mut again = false;
        self.status().update(|connection| {
            again = connection.connected_once;
            connection.state = FeedState::Live;
            connection.connected_once = true;
            connection.connected_since = Some(since);
            connection.trouble = None;
        });
        if again {
            self.status().reconnects.fetch_add(1, Ordering::Relaxed);
        }
        tracing::info!(feed = %self.name, "connected to the feed");
    }

    fn disconnected(&self, trouble: &Trouble, wait: Duration) {
        self.counters.live.set(0.0);
        let words = trouble.words();
        let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(feed = %self.name, trouble = %words, retry_ms, "not connected to the feed");
        self.status().update(|connection| {
            let again = connection.connected_once;
            connection.state = if again { FeedState::Reconnecting } else { FeedState::Connecting };
            connection.connected_since = None;
            connection.trouble = Some(words);
        });
    }

    fn stopped(&self, trouble: Option<&Trouble>) {
        self.counters.live.set(0.0);
        if let Some(trouble) = trouble {
            tracing::warn!(feed = %self.name, trouble = %trouble, "the feed is not read any more");
        }
        self.status().update(|connection| {
            connection.state = FeedState::Stopped;
            connection.connected_since = None;
            connection.trouble = trouble.map(Trouble::words);
        });
    }
}

/// The writer has ended, so nothing can be delivered any more.
struct WriterGone;

/// The time now. The writer sees to it that it does not run backwards along the journal.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
