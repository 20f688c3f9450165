//! Appends what the feeds deliver to the journal, and hands on to the poster what the journal has.

use std::sync::{Arc, mpsc as sync_mpsc};
use std::time::Duration;

use gradebook_core::feed_format::FeedScore;
use gradebook_core::{Entry, Position, StudentId, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::journal::{BATCH_ENTRIES_MAX, Checkpoint, Journal, JournalError};
use crate::poster::Poster;
use crate::progress::{Elsewhere, Progress};
use crate::status::Status;

/// Deliveries that wait for the writer. When it is full the feeds stop reading their sockets.
pub const INBOX_DELIVERIES_MAX: usize = 64;

/// Scores in one delivery, at most: what a feed has decoded from one read of its socket.
pub const DELIVERY_SCORES_MAX: usize = 1_000;

/// Appended batches that wait to be posted.
const POSTING_BATCHES_MAX: usize = 4;

/// Waits between two tries while the journal is unavailable: the first, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(1);

/// Between two tries to finish what an erasure has left.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

/// What the writer is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Keep these scores.
    Deliver(Delivery),
    /// Erase a student.
    Erase(EraseRequest),
}

/// Scores from one feed, in order.
#[derive(Debug)]
pub struct Delivery {
    /// The name of the feed.
    pub feed: Arc<str>,
    /// When they were received.
    pub received: Timestamp,
    /// At most [`DELIVERY_SCORES_MAX`].
    pub scores: Vec<FeedScore>,
    /// The feed's last event id after them, when the feed sends ids.
    pub last_event_id: Option<Arc<str>>,
}

/// Somebody with the right to do so wants a student forgotten.
#[derive(Debug)]
pub struct EraseRequest {
    /// Whom.
    pub student: StudentId,
    /// Whether later scores are to be dropped as well.
    pub suppress: bool,
    /// Only if what is held of them changed last at one of these positions; `None`: whenever.
    pub revisions: Option<Vec<Position>>,
    /// Answered when the erasure is in the journal and posted, or is refused.
    pub done: oneshot::Sender<Result<Position, EraseRefusal>>,
}

/// Why a student is not erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EraseRefusal {
    /// There is nothing to erase.
    #[error("nothing is held of the student")]
    NotHeld,
    /// It is not what the one who asks has seen.
    #[error("what is held of the student has changed")]
    Changed,
}

impl EraseRequest {
    /// Why it must not be carried out, when what is `held` of the student changed last there.
    ///
    /// # Errors
    /// See [`EraseRefusal`].
    pub fn check(&self, held: Option<Position>) -> Result<(), EraseRefusal> {
        let held = held.ok_or(EraseRefusal::NotHeld)?;
        match &self.revisions {
            Some(revisions) if !revisions.contains(&held) => Err(EraseRefusal::Changed),
            _ => Ok(()),
        }
    }
}

type Batch = Vec<(Position, Entry)>;

/// Who waits for an erasure.
type Waiting = oneshot::Sender<Result<Position, EraseRefusal>>;

/// A batch that the journal has, on its way to the book.
struct Appended {
    entries: Batch,
    erased: Option<(Waiting, Position)>,
}

/// What the posting thread is asked to do, in order.
enum Step {
    /// Post what was appended.
    Post(Appended),
    /// Say where what is held of a student changed last, when everything before is posted.
    Look(StudentId, sync_mpsc::SyncSender<Option<Position>>),
}

/// The one who writes. Runs on a thread of its own, since journals block.
pub struct Writer {
    journal: Box<dyn Journal>,
    last: Position,
    last_received: Timestamp,
    /// When the journal is to be asked next to finish what erasures have left; `None` when nothing
    /// is left.
    purge_due: Option<Instant>,
    /// Whether others append to the journal as well, as long as this one leads: erasures.
    is_shared: bool,
    status: Arc<Status>,
    shutdown: CancellationToken,
}

/// Why the writer ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The journal cannot be used any more.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The posting thread has ended.
    #[error("the posting thread has ended")]
    PosterGone,
}

