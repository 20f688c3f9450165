//! What a feed is doing, as it is told from one part to another, and from one process to others.

use std::sync::Arc;

use gradebook_core::Timestamp;
use serde::{Deserialize, Serialize};

/// What a feed is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// Not connected yet since the start.
    #[default]
    Connecting,
    /// Connected, and the answer was an event stream.
    Live,
    /// Was connected, and is trying to be again.
    Reconnecting,
    /// Will not connect again: the feed said so (204), or the process is ending.
    Stopped,
    /// Another process reads it, and has not told of it of late; or has told of a state that this
    /// version does not know.
    #[serde(other)]
    Unknown,
}

impl FeedState {
    /// The name in the API and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
        }
    }
}

/// What changes together when a feed connects, disconnects or delivers.
#[derive(Clone, Debug, Default)]
pub struct FeedConnection {
    /// What it is doing.
    pub state: FeedState,
    /// Since when it has been connected.
    pub connected_since: Option<Timestamp>,
    /// When the last event came.
    pub last_event_at: Option<Timestamp>,
    /// The id of the last event.
    pub last_event_id: Option<Arc<str>>,
    /// Whether it has ever been connected since the start.
    pub connected_once: bool,
    /// Why it is not connected, for people.
    pub trouble: Option<String>,
}

/// How a feed was at one moment. Names no student.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedReport {
    /// The feed's URL without credentials.
    pub feed: Arc<str>,
    /// What it was doing.
    pub state: FeedState,
    /// Why it was not connected, for people.
    pub trouble: Option<String>,
    /// Whether it had been connected since its reader's start.
    #[serde(default)]
    pub connected_once: bool,
    /// Since when it had been connected.
    pub connected_since: Option<Timestamp>,
    /// When the last event had come.
    pub last_event_at: Option<Timestamp>,
    /// The id of the last event.
    pub last_event_id: Option<Arc<str>>,
    /// `score` events that had become scores.
    #[serde(default)]
    pub events_accepted: u64,
    /// `score` events that could not.
    #[serde(default)]
    pub events_rejected: u64,
    /// Events of another type.
    #[serde(default)]
    pub events_ignored: u64,
    /// Connections that were made after the first.
    #[serde(default)]
    pub reconnects: u64,
}

impl FeedReport {
    /// What is left of it when it is not known how the feed is now: the last that was heard.
    #[must_use]
    pub fn unknown(self, why: &str) -> Self {
        let trouble = Some(why.to_owned());
        Self { state: FeedState::Unknown, trouble, connected_since: None, ..self }
    }
}
