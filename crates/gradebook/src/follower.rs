//! Follows a journal that others write, and hands on to the poster what it has.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc as sync_mpsc};
use std::time::Duration;

use gradebook_core::{Entry, Gradebook, Position};
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::book::SharedBook;
use crate::hub::Hub;
use crate::journal::JournalError;
use crate::journal::redis::{Attempt, Eraser, FeedsHeard, Followed, Tail};
use crate::poster::Poster;
use crate::status::Status;
use crate::writer::{Command, EraseRefusal, EraseRequest};

/// Batches that were read and wait to be posted.
const POSTING_BATCHES_MAX: usize = 4;

/// Waits between two tries while the journal cannot be read: the first, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(1);

/// Erasures that are in the journal, and are to be answered when this process has posted them.
#[derive(Debug, Default)]
pub struct PendingErasures {
    state: Mutex<Pending>,
    /// Told when more is posted.
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    /// Up to here everything is posted: an erasure may be read and posted by the follower before
    /// the eraser has come to say that somebody waits for it.
    posted: Position,
    waiting: VecDeque<(Position, Waiting)>,
}

/// Who waits for an erasure.
type Waiting = oneshot::Sender<Result<Position, EraseRefusal>>;

/// The one who follows. Runs on a thread of its own, since journals block.
pub struct Follower {
    tail: Tail,
    poster: Poster,
    book: Arc<SharedBook>,
    hub: Arc<Hub>,
    status: Arc<Status>,
    pending: Arc<PendingErasures>,
    shutdown: CancellationToken,
    /// Whether it was said that what the leader tells of its feeds cannot be read.
    warned: bool,
}

/// Why the follower ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// The journal cannot be used any more.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The posting thread has ended.
    #[error("the posting thread has ended")]
    PosterGone,
}

/// What the reading thread hands to the posting thread.
enum Step {
    Post(Vec<(Position, Entry)>),
    /// Everything up to here was there when it was asked: the replay is over.
    CaughtUp(Position),
}

impl PendingErasures {
    /// Answers `done` when `position` is posted.
    fn add(&self, position: Position, done: Waiting) {
        let mut state = self.state.lock();
        state.waiting.push_back((position, done));
        state.answer();
    }

    /// Everything up to `posted` is visible.
    fn posted(&self, posted: Position) {
        let mut state = self.state.lock();
        state.posted = posted;
        state.answer();
        drop(state);
        self.moved.notify_all();
    }

    /// Waits until everything up to `position` is visible, or for `patience`.
    fn wait_for(&self, position: Position, patience: Duration) {
        let is_before = |state: &mut Pending| state.posted < position;
        self.moved.wait_while_for(&mut self.state.lock(), is_before, patience);
    }
}

impl Pending {
    fn answer(&mut self) {
        while self.waiting.front().is_some_and(|(position, _)| *position <= self.posted) {
            if let Some((position, done)) = self.waiting.pop_front() {
                // The one who asked may have gone away; the erasure stands all the same.
                done.send(Ok(position)).ok();
            }
        }
    }
}

impl Follower {
    /// Hands what `tail` reads to `poster`, which posts it to `book` and tells `hub`.
    #[must_use]
    pub fn new(
        tail: Tail,
        poster: Poster,
        book: Arc<SharedBook>,
        hub: Arc<Hub>,
        status: Arc<Status>,
        pending: Arc<PendingErasures>,
        shutdown: CancellationToken,
    ) -> Self {
        Self { tail, poster, book, hub, status, pending, shutdown, warned: false }
    }

    /// Follows until the shutdown. Blocks; must run within a tokio runtime's blocking thread.
    ///
    /// While one batch is being posted the next is being read.
    ///
    /// # Errors
    /// When the journal cannot be used any more, or posting has ended.
    pub fn run(mut self) -> Result<(), FollowerError> {
        let poster = self.poster.clone();
        self.follow(&poster)?;
        while !self.shutdown.is_cancelled() {
            self.rebuild()?;
            self.follow(&poster)?;
        }
        Ok(())
    }

    /// Follows until the shutdown, or until what was posted does not stand any more.
    fn follow(&mut self, poster: &Poster) -> Result<(), FollowerError> {
        std::thread::scope(|scope| {
            let (steps, receiver) = sync_mpsc::sync_channel(POSTING_BATCHES_MAX);
            let (status, pending) = (Arc::clone(&self.status), Arc::clone(&self.pending));
            scope.spawn(move || {
                for step in receiver {
                    match step {
                        Step::Post(entries) => {
                            poster.post(&entries);
                            if let Some((last, _)) = entries.last() {
                                status.replayed(*last);
                                pending.posted(*last);
                            }
                        }
                        Step::CaughtUp(last) => status.replay_finished(last),
                    }
                }
            });
            self.read(|step| steps.send(step).map_err(|_| FollowerError::PosterGone))
        })
    }

