//! The simulated feed on a socket.

use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::stream::{Stream, StreamSettings};

/// How long the `stalls` fault says nothing.
pub const STALL: Duration = Duration::from_secs(2);

/// A comment is sent when nothing else has been for so long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events are handed to the socket in pieces of about this many bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// The largest event with all that a fault can add to it.
const EVENT_BYTES_MAX: usize = 1024;

/// Everything that determines a simulated feed.
#[derive(Clone, Debug, Default)]
pub struct ServerSettings {
    /// What it says.
    pub stream: StreamSettings,
    /// Events a second; 0: as fast as the socket takes them.
    pub rate: u64,
    /// What happens after the last event.
    pub end: End,
}

/// What happens after the last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// The connection stays open, with a comment now and then.
    #[default]
    Hold,
    /// The response ends.
    Close,
    /// The response ends, and who comes back is told with 204 that there is no more.
    NoContent,
}

/// A word in `--end` that names no end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are hold, close and 204")]
pub struct UnknownEnd;

impl FromStr for End {
    type Err = UnknownEnd;

    fn from_str(text: &str) -> Result<Self, UnknownEnd> {
        match text {
            "hold" => Ok(Self::Hold),
            "close" => Ok(Self::Close),
            "204" => Ok(Self::NoContent),
            _ => Err(UnknownEnd),
        }
    }
}

/// What all subscribers of one feed share.
struct Feed {
    stream: Stream,
    ids: bool,
    end: End,
    pace: Option<Pace>,
    /// The clock starts with the first subscriber, so that somebody gets the first event.
    started: OnceLock<Instant>,
    /// The last event at which a connection was dropped or stalled. Each drop and each stall
    /// happens once, to whoever gets there first: otherwise nobody would ever get past it.
    troubled: AtomicU64,
    finished: AtomicBool,
    shutdown: CancellationToken,
}

/// When events are due.
struct Pace {
    /// Events a second; at least 1.
    rate: u64,
    /// Events that are sent at once: an exam, but never more than a second's worth.
    burst: u64,
}

impl Pace {
    /// The last event that is due after `elapsed`.
    fn due(&self, elapsed: Duration) -> u64 {
        let events = elapsed.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        let bursts = u64::try_from(events / u128::from(self.burst)).unwrap_or(u64::MAX);
        bursts.saturating_add(1).saturating_mul(self.burst)
    }

    /// How long after the start event `number` is due.
    fn due_after(&self, number: u64) -> Duration {
        let before = (number - 1) / self.burst * self.burst;
        let nanoseconds = (u128::from(before) * 1_000_000_000).div_ceil(u128::from(self.rate));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// Serves the feed on every path of `listener` until `shutdown`.
///
/// Without a rate every subscriber gets the stream from its first event, as fast as it reads. With
/// one there is a clock: a subscriber gets what is due from when it connects. With ids a
/// subscriber that names the last one it has seen gets exactly what follows.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    settings: ServerSettings,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let ServerSettings { stream, rate, end } = settings;
    let pace = (rate > 0).then(|| Pace { rate, burst: stream.students.clamp(1, rate) });
    let feed = Arc::new(Feed {
        ids: stream.ids,
        stream: Stream::new(stream),
        end,
        pace,
        started: OnceLock::new(),
        troubled: AtomicU64::new(0),
        finished: AtomicBool::new(false),
        shutdown: shutdown.clone(),
    });
    let router = Router::new().fallback(get(subscribe)).with_state(feed);
    // A burst should leave at once, not wait for the acknowledgement of the last one.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY on a subscriber's socket");
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { shutdown.cancelled().await })
        .await
}

