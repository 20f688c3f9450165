//! What a feed counts, for Prometheus. Labels are the feed's name and what happened, never a
//! student.

use gradebook_core::feed_format::RejectionReason;
use metrics::{Counter, Gauge, counter, gauge};

/// The counters of one feed.
pub struct Counters {
    feed: String,
    /// `score` events that became scores and were handed to the writer.
    pub accepted: Counter,
    /// `score` events that were refused.
    pub rejected: Counter,
    /// Events of another type.
    pub ignored: Counter,
    /// Bytes of the streams, after decompression.
    pub bytes: Counter,
    /// 1 while connected.
    pub live: Gauge,
    /// Connections that turned out to be event streams.
    pub connected: Counter,
    /// Attempts that did not.
    pub failed: Counter,
    /// Connections that could not be resumed, because of an id that no header field can hold.
    pub ids_unusable: Counter,
    /// Waits that the feed asked for and that were cut.
    pub retry_after_cut: Counter,
}

impl Counters {
    /// Counters of the feed with this name.
    #[must_use]
    pub fn new(feed: &str) -> Self {
        let feed = feed.to_owned();
        let events = |outcome| counter!("gradebook_feed_events_total", "feed" => feed.clone(), "outcome" => outcome);
        let connections = |outcome| counter!("gradebook_feed_connections_total", "feed" => feed.clone(), "outcome" => outcome);
        Self {
            accepted: events("accepted"),
            rejected: events("rejected"),
            ignored: events("ignored"),
            bytes: counter!("gradebook_feed_bytes_total", "feed" => feed.clone()),
            live: gauge!("gradebook_feed_live", "feed" => feed.clone()),
            connected: connections("connected"),
            failed: connections("failed"),
            ids_unusable: counter!("gradebook_feed_ids_unusable_total", "feed" => feed.clone()),
            retry_after_cut: counter!("gradebook_feed_retry_after_cut_total", "feed" => feed.clone()),
            feed,
        }
    }

    /// One event was refused for `reason`.
    pub fn rejection(&self, reason: RejectionReason) {
        self.rejected.increment(1);
        let feed = self.feed.clone();
        counter!("gradebook_feed_rejections_total", "feed" => feed, "reason" => reason.name())
            .increment(1);
    }
}
