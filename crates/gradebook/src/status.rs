//! How the parts are: written by whoever does the work, read by `/feeds`, `/readyz` and metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gradebook_core::Position;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::feed_state::{FeedConnection, FeedReport, FeedState};
use crate::hub::Hub;

/// The state of the whole process.
#[derive(Debug)]
pub struct Status {
    /// One for each feed that this process reads or would read, in the order of the settings.
    pub feeds: Vec<FeedStatus>,
    showing: Arc<Mutex<Showing>>,
    journal_kind: &'static str,
    journal: Mutex<JournalStatus>,
    rebuilt: CancellationToken,
    failed: AtomicBool,
    /// Whether every feed has been connected, or needed not to be, at one time.
    was_connected: AtomicBool,
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
    /// Where it shows when the state changes.
    showing: OnceLock<Arc<Mutex<Showing>>>,
}

/// What is shown of the feeds, and who is told when that changes.
#[derive(Debug, Default)]
struct Showing {
    hub: Option<Arc<Hub>>,
    /// Whether another process reads the feeds. What is shown is then what that one tells.
    stands_by: bool,
    /// What was last heard of the process that reads the feeds.
    heard: Vec<FeedReport>,
    /// The feeds of which the hub was told.
    told: Vec<Arc<str>>,
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
        let Some(showing) = self.showing.get().filter(|_| before != after) else { return };
        let showing = showing.lock();
        if let Some(hub) = showing.hub.as_ref().filter(|_| !showing.stands_by) {
            // Read again: what is told last is then what it is now, whoever else changes it.
            hub.feed_changed(&self.name, self.connection().state);
        }
    }

    /// How it is now.
    #[must_use]
    pub fn report(&self) -> FeedReport {
        let connection = self.connection();
        FeedReport {
            feed: Arc::clone(&self.name),
            state: connection.state,
            trouble: connection.trouble,
            connected_once: connection.connected_once,
            connected_since: connection.connected_since,
            last_event_at: connection.last_event_at,
            last_event_id: connection.last_event_id,
            events_accepted: self.accepted.load(Ordering::Relaxed),
            events_rejected: self.rejected.load(Ordering::Relaxed),
            events_ignored: self.ignored.load(Ordering::Relaxed),
            reconnects: self.reconnects.load(Ordering::Relaxed),
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
        let was_connected = AtomicBool::new(false);
        let showing = Arc::new(Mutex::new(Showing::default()));
        for feed in &feeds {
            feed.showing.set(Arc::clone(&showing)).expect("invariant: a feed has one status");
        }
        Self { feeds, showing, journal_kind, journal, rebuilt, failed, was_connected }
    }

    /// Tells `hub` what each feed is doing, now and whenever that changes.
    pub fn tell(&self, hub: &Arc<Hub>) {
        let mut showing = self.showing.lock();
        showing.hub = Some(Arc::clone(hub));
        self.show(&mut showing);
    }

    /// How each feed is, as far as it is known here: those that this process reads, or what was
    /// heard of the one that reads them.
    #[must_use]
    pub fn feeds_shown(&self) -> Vec<FeedReport> {
        self.shown(&self.showing.lock())
    }

    /// How the feeds are that this process reads, for others to show.
    #[must_use]
    pub fn feeds_read(&self) -> Vec<FeedReport> {
        self.feeds.iter().map(FeedStatus::report).collect()
    }

    /// From now on another process reads the feeds, or none that is known; or this one does.
    pub fn stands_by(&self, stands_by: bool) {
        let mut showing = self.showing.lock();
        showing.stands_by = stands_by;
        self.show(&mut showing);
    }

    /// The process that reads the feeds has told this of them. `None`: it has told nothing of late,
    /// or nothing that can be read.
    pub fn feeds_heard(&self, reports: Option<Vec<FeedReport>>) {
        let mut showing = self.showing.lock();
        showing.heard = reports.unwrap_or_else(|| {
            let known = std::mem::take(&mut showing.heard).into_iter();
            known.map(|report| report.unknown("no worker has told of this feed of late")).collect()
        });
        self.show(&mut showing);
    }

    fn shown(&self, showing: &Showing) -> Vec<FeedReport> {
        match (showing.stands_by, showing.heard.is_empty()) {
            (false, _) => self.feeds_read(),
            (true, false) => showing.heard.clone(),
            (true, true) => {
                let why = "no worker has told of this feed yet";
                self.feeds_read().into_iter().map(|report| report.unknown(why)).collect()
            }
        }
    }

    /// Tells the hub what is shown; it passes on what is new.
    fn show(&self, showing: &mut Showing) {
        let Some(hub) = showing.hub.clone() else { return };
        let reports = self.shown(showing);
        for gone in &showing.told {
            if reports.iter().all(|report| report.feed != *gone) {
                hub.feed_changed(gone, FeedState::Unknown);
            }
        }
        for report in &reports {
            hub.feed_changed(&report.feed, report.state);
        }
        showing.told = reports.into_iter().map(|report| report.feed).collect();
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
        // A worker that takes the lead while the feed is down stays as ready as it was.
        if self.was_connected.load(Ordering::Relaxed) {
            return None;
        }
        let waiting = self.feeds.iter().find(|feed| {
            let connection = feed.connection();
            !connection.connected_once && connection.state != FeedState::Stopped
        });
        self.was_connected.store(waiting.is_none(), Ordering::Relaxed);
        waiting.map(|feed| format!("not connected yet to {}", feed.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_the_lead_while_the_feed_is_down_stays_ready() {
        let status = Status::new("redis", vec![FeedStatus::new("the feed".into())]);
        let is = |state| status.feeds[0].update(|connection| connection.state = state);
        status.replay_finished(Position::START);
        assert_eq!(status.not_ready().as_deref(), Some("not connected yet to the feed"));
        is(FeedState::Stopped);
        assert_eq!(status.not_ready(), None, "another reads it");
        is(FeedState::Connecting);
        assert_eq!(status.not_ready(), None);
        status.lease_untold(Some("why".to_owned()));
        assert_eq!(status.not_ready().as_deref(), Some("the journal is unavailable: why"));
    }
}
