//! Bytes become events, events become scores or rejections. Pure: no I/O, no clock.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gradebook_core::feed_format::{self, FeedScore, Refusal, RejectionReason};
use sse_core::{MessageEvent, PayloadTooLargeError, SseDecoder, SseEvent};

use crate::rejections::REJECTION_DATA_BYTES_MAX;
use crate::writer::DELIVERY_SCORES_MAX;

/// The type of the events that are scores. Other types are counted as ignored.
pub const SCORE_EVENT: &str = "score";

/// The longest event id that is resumed from, in bytes. It is sent back in a header field, and
/// servers take a few KiB of those at most.
pub const EVENT_ID_BYTES_MAX: usize = 2 << 10;

/// Buffers that an event has made larger than this are given back after it, in bytes.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// A decoder of one feed, through all of its connections.
#[derive(Debug)]
pub struct Decoder {
    events: SseDecoder,
    event_bytes_max: u32,
}

/// What one call of [`Decoder::decode`] has found.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The scores, in order.
    pub scores: Vec<FeedScore>,
    /// The `score` events that are none.
    pub rejected: Vec<RejectedEvent>,
    /// How many events of another type there were.
    pub ignored: u64,
    /// The wait before a reconnection that the feed last asked for.
    pub retry: Option<Duration>,
}

/// An event that was refused.
#[derive(Debug, PartialEq)]
pub struct RejectedEvent {
    /// The id that the feed has given last.
    pub event_id: Option<Arc<str>>,
    /// Why.
    pub refusal: Refusal,
    /// The beginning of the data, at most [`REJECTION_DATA_BYTES_MAX`].
    pub data: String,
}

impl Decoder {
    /// Skips events with more than `event_bytes_max` bytes of data, type or id. Memory stays within
    /// a small multiple of that, whatever the feed sends. An earlier run had got to
    /// `last_event_id`.
    #[must_use]
    pub fn new(event_bytes_max: u32, last_event_id: Option<Arc<str>>) -> Self {
        let limit = usize::try_from(event_bytes_max).unwrap_or(usize::MAX);
        let limit = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
        let mut events = SseDecoder::with_limit(limit);
        events.reconnect_with_id(last_event_id);
        Self { events, event_bytes_max }
    }

    /// A new connection begins: what was incomplete is dropped, the last event id is kept.
    pub fn reconnect(&mut self) {
        self.events.reconnect();
    }

    /// The feed's last event id: that of the last event that was decoded completely, whatever
    /// became of it. None when the feed sends none, or has taken it back, or sends one that cannot
    /// be sent back.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&Arc<str>> {
        self.events.last_event_id().filter(|id| can_be_sent_back(id))
    }

    /// Whether the feed's last event id cannot be sent back: it is longer than
    /// [`EVENT_ID_BYTES_MAX`], or has control characters, which no header field can hold.
    #[must_use]
    pub fn has_unusable_id(&self) -> bool {
        self.events.last_event_id().is_some_and(|id| !can_be_sent_back(id))
    }

    /// Decodes until `bytes` are used up or [`DELIVERY_SCORES_MAX`] scores and rejections are
    /// there.
    pub fn decode(&mut self, bytes: &mut Bytes) -> Decoded {
        let mut decoded = Decoded::default();
        while decoded.scores.len() + decoded.rejected.len() < DELIVERY_SCORES_MAX {
            match self.events.next(bytes) {
                Some(Ok(SseEvent::Message(event))) => self.take(&event, &mut decoded),
                Some(Ok(SseEvent::Retry(ms))) => {
                    decoded.retry = Some(Duration::from_millis(ms.into()));
                }
                Some(Err(PayloadTooLargeError)) => decoded.rejected.push(self.too_large()),
                None => break,
            }
        }
        decoded
    }

    fn take(&mut self, event: &MessageEvent, decoded: &mut Decoded) {
        if event.event != SCORE_EVENT {
            decoded.ignored += 1;
        } else {
            match feed_format::parse(&event.data) {
                Ok(score) => decoded.scores.push(score),
                Err(refusal) => decoded.rejected.push(self.rejected(&event.data, refusal)),
            }
        }
        if event.data.capacity() > BUFFER_BYTES_MAX {
            self.give_back();
        }
    }

    fn rejected(&self, data: &str, refusal: Refusal) -> RejectedEvent {
        let data = &data[..data.floor_char_boundary(REJECTION_DATA_BYTES_MAX)];
        RejectedEvent { event_id: self.last_event_id().cloned(), refusal, data: data.to_owned() }
    }

    /// The decoder skips the rest of the event. What type it is of cannot be told: the line with
    /// the type may come after the data.
    fn too_large(&mut self) -> RejectedEvent {
        self.give_back();
        let detail = format!("the event has more than {} bytes", self.event_bytes_max);
        self.rejected("", Refusal { reason: RejectionReason::EventTooLarge, detail })
    }

    /// Between two events the buffers are empty, but as large as the largest event so far; a copy
    /// has none.
    fn give_back(&mut self) {
        self.events = self.events.clone();
    }
}

fn can_be_sent_back(id: &str) -> bool {
    id.len() <= EVENT_ID_BYTES_MAX && !id.bytes().any(|byte| byte.is_ascii_control())
}

#[cfg(test)]
mod tests;