async fn subscribe(State(feed): State<Arc<Feed>>, headers: HeaderMap) -> Response {
    let resumed = headers
        .get("last-event-id")
        .filter(|_| feed.ids)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let next = resumed.map_or_else(|| feed.live(), |last| last.saturating_add(1));
    let nothing_left = feed.stream.last().is_some_and(|last| next > last);
    let over = nothing_left || (resumed.is_none() && feed.finished.load(Ordering::Relaxed));
    if feed.end == End::NoContent && over {
        return StatusCode::NO_CONTENT.into_response();
    }
    let subscriber = Subscriber { feed, next, then: Then::Go };
    let body = stream::unfold(subscriber, |mut subscriber| async move {
        let piece = subscriber.piece().await?;
        Some((piece, subscriber))
    });
    (
        [
            (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache, no-transform"),
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ],
        Body::from_stream(body),
    )
        .into_response()
}

impl Feed {
    /// The first event for a subscriber that does not say where it got to.
    fn live(&self) -> u64 {
        match (&self.pace, self.started.get()) {
            (Some(pace), Some(started)) => pace.due(started.elapsed()).saturating_add(1),
            _ => 1,
        }
    }

    /// Whether event `number` may be dropped or stalled: once.
    fn may_trouble(&self, number: u64) -> bool {
        self.troubled.fetch_max(number, Ordering::Relaxed) < number
    }
}

/// One connection.
struct Subscriber {
    feed: Arc<Feed>,
    next: u64,
    then: Then,
}

/// What a subscriber is to do after the piece that it has just sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Go,
    Stall,
    Break,
}

impl Subscriber {
    /// The next piece of the body; `None` at the end of it.
    async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        let shutdown = self.feed.shutdown.clone();
        match self.then {
            Then::Break => {
                // A connection that ends with an error is closed without sending what is still
                // buffered. Yielding once lets the torn event out first, if the socket takes it.
                tokio::task::yield_now().await;
                return Some(Err(io::Error::other("a simulated drop")));
            }
            Then::Stall => {
                self.then = Then::Go;
                tokio::select! {
                    () = shutdown.cancelled() => return None,
                    () = tokio::time::sleep(STALL) => {}
                }
            }
            Then::Go => {}
        }
        if self.feed.stream.last().is_some_and(|last| self.next > last) {
            self.feed.finished.store(true, Ordering::Relaxed);
            if self.feed.end != End::Hold {
                return None;
            }
            tokio::select! {
                () = shutdown.cancelled() => return None,
                () = tokio::time::sleep(KEEP_ALIVE) => return Some(Ok(keep_alive())),
            }
        }
        let due = match &self.feed.pace {
            None => u64::MAX,
            Some(pace) => {
                let started = *self.feed.started.get_or_init(Instant::now);
                let at = started + pace.due_after(self.next);
                let quiet_until = Instant::now() + KEEP_ALIVE;
                tokio::select! {
                    () = shutdown.cancelled() => return None,
                    () = tokio::time::sleep_until(at.min(quiet_until)) => {}
                }
                if at > quiet_until {
                    return Some(Ok(keep_alive()));
                }
                pace.due(started.elapsed())
            }
        };
        if shutdown.is_cancelled() { None } else { Some(Ok(self.render(due))) }
    }

    /// As many events as are due and fit in a piece. At least one is due.
    fn render(&mut self, due: u64) -> Bytes {
        let last = due.min(self.feed.stream.last().unwrap_or(u64::MAX));
        let mut out = Vec::with_capacity(CHUNK_BYTES + EVENT_BYTES_MAX);
        while self.next <= last && out.len() < CHUNK_BYTES {
            let fault = self.feed.stream.fault(self.next);
            if matches!(fault, Some(Fault::Drops | Fault::Stalls))
                && self.feed.may_trouble(self.next)
            {
                if fault == Some(Fault::Drops) {
                    self.feed.stream.push_torn(&mut out, self.next);
                    self.then = Then::Break;
                } else {
                    self.then = Then::Stall;
                    out.extend_from_slice(b": a pause\n\n");
                }
                break;
            }
            self.feed.stream.push(&mut out, self.next, fault);
            self.next += 1;
        }
        Bytes::from(out)
    }
}

fn keep_alive() -> Bytes {
    Bytes::from_static(b": keep-alive\n\n")
}