    /// Reads and hands on, until the shutdown or until something was replaced.
    fn read(
        &mut self,
        mut hand_on: impl FnMut(Step) -> Result<(), FollowerError>,
    ) -> Result<(), FollowerError> {
        let Some((end, stands)) = self.patiently(Tail::look)? else { return Ok(()) };
        if !stands {
            return Ok(());
        }
        let mut replaying = self.status.journal().replay.is_some().then_some(end);
        if replaying.is_some() {
            self.status.replay_started(end);
        }
        loop {
            if replaying.is_some_and(|end| self.tail.seen() >= end) {
                replaying = None;
                hand_on(Step::CaughtUp(self.tail.seen()))?;
            }
            let Some(followed) = self.patiently(Tail::go_on)? else { return Ok(()) };
            match followed {
                Followed::Entries(entries) => hand_on(Step::Post(entries))?,
                // The last entries may have been deleted: nothing is there up to the end.
                Followed::Nothing if replaying.is_some() => replaying = Some(self.tail.seen()),
                Followed::Nothing | Followed::Again => {}
                Followed::Replaced => return Ok(()),
            }
            if replaying.is_none() {
                self.status.journal_written(self.tail.end().max(self.tail.seen()));
            }
        }
    }

    /// Builds another book from the beginning while the old one is still read, and puts it in the
    /// place of the old one.
    fn rebuild(&mut self) -> Result<(), FollowerError> {
        tracing::warn!(position = %self.tail.seen(),
            "a failover has replaced entries that were posted: the gradebook is rebuilt");
        metrics::counter!("gradebook_rebuilds_total").increment(1);
        let (policy, key) = (self.book.read().policy(), self.tail.identity().key);
        'again: loop {
            self.tail.rewind();
            let mut book = Gradebook::new(policy, key);
            let Some((end, _)) = self.patiently(Tail::look)? else { return Ok(()) };
            while self.tail.seen() < end {
                match self.patiently(Tail::go_on)? {
                    None => return Ok(()),
                    Some(Followed::Entries(entries)) => {
                        for (position, entry) in &entries {
                            book.post(*position, entry);
                        }
                    }
                    Some(Followed::Again) => {}
                    Some(Followed::Nothing) => break,
                    Some(Followed::Replaced) => continue 'again,
                }
            }
            let position = book.position();
            self.book.replace(book);
            self.hub.rebuilt(position);
            self.pending.posted(position);
            tracing::info!(position = %position, "the gradebook is rebuilt");
            return Ok(());
        }
    }

    /// Shows what the leader tells of its feeds, when that is new.
    fn hear_of_feeds(&mut self) {
        match self.tail.feeds_heard() {
            None => {}
            Some(FeedsHeard::Told(reports)) => {
                self.warned = false;
                self.status.feeds_heard(Some(reports));
            }
            Some(FeedsHeard::Nothing) => self.status.feeds_heard(None),
            Some(FeedsHeard::Unreadable(error)) => {
                // Whoever writes what is not understood here does so every second.
                if !std::mem::replace(&mut self.warned, true) {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "it is not known how the feeds are");
                }
                self.status.feeds_heard(None);
            }
        }
    }

    /// Asks until there is an answer, or nothing at the shutdown. What was posted is served
    /// meanwhile.
    fn patiently<Answer>(
        &mut self,
        mut ask: impl FnMut(&mut Tail) -> Result<Answer, JournalError>,
    ) -> Result<Option<Answer>, FollowerError> {
        let mut wait = RETRY_FIRST;
        let mut trouble = false;
        while !self.shutdown.is_cancelled() {
            let asked = ask(&mut self.tail);
            self.hear_of_feeds();
            match asked {
                Ok(answer) => {
                    if trouble {
                        tracing::info!("the journal can be read again");
                        self.status.journal_unread(None);
                    }
                    return Ok(Some(answer));
                }
                Err(JournalError::Unavailable(cause)) => {
                    if !trouble {
                        tracing::error!(error = %cause,
                            "the journal cannot be read; what was read is served");
                    }
                    trouble = true;
                    metrics::counter!("gradebook_journal_unavailable_total").increment(1);
                    self.status.journal_unread(Some(cause.to_string()));
                }
                Err(error) => return Err(error.into()),
            }
            let cancelled = self.shutdown.cancelled();
            Handle::current().block_on(tokio::time::timeout(wait, cancelled)).ok();
            wait = (wait * 2).min(RETRY_LONGEST);
        }
        Ok(None)
    }
}