impl Writer {
    /// Writes to `journal`, which nobody else in this process touches.
    #[must_use]
    pub fn new(
        journal: Box<dyn Journal>,
        status: Arc<Status>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            journal,
            last: Position::START,
            last_received: Timestamp::default(),
            // An earlier process may have been killed before it had finished.
            purge_due: Some(Instant::now()),
            is_shared: false,
            status,
            shutdown,
        }
    }

    /// Writes to a shared `journal` that ends at `last`, and whose last score was received at
    /// `last_received`.
    #[must_use]
    pub fn leading(
        journal: Box<dyn Journal>,
        last: Position,
        last_received: Timestamp,
        status: Arc<Status>,
        shutdown: CancellationToken,
    ) -> Self {
        let purge_due = None; // whoever carries out erasures sees to it
        Self { journal, last, last_received, purge_due, is_shared: true, status, shutdown }
    }

    /// Posts everything that the journal holds. Blocks.
    ///
    /// While one batch is being posted, on a thread of its own, the next is being read.
    ///
    /// # Errors
    /// When the journal cannot be read, or posting has ended.
    pub fn replay(&mut self, poster: &Poster) -> Result<(), WriterError> {
        let total = self.patiently(|journal| journal.last())?;
        self.status.replay_started(total);
        let status = Arc::clone(&self.status);
        let outcome = std::thread::scope(|scope| {
            let (read, batches) = sync_mpsc::sync_channel::<Batch>(POSTING_BATCHES_MAX);
            let posting = scope.spawn(move || {
                let what = "rebuilding the gradebook";
                let mut progress = Progress::start(what, total.get(), Elsewhere::Logged);
                for batch in batches {
                    poster.post(&batch);
                    if let Some((last, _)) = batch.last() {
                        status.replayed(*last);
                        progress.at(last.get());
                    }
                }
                progress.finish()
            });
            self.read_all(&read)?;
            drop(read);
            posting.join().map_err(|_| WriterError::PosterGone)
        });
        let took_ms = outcome?.as_millis() as u64;
        tracing::info!(entries = total.get(), took_ms, "the gradebook is as the journal");
        self.status.replay_finished(self.last);
        Ok(())
    }

    fn read_all(&mut self, batches: &sync_mpsc::SyncSender<Batch>) -> Result<(), WriterError> {
        while !self.shutdown.is_cancelled() {
            let after = self.last;
            let batch = self.patiently(|journal| journal.read(after, BATCH_ENTRIES_MAX))?;
            let Some((last, _)) = batch.last() else { break };
            self.last = *last;
            for (_, entry) in &batch {
                if let Entry::Scored { received, .. } = entry {
                    self.last_received = self.last_received.max(*received);
                }
            }
            batches.send(batch).map_err(|_| WriterError::PosterGone)?;
        }
        Ok(())
    }

    /// How far `feed` has been read.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn checkpoint(&mut self, feed: &str) -> Result<Option<Arc<str>>, WriterError> {
        self.patiently(|journal| journal.checkpoint(feed))
    }

    /// Keeps what comes until `inbox` closes, and leaves it to others to post it. Blocks; must run
    /// within a tokio runtime's blocking thread.
    ///
    /// # Errors
    /// When the journal cannot be used any more, or another leads.
    pub fn run_unposted(mut self, mut inbox: mpsc::Receiver<Command>) -> Result<(), WriterError> {
        while let Some(command) = inbox.blocking_recv() {
            let mut next = Some(command);
            while let Some(command) = next.take() {
                match command {
                    Command::Deliver(delivery) => drop(self.keep(delivery, &mut inbox, &mut next)?),
                    // Whoever serves requests has an eraser of its own.
                    Command::Erase(request) => drop(self.erase(request)?),
                }
            }
        }
        Ok(())
    }

    /// Keeps what comes until `inbox` closes. Blocks; must run within a tokio runtime's blocking
    /// thread.
    ///
    /// While one batch is being posted the next is being appended, and while that goes on the
    /// inbox gathers the one after: the slower the journal, the larger its batches.
    ///
    /// # Errors
    /// When the journal cannot be used any more, or posting has ended.
    pub fn run(
        mut self,
        mut inbox: mpsc::Receiver<Command>,
        poster: &Poster,
    ) -> Result<(), WriterError> {
        std::thread::scope(|scope| {
            let (steps, received) = sync_mpsc::sync_channel::<Step>(POSTING_BATCHES_MAX);
            scope.spawn(move || {
                for step in received {
                    match step {
                        Step::Post(batch) => {
                            poster.post(&batch.entries);
                            if let Some((done, position)) = batch.erased {
                                // Who asked may have gone away; the erasure stands all the same.
                                done.send(Ok(position)).ok();
                            }
                        }
                        // Whoever asked has ended if nobody takes the answer.
                        Step::Look(student, found) => drop(found.send(poster.revision(&student))),
                    }
                }
            });
            while let Some(command) = self.next_command(&mut inbox)? {
                let mut next = Some(command);
                while let Some(command) = next.take() {
                    let batch = match command {
                        Command::Deliver(delivery) => self.keep(delivery, &mut inbox, &mut next)?,
                        Command::Erase(request) => {
                            match request.check(look(&steps, &request.student)?) {
                                Ok(()) => self.erase(request)?,
                                Err(refusal) => {
                                    // The one who asked may have gone away.
                                    request.done.send(Err(refusal)).ok();
                                    continue;
                                }
                            }
                        }
                    };
                    steps.send(Step::Post(batch)).map_err(|_| WriterError::PosterGone)?;
                }
            }
            Ok(())
        })
    }

    /// The next command; `None` when there will be none. Meanwhile finishes what erasures have
    /// left.
    fn next_command(
        &mut self,
        inbox: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Command>, WriterError> {
        while let Some(due) = self.purge_due {
            if due <= Instant::now() {
                self.purge()?;
                continue;
            }
            let waiting = tokio::time::timeout_at(due, inbox.recv());
            if let Ok(command) = Handle::current().block_on(waiting) {
                return Ok(command);
            }
        }
        Ok(inbox.blocking_recv())
    }

    /// Asks the journal to finish what erasures have left, and again later if it could not.
    fn purge(&mut self) -> Result<(), WriterError> {
        self.purge_due = match self.journal.purge() {
            Ok(true) => None,
            Ok(false) => Some(Instant::now() + PURGE_INTERVAL),
            Err(JournalError::Unavailable(cause)) => {
                tracing::warn!(error = %cause, "what was erased is not yet gone from the disk");
                Some(Instant::now() + PURGE_INTERVAL)
            }
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }

    /// Appends `delivery` and whatever else has gathered in `inbox`, up to a batch. A command that
    /// is no delivery ends the batch and is left in `next`.
    fn keep(
        &mut self,
        delivery: Delivery,
        inbox: &mut mpsc::Receiver<Command>,
        next: &mut Option<Command>,
    ) -> Result<Appended, WriterError> {
        let mut entries = Vec::with_capacity(DELIVERY_SCORES_MAX);
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        let mut delivery = Some(delivery);
        while let Some(Delivery { feed, received, scores, last_event_id }) = delivery.take() {
            // A clock that was set back must not make received times decrease along the journal.
            self.last_received = self.last_received.max(received);
            let received = self.last_received;
            entries.extend(scores.into_iter().map(|FeedScore { student, exam, score }| {
                Entry::Scored { student, exam, score, received }
            }));
            if let Some(last_event_id) = last_event_id {
                checkpoints.retain(|checkpoint| checkpoint.feed != feed);
                checkpoints.push(Checkpoint { feed, last_event_id });
            }
            if entries.len() + DELIVERY_SCORES_MAX <= BATCH_ENTRIES_MAX {
                match inbox.try_recv() {
                    Ok(Command::Deliver(more)) => delivery = Some(more),
                    Ok(other) => *next = Some(other),
                    Err(_) => {}
                }
            }
        }
        self.persist(|journal, before| journal.append(before, &entries, &checkpoints))?;
        let before = Position::new(self.last.get() - entries.len() as u64);
        metrics::counter!("gradebook_journal_entries_total").increment(entries.len() as u64);
        let positions = (1..).map(|ahead| before.plus(ahead));
        Ok(Appended { entries: positions.zip(entries).collect(), erased: None })
    }

    fn erase(&mut self, request: EraseRequest) -> Result<Appended, WriterError> {
        let EraseRequest { student, suppress, done, revisions: _ } = request;
        self.persist(|journal, before| journal.erase(before, &student, suppress))?;
        self.purge()?;
        let student = self.journal.identity().key.pseudonym(&student);
        let entries = vec![(self.last, Entry::Erased { student, suppress })];
        Ok(Appended { entries, erased: Some((done, self.last)) })
    }

    /// Tries until the journal can: nothing is dropped, and nothing unsaved becomes visible.
    /// Meanwhile the inbox fills, and the feeds are held back.
    fn patiently<Done>(
        &mut self,
        mut attempt: impl FnMut(&mut dyn Journal) -> Result<Done, JournalError>,
    ) -> Result<Done, WriterError> {
        let mut wait = RETRY_FIRST;
        loop {
            match attempt(self.journal.as_mut()) {
                Ok(done) => {
                    if wait > RETRY_FIRST {
                        tracing::info!("the journal is available again");
                        self.status.journal_available();
                    }
                    return Ok(done);
                }
                Err(JournalError::Unavailable(cause)) => {
                    metrics::counter!("gradebook_journal_unavailable_total").increment(1);
                    tracing::error!(error = %cause, retry_ms = wait.as_millis() as u64,
                        "the journal is unavailable, feeds are held back");
                    self.status.journal_unavailable(cause.to_string());
                    if self.cancelled_within(wait) {
                        return Err(JournalError::Unavailable(cause).into());
                    }
                    wait = (wait * 2).min(RETRY_LONGEST);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Tries until the journal has what is appended after the last entry, wherever that is by then.
    fn persist(
        &mut self,
        mut append: impl FnMut(&mut dyn Journal, Position) -> Result<Position, JournalError>,
    ) -> Result<(), WriterError> {
        loop {
            let before = self.last;
            match self.patiently(|journal| append(journal, before)) {
                Err(WriterError::Journal(JournalError::Conflict { last })) if self.is_shared => {
                    tracing::debug!(position = %last, "somebody else has appended to the journal");
                    self.last = last;
                }
                outcome => {
                    self.last = outcome?;
                    self.status.journal_written(self.last);
                    return Ok(());
                }
            }
        }
    }

    fn cancelled_within(&self, wait: Duration) -> bool {
        let cancelled = self.shutdown.cancelled();
        Handle::current().block_on(tokio::time::timeout(wait, cancelled)).is_ok()
    }
}

/// Where what is held of `student` changed last, with everything posted that was handed to `steps`.
/// Only the writer appends, so that stays so until it appends again.
fn look(
    steps: &sync_mpsc::SyncSender<Step>,
    student: &StudentId,
) -> Result<Option<Position>, WriterError> {
    let (found, answer) = sync_mpsc::sync_channel(1);
    steps.send(Step::Look(student.clone(), found)).map_err(|_| WriterError::PosterGone)?;
    answer.recv().map_err(|_| WriterError::PosterGone)
}
