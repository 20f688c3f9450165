//! `/feeds` and `/rejections`: how the parts are, told in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use gradebook_core::{Position, Timestamp};

use super::chrome::{Chrome, told};
use super::format::{Count, Instant};
use crate::feed_state::{FeedReport, FeedState};
use crate::rejections::Rejection;
use crate::status::Status;

/// A feed that has told nothing for so long is called quiet, in milliseconds.
const QUIET_MS: u64 = 60_000;

/// How something is, in words, and since when or until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentence {
    /// For the colour: `live`, `quiet` or `trouble`.
    pub state: &'static str,
    /// The words.
    pub text: String,
    /// The instant that ends the sentence.
    pub at: Option<(String, Instant)>,
}

/// The page of the feeds.
#[derive(Debug, Template)]
#[template(path = "feeds.html")]
pub struct FeedsPage {
    chrome: Chrome,
    feeds: Vec<FeedView>,
    reasons: Vec<(&'static str, Count)>,
    rejections: Count,
    journal_kind: &'static str,
    journal_position: Position,
    journal_trouble: Option<String>,
}

#[derive(Debug)]
struct FeedView {
    name: Arc<str>,
    state: Sentence,
    connected_since: Option<(String, Instant)>,
    last_event_at: Option<(String, Instant)>,
    last_event_id: Option<Arc<str>>,
    accepted: Count,
    rejected: Count,
    ignored: Count,
    reconnects: Count,
    trouble: Option<String>,
}

/// The page of the rejected events.
#[derive(Debug, Template)]
#[template(path = "rejections.html")]
pub struct RejectionsPage {
    chrome: Chrome,
    rows: Vec<RejectionRow>,
}

#[derive(Debug)]
struct RejectionRow {
    received: Instant,
    received_iso: String,
    reason: &'static str,
    detail: String,
    text: String,
}

impl FeedsPage {
    /// Reads the page as it is at `now`; `rejections` are those that are kept.
    #[must_use]
    pub fn read(status: &Status, rejections: &[Rejection], now: Timestamp, chrome: Chrome) -> Self {
        let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
        for rejection in rejections {
            *reasons.entry(rejection.reason.name()).or_default() += 1;
        }
        let journal = status.journal();
        Self {
            chrome,
            feeds: status.feeds_shown().into_iter().map(|feed| FeedView::new(feed, now)).collect(),
            reasons: reasons.into_iter().map(|(name, count)| (name, Count(count))).collect(),
            rejections: Count(rejections.len() as u64),
            journal_kind: status.journal_kind(),
            journal_position: journal.position,
            journal_trouble: journal_sentence(status).map(|sentence| sentence.text),
        }
    }
}

impl RejectionsPage {
    /// The page of these, newest first.
    #[must_use]
    pub fn new(rejections: Vec<Rejection>, chrome: Chrome) -> Self {
        let rows = rejections.into_iter().map(|rejection| RejectionRow {
            received: Instant(rejection.received),
            received_iso: rejection.received.to_string(),
            reason: rejection.reason.name(),
            detail: rejection.detail,
            text: rejection.data,
        });
        Self { chrome, rows: rows.collect() }
    }
}

impl FeedView {
    fn new(feed: FeedReport, now: Timestamp) -> Self {
        Self {
            state: sentence(&feed, now),
            name: feed.feed,
            connected_since: feed.connected_since.map(told),
            last_event_at: feed.last_event_at.map(told),
            last_event_id: feed.last_event_id,
            accepted: Count(feed.events_accepted),
            rejected: Count(feed.events_rejected),
            ignored: Count(feed.events_ignored),
            reconnects: Count(feed.reconnects),
            trouble: feed.trouble,
        }
    }
}

/// How a feed is at `now`.
#[must_use]
pub fn sentence(feed: &FeedReport, now: Timestamp) -> Sentence {
    let last = feed.last_event_at;
    let (state, text, at) = match (feed.state, last) {
        (FeedState::Connecting, _) => ("quiet", "Connecting to the feed.", None),
        (FeedState::Live, None) => ("quiet", "Connected; no score has come yet.", None),
        (FeedState::Live, Some(last)) if now.as_ms().saturating_sub(last.as_ms()) > QUIET_MS => {
            ("quiet", "Connected, and quiet since", Some(last))
        }
        (FeedState::Live, Some(_)) => ("live", "Scores are coming in.", None),
        (FeedState::Reconnecting, None) => {
            ("trouble", "The feed cannot be reached; trying again.", None)
        }
        (FeedState::Reconnecting, Some(last)) => {
            ("trouble", "The feed was lost; trying again. The last score came", Some(last))
        }
        (FeedState::Stopped, None) => ("trouble", "The feed has ended.", None),
        (FeedState::Stopped, Some(last)) => {
            ("trouble", "The feed has ended. The last score came", Some(last))
        }
        (FeedState::Unknown, None) => ("trouble", "It is not known how the feed is.", None),
        (FeedState::Unknown, Some(last)) => {
            ("trouble", "It is not known how the feed is. The last score came", Some(last))
        }
    };
    Sentence { state, text: text.to_owned(), at: at.map(told) }
}

/// What keeps scores from coming in, in one sentence; `None` when nothing does.
#[must_use]
pub fn outage(status: &Status) -> Option<&'static str> {
    let lost =
        status.feeds_shown().into_iter().find_map(|feed| match (feed.state, feed.connected_once) {
            (FeedState::Connecting | FeedState::Live, _) => None,
            (FeedState::Reconnecting, true) => {
                Some("The feed was lost; trying again. No scores come in meanwhile.")
            }
            (FeedState::Reconnecting, false) => {
                Some("The feed cannot be reached; trying again. No scores come in meanwhile.")
            }
            (FeedState::Stopped, _) => Some("The feed has ended. No more scores come in."),
            (FeedState::Unknown, _) => {
                Some("It is not known at present whether scores come in; see Feeds.")
            }
        });
    let unkept = status.journal().unavailable;
    unkept.map(|_| "New scores cannot be kept at present; see Feeds.").or(lost)
}

/// What is wrong with the journal, if anything.
#[must_use]
pub fn journal_sentence(status: &Status) -> Option<Sentence> {
    let journal = status.journal();
    let text = match (journal.replay, journal.unavailable) {
        (Some(replay), _) => format!(
            "The gradebook is being rebuilt: {} of {} entries.",
            replay.position, replay.total
        ),
        (None, Some(why)) => format!("New scores cannot be kept at present: {why}"),
        (None, None) => return None,
    };
    Some(Sentence { state: "trouble", text, at: None })
}