/// Carries out erasures in a shared journal until nobody can ask for them any more: at once as an
/// entry, and then, when nobody waits, by removing what names the student. Begins with what others
/// have left undone. Blocks.
pub fn run_eraser(
    mut eraser: Eraser,
    mut inbox: mpsc::Receiver<Command>,
    book: &SharedBook,
    pending: &PendingErasures,
    shutdown: &CancellationToken,
) {
    let waits = |wait: Duration| {
        Handle::current().block_on(tokio::time::timeout(wait, shutdown.cancelled())).is_err()
    };
    let mut deleted = 0;
    loop {
        let command = loop {
            match inbox.try_recv() {
                Ok(command) => break Some(command),
                Err(_) if clear_up(&mut eraser, &mut deleted) => break inbox.blocking_recv(),
                Err(_) if waits(RETRY_LONGEST) => {}
                Err(_) => return,
            }
        };
        let Some(command) = command else { return };
        let Command::Erase(request) = command else { continue };
        let mut wait = RETRY_FIRST;
        let mut tried = false;
        let outcome = loop {
            match attempt(&mut eraser, book, pending, &request, tried) {
                Ok(Some(outcome)) => break outcome,
                Ok(None) if shutdown.is_cancelled() => return,
                Ok(None) => continue,
                Err(error) => tracing::error!(%error, "an erasure waits for the journal"),
            }
            tried = true;
            if !waits(wait) {
                return;
            }
            wait = (wait * 2).min(RETRY_LONGEST);
        };
        match outcome {
            Ok(position) => pending.add(position, request.done),
            // The one who asked may have gone away.
            Err(refusal) => drop(request.done.send(Err(refusal))),
        }
    }
}

/// Erases if it may be: the position of the erasure, or why not. `None`: look again, since more has
/// come of the student, or too much in all, than this process has posted. After an attempt that
/// was `tried` without an answer, nothing may be held because it has succeeded: then erase again.
fn attempt(
    eraser: &mut Eraser,
    book: &SharedBook,
    pending: &PendingErasures,
    request: &EraseRequest,
    tried: bool,
) -> Result<Option<Result<Position, EraseRefusal>>, JournalError> {
    let (posted, held) = {
        let book = book.read();
        let held = book.student(&request.student).map(|aggregate| aggregate.revision);
        (book.position(), held)
    };
    let EraseRequest { student, suppress, revisions, .. } = request;
    let seen = match request.check(held) {
        Ok(()) => revisions.as_ref().map(|_| posted),
        Err(EraseRefusal::NotHeld) if tried => None,
        Err(refusal) => return Ok(Some(Err(refusal))),
    };
    match eraser.erase(student, *suppress, seen)? {
        Attempt::Erased(position) => Ok(Some(Ok(position))),
        Attempt::Unseen { last } => {
            pending.wait_for(last, RETRY_LONGEST);
            Ok(None)
        }
    }
}

/// Removes what names erased students; false when something is left. `deleted` counts the entries
/// whose deletion is not finished.
fn clear_up(eraser: &mut Eraser, deleted: &mut u64) -> bool {
    let swept = eraser.sweep().map(|more| *deleted += more);
    match swept.and_then(|()| eraser.purge()) {
        Ok(false) => false,
        Ok(true) => {
            if std::mem::take(deleted) > 0 {
                tracing::info!("no trace of erased students is left");
            }
            true
        }
        Err(error) => {
            tracing::warn!(%error, "entries of erased students are still to be deleted");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_is_answered_whether_it_is_posted_before_or_after_somebody_waits_for_it() {
        let pending = PendingErasures::default();
        let [before, after] = [7, 9].map(Position::new);
        pending.posted(before);
        let (done, mut early) = oneshot::channel();
        pending.add(before, done);
        assert_eq!(early.try_recv(), Ok(Ok(before)));
        let (done, mut late) = oneshot::channel();
        pending.add(after, done);
        assert!(late.try_recv().is_err());
        pending.posted(after);
        assert_eq!(late.try_recv(), Ok(Ok(after)));
    }
}
