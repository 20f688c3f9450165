//! How the parts are: written by whoever does the work, read by `/feeds`, `/readyz` and metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gradebook_core::{Position, Timestamp};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;

/// The state of the whole process.
#[derive(Debug)]
pub struct Status {
    /// One for each feed, in the order of the settings.
    pub feeds: Vec<FeedStatus>,
    journal_kind: &'static str,
    journal: Mutex<JournalStatus>,
    rebuilt: CancellationToken,
    failed: AtomicBool,
}

/// How the journal is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalStatus {
    /// The position of the last entry known to be in the journal.
    pub position: Position,
    /// How far the start-up replay has come; `None` once it is over.
    pub replay: Option<Replay>,
    /// Why nothing can be written at present.
    pub unavailable: Option<String>,
    /// Why nothing new can be read at present, by those who follow a journal that others write.
    /// What was read is served meanwhile.
    pub unread: Option<String>,
    /// Why it cannot be asked who leads, when it cannot.
    pub lease_untold: Option<String>,
}

/// How far a replay has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Posted up to here.
    pub position: Position,
    /// The last entry there was when it began.
    pub total: Position,
}

/// What a feed is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
        }
    }
}

/// How one feed is.
#[derive(Debug, Default)]
pub struct FeedStatus {
    /// The feed's URL without credentials.
    pub name: Arc<str>,
    /// `score` events that became scores.
    pub accepted: AtomicU64,
    /// `score` events that could not.
    pub rejected: AtomicU64,
    /// Events of another type.
    pub ignored: AtomicU64,
    /// Connections that were made after the first.
    pub reconnects: AtomicU64,
    connection: Mutex<FeedConnection>,
    /// Who is told when the state changes.
    told: OnceLock<Arc<Hub>>,
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

impl FeedStatus {
    /// A feed that has not been connected yet.
    #[must_use]
    pub fn new(name: Arc<str>) -> Self {
        Self { name, ..Self::default() }
    }

    /// How the connection is now.
    #[must_use]
    pub fn connection(&self) -> FeedConnection {
        self.connection.lock().clone()
    }

    /// Changes what is known of the connection, and tells the hub when the state is another one.
    pub fn update(&self, change: impl FnOnce(&mut FeedConnection)) {
        let (before, after) = {
            let mut connection = self.connection.lock();
            let before = connection.state;
            change(&mut connection);
            (before, connection.state)
        };
        if let Some(hub) = self.told.get().filter(|_| before != after) {
            hub.feed_changed(&self.name, after);
        }
    }
}

impl Status {
    /// Nothing connected, nothing replayed.
    #[must_use]
    pub fn new(journal_kind: &'static str, feeds: Vec<FeedStatus>) -> Self {
        let journal = Mutex::new(JournalStatus {
            replay: Some(Replay::default()),
            ..JournalStatus::default()
        });
        let (rebuilt, failed) = (CancellationToken::new(), AtomicBool::new(false));
        Self { feeds, journal_kind, journal, rebuilt, failed }
    }

    /// Tells `hub` what each feed is doing, now and whenever that changes. Later calls do nothing.
    pub fn tell(&self, hub: &Arc<Hub>) {
        for feed in &self.feeds {
            if feed.told.set(Arc::clone(hub)).is_ok() {
                hub.feed_changed(&feed.name, feed.connection().state);
            }
        }
    }

    /// The engine of the journal.
    #[must_use]
    pub fn journal_kind(&self) -> &'static str {
        self.journal_kind
    }

    /// How the journal is now.
    #[must_use]
    pub fn journal(&self) -> JournalStatus {
        self.journal.lock().clone()
    }

    /// How far a replay of a journal that holds anything has come; `None` when the book is whole.
    #[must_use]
    pub fn rebuilding(&self) -> Option<Replay> {
        self.journal.lock().replay.filter(|replay| replay.total > Position::START)
    }

    /// The start-up replay begins; the journal ends at `total`.
    pub fn replay_started(&self, total: Position) {
        self.journal.lock().replay = Some(Replay { position: Position::START, total });
    }

    /// The replay has come to `position`.
    pub fn replayed(&self, position: Position) {
        if let Some(replay) = &mut self.journal.lock().replay {
            replay.position = position;
        }
    }

    /// The replay is over: the book is as the journal, up to `last`.
    pub fn replay_finished(&self, last: Position) {
        let mut journal = self.journal.lock();
        journal.replay = None;
        journal.position = last;
        self.rebuilt.cancel();
    }

    /// Waits until the book is as the journal for the first time.
    pub async fn rebuilt(&self) {
        self.rebuilt.cancelled().await;
    }

    /// The journal has taken a batch.
    pub fn journal_written(&self, last: Position) {
        let mut journal = self.journal.lock();
        journal.position = last;
        journal.unavailable = None;
    }

    /// The journal takes nothing at present.
    pub fn journal_unavailable(&self, why: String) {
        self.journal.lock().unavailable = Some(why);
    }

    /// The journal answers again.
    pub fn journal_available(&self) {
        self.journal.lock().unavailable = None;
    }

    /// The journal that others write cannot be read at present, or can be again.
    pub fn journal_unread(&self, why: Option<String>) {
        self.journal.lock().unread = why;
    }

    /// Who leads cannot be asked of a shared journal at present, or can be again. A worker that has
    /// nothing to write notices an outage by this.
    pub fn lease_untold(&self, why: Option<String>) {
        self.journal.lock().lease_untold = why;
    }

    /// A task has ended that should not have.
    pub fn task_failed(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Whether a task has ended that should not have.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Why the service is not ready, for people; `None` when it is. It is ready once the book is
    /// rebuilt and every feed has been connected once or has stopped, and then stays so through an
    /// outage of a feed: what is held is still served.
    #[must_use]
    pub fn not_ready(&self) -> Option<String> {
        if self.has_failed() {
            return Some("a part of the service has failed".to_owned());
        }
        let journal = self.journal();
        if let Some(Replay { position, total }) = journal.replay {
            return Some(format!("rebuilding the gradebook: {position} of {total} entries"));
        }
        if let Some(why) = journal.unavailable.or(journal.lease_untold) {
            return Some(format!("the journal is unavailable: {why}"));
        }
        let waiting = self.feeds.iter().find(|feed| {
            let connection = feed.connection();
            !connection.connected_once && connection.state != FeedState::Stopped
        });
        waiting.map(|feed| format!("not connected yet to {}", feed.name))
    }
}
