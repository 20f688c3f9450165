//! How the feeds are, told by the worker that reads them to the replicas, which do not: one JSON
//! text that expires by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::redis::RedisUrl;
use crate::feed_state::FeedReport;

/// The version of the text. Members may come without another one: whoever does not know them passes
/// over them.
const VERSION: u32 = 1;

/// How long it stands, in durations of a lease: longer than another worker takes to take over.
const LEASES: u32 = 3;

/// The text.
#[derive(Serialize, Deserialize)]
struct Told {
    version: u32,
    feeds: Vec<FeedReport>,
}

/// Why a text cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedsError {
    /// It is not what a worker writes.
    #[error("what a worker tells of its feeds is damaged")]
    Damaged(#[from] serde_json::Error),
    /// A version of this program wrote it that this one does not know.
    #[error("what a worker tells of its feeds has version {0}, and this program reads {VERSION}")]
    Version(u32),
}

/// What a reader finds.
#[derive(Debug)]
pub enum FeedsHeard {
    /// The worker that leads tells this of its feeds.
    Told(Vec<FeedReport>),
    /// No worker has told anything of late.
    Nothing,
    /// What is there cannot be read.
    Unreadable(FeedsError),
}

/// How long a text stands that is written with these settings.
#[must_use]
pub fn expiry(url: &RedisUrl) -> Duration {
    url.options.lease * LEASES
}

/// The text that says how these feeds are.
#[must_use]
pub fn write(feeds: Vec<FeedReport>) -> String {
    serde_json::to_string(&Told { version: VERSION, feeds })
        .expect("invariant: text, numbers and lists can be written")
}

/// Reads a text, if there is one.
#[must_use]
pub fn read(text: Option<&[u8]>) -> FeedsHeard {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let parse = |text: &[u8]| {
        // Another version may have other members: it is looked at first.
        let Versioned { version } = serde_json::from_slice(text)?;
        if version != VERSION {
            return Err(FeedsError::Version(version));
        }
        let told: Told = serde_json::from_slice(text)?;
        Ok(told.feeds)
    };
    match text.map(parse) {
        None => FeedsHeard::Nothing,
        Some(Ok(feeds)) => FeedsHeard::Told(feeds),
        Some(Err(error)) => FeedsHeard::Unreadable(error),
    }
}

#[cfg(test)]
mod tests {
    use gradebook_core::Timestamp;

    use super::*;
    use crate::feed_state::FeedState;

    fn report() -> FeedReport {
        FeedReport {
            feed: "http://feed.example/scores".into(),
            state: FeedState::Live,
            trouble: None,
            connected_once: true,
            connected_since: Some(Timestamp::from_ms(1_795_342_530_123)),
            last_event_at: Some(Timestamp::from_ms(1_795_342_531_000)),
            last_event_id: Some("17".into()),
            events_accepted: 15,
            events_rejected: 2,
            events_ignored: 1,
            reconnects: 0,
        }
    }

    fn told(text: &str) -> Vec<FeedReport> {
        match read(Some(text.as_bytes())) {
            FeedsHeard::Told(feeds) => feeds,
            other => panic!("{text} is read as {other:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_a_later_version_adds_is_passed_over() {
        let text = write(vec![report()]);
        assert_eq!(told(&text), [report()]);
        let more =
            text.replacen('{', r#"{"new":[],"#, 1).replace(r#""feed":"#, r#""new":1,"feed":"#);
        assert_eq!(told(&more), [report()]);
        let state = text.replace(r#""live""#, r#""dreaming""#);
        assert_eq!(told(&state)[0].state, FeedState::Unknown);
    }

    #[test]
    fn what_is_damaged_or_of_another_version_is_said_to_be_so() {
        assert!(matches!(read(None), FeedsHeard::Nothing));
        let text = write(vec![report()]);
        for damaged in ["", "{", "[]", "{}", r#"{"version":1}"#, &text[..text.len() - 1]] {
            let heard = read(Some(damaged.as_bytes()));
            let is_damaged = matches!(heard, FeedsHeard::Unreadable(FeedsError::Damaged(_)));
            assert!(is_damaged, "{damaged}: {heard:?}");
        }
        let later = read(Some(br#"{"version":2,"sources":[]}"#));
        assert!(matches!(later, FeedsHeard::Unreadable(FeedsError::Version(2))), "{later:?}");
    }
}
