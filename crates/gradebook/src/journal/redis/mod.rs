//! The shared journal: one stream in Redis (or Valkey) for each gradebook.
//!
//! An entry's id is `<position>-<term>`. A *term* is an uninterrupted run of appends by one writer;
//! the stream of terms says who began to write after which entry. Whoever finds that somebody else
//! has written begins a new term before it goes on. So from the terms alone everybody can tell
//! whether what they saw still stands, or was lost in a failover and replaced.

mod compaction;
mod connection;
mod entry;
mod erasure;
mod error;
mod feeds;
mod lease;
mod lineage;
mod link;
mod packed;
mod primary;
mod reply;
mod scripts;
pub mod segment;
mod sent;
mod tail;

use std::sync::Arc;

use ::redis::Cmd;
use gradebook_core::{Entry, Position, PseudonymKey, StudentId, Timestamp};

pub use compaction::{Compacted, Packing, compact};
pub use erasure::{Attempt, Eraser};
pub use error::RedisError;
pub use feeds::{FeedsError, FeedsHeard};
pub use lease::Lease;
pub use tail::{Followed, Tail};

use self::entry::EntryId;
use self::lineage::{Term, common_prefix};
use self::link::{Link, State, odd};
use self::packed::Reading;
use self::reply::Reply as _;
use self::scripts::{Keys, Script, Scripts};
use self::sent::{Batch, Sent, TooOld};
use super::{Checkpoint, Identity, Journal, JournalError};
use crate::config::redis::RedisUrl;

/// The version of what this program keeps in Redis.
/// From 2 on a part of the journal may be in segments.
const FORMATS: std::ops::RangeInclusive<u64> = 1..=2;

/// How far from the end the time of the last score is looked for: erasures have none.
const NEAR_END_ENTRIES: u64 = 1_000;

/// A journal in Redis, for one writer.
pub struct RedisJournal {
    link: Link,
    identity: Identity,
    writer: String,
    /// How long to lead for, when only the leader may write.
    lease_ms: u64,
    /// The term in which this writer appends, and the id of the last entry as it knows it.
    run: Option<Run>,
    /// Whether the connection is the one on which the run was last seen.
    settled: bool,
    sent: Sent,
    reading: Reading,
}

/// What this writer knows of the journal.
#[derive(Clone, Debug)]
struct Run {
    /// All terms; the last one is its own.
    terms: Vec<Term>,
    /// The id of the last entry.
    tail: EntryId,
}

impl RedisJournal {
    /// Opens the journal that `url` names, or makes it. `writer` must be unique; whoever has it is
    /// taken for the same writer.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] while Redis cannot be reached, [`JournalError::Broken`] when
    /// the URL, Redis' settings or the journal are wrong.
    pub fn open(url: RedisUrl, writer: String) -> Result<Self, JournalError> {
        let identity = open(url.clone())?;
        Self::new(url, identity, writer)
    }

    /// The journal that was opened before, for a writer of this name.
    ///
    /// # Errors
    /// [`JournalError::Broken`] when the URL cannot be used.
    pub fn new(url: RedisUrl, identity: Identity, writer: String) -> Result<Self, JournalError> {
        Ok(Self {
            link: Link::new(url)?,
            identity,
            writer,
            lease_ms: 0,
            run: None,
            settled: false,
            sent: Sent::default(),
            reading: Reading::default(),
        })
    }

    /// From now on appends only while it leads, each time for `lease_ms` milliseconds more.
    #[must_use]
    pub fn led_by(mut self, lease_ms: u64) -> Self {
        self.lease_ms = lease_ms;
        self
    }

    /// Begins to write: from now on nobody else's appends succeed. Returns the position of the last
    /// entry, and when the last score was received.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn lead(&mut self) -> Result<(Position, Timestamp), JournalError> {
        let last = self.settle()?.tail.position;
        Ok((last, self.last_received(last.get())?))
    }

    /// How many entries erasures and compactions have removed; `None` when nobody counted from the
    /// beginning.
    ///
    /// # Errors
    /// As [`Journal::last`].
    pub fn removed(&mut self) -> Result<Option<u64>, JournalError> {
        let field = "removed";
        let reply =
            self.link.with(|connection, _, keys| connection.call(&["HGET", &keys.meta, field]))?;
        Ok(reply.integer())
    }

    fn last_received(&mut self, last: u64) -> Result<Timestamp, JournalError> {
        let near_end = Position::new(last.saturating_sub(NEAR_END_ENTRIES));
        let entries = self.reading.read(&mut self.link, near_end, super::BATCH_ENTRIES_MAX)?;
        let received = entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Scored { received, .. } => Some(*received),
            Entry::Erased { .. } => None,
        });
        Ok(received.max().unwrap_or_default())
    }

    /// Makes sure that this writer knows how the journal ends, and appends in a term of its own.
    /// Entries of its own that a failover has lost are appended again.
    fn settle(&mut self) -> Result<Run, JournalError> {
        loop {
            let run = match &self.run {
                Some(run) if self.settled && self.link.is_connected() => run.clone(),
                _ => self.look_again()?,
            };
            let Some(lost) = self.sent.next_lost(run.tail.position) else { return Ok(run) };
            tracing::warn!(entries = lost.entries.len(), after = %lost.before,
                "a failover has lost entries, which are appended again");
            metrics::counter!("gradebook_journal_resent_entries_total")
                .increment(lost.entries.len() as u64);
            self.send(&run, lost)?;
        }
    }

    /// Finds out what happened to the journal since it was last seen.
    fn look_again(&mut self) -> Result<Run, JournalError> {
        let before = self.run.take();
        let state = match self.state(before.as_ref()) {
            Ok(state) => state,
            Err(error) => {
                self.run = before;
                return Err(error);
            }
        };
        let (run, state) = match &before {
            // Nobody else has written, and nothing was lost.
            Some(run) if run.terms == state.terms && state.tail >= run.tail => {
                (Run { tail: state.tail, ..run.clone() }, state)
            }
            _ => {
                let begun = self.begin().and_then(|own| Ok((own, self.state(before.as_ref())?)));
                match begun {
                    Ok((own, state)) if state.terms.last() == Some(&own) => {
                        (Run { terms: state.terms.clone(), tail: state.tail }, state)
                    }
                    other => {
                        self.run = before;
                        let (_, state) = other?;
                        return Err(JournalError::Conflict { last: state.tail.position });
                    }
                }
            }
        };
        if let Some(before) = before {
            let seen = self.sent.end(before.tail.position);
            let common = common_prefix(&before.terms, seen, &state.terms, state.tail.position);
            self.sent.stands_up_to(common).map_err(|TooOld| {
                RedisError::Refused(
                    "a failover has lost more entries than are kept to be appended again: the feed \
                     has to be read again from its checkpoint"
                        .to_owned(),
                )
            })?;
        }
        self.run = Some(run.clone());
        self.settled = true;
        Ok(run)
    }

    fn begin(&mut self) -> Result<Term, JournalError> {
        let key = entry::hex(&self.identity.key.0);
        let lease = self.lease_ms.to_string();
        let reply =
            self.link.run(Script::Begin, &[|keys| &keys.lease], &[&self.writer, &key, &lease])?;
        let [term, tail] = reply.array() else { return Err(JournalError::Superseded) };
        let number = term.integer().ok_or_else(|| odd("term"))?;
        let tail: EntryId = tail.text().ok_or_else(|| odd("last id"))?.parse()?;
        Ok(Term { number, after: tail.position, writer: self.writer.clone() })
    }

    /// Sends one batch, waits for the replicas that were asked for, and remembers it.
    fn send(&mut self, run: &Run, batch: Batch) -> Result<Position, JournalError> {
        let term = run.terms.last().ok_or_else(|| odd("run"))?.number;
        let answer = self.link.with(|connection, scripts, keys| {
            connection.request(&append(scripts, keys, run.tail, (term, &self.writer), &batch))
        });
        self.sent.sending(batch);
        let answer = answer.inspect_err(|_| self.settled = false)?;
        let [done, last] = answer.array() else { return Err(odd("append").into()) };
        let last = Position::new(last.integer().ok_or_else(|| odd("position"))?);
        if done.integer() != Some(1) {
            self.sent.refused();
            self.settled = false;
            return Err(JournalError::Conflict { last });
        }
        if last > run.tail.position {
            self.run = Some(Run { tail: EntryId { position: last, term }, ..run.clone() });
        }
        self.await_replicas()?;
        self.sent.acknowledged();
        Ok(last)
    }

    /// Waits until as many replicas as the URL asks for have everything that was appended.
    fn await_replicas(&mut self) -> Result<(), JournalError> {
        let wanted = self.link.url().options.replicas;
        if wanted == 0 {
            return Ok(());
        }
        // Half of the timeout after which the connection would be given up.
        let patience = self.link.url().options.timeout.as_millis() / 2;
        let reply = self.link.with(|connection, _, _| {
            connection.call(&["WAIT", &wanted.to_string(), &patience.to_string()])
        });
        let replicas = reply.inspect_err(|_| self.settled = false)?.integer().unwrap_or(0);
        if replicas < wanted {
            self.settled = false;
            return Err(RedisError::NotNow(format!(
                "{replicas} of the {wanted} replicas that are asked for have the last batch"
            ))
            .into());
        }
        Ok(())
    }

    /// How the journal stands, when it still is the one that this writer knows.
    fn state(&mut self, known: Option<&Run>) -> Result<State, JournalError> {
        let state = self.link.state()?;
        let known = known.map_or(Position::START, |run| run.tail.position);
        check_identity(&state, &self.identity, known)?;
        Ok(state)
    }
}

impl Journal for RedisJournal {
    fn kind(&self) -> &'static str {
        "redis"
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn last(&mut self) -> Result<Position, JournalError> {
        let run = self.run.clone();
        Ok(self.state(run.as_ref())?.tail.position)
    }

    fn append(
        &mut self,
        expected_last: Position,
        entries: &[Entry],
        checkpoints: &[Checkpoint],
    ) -> Result<Position, JournalError> {
        let run = self.settle()?;
        // The same batch again, because nobody knew whether Redis had taken it: it had.
        if self.sent.has_arrived(expected_last, entries) {
            self.await_replicas()?;
            return Ok(expected_last.plus(entries.len() as u64));
        }
        if run.tail.position != expected_last {
            self.settled = false;
            return Err(JournalError::Conflict { last: run.tail.position });
        }
        let (entries, checkpoints) = (entries.to_vec(), checkpoints.to_vec());
        self.send(&run, Batch { before: expected_last, entries, checkpoints, again: false })
    }

    fn read(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry)>, JournalError> {
        Ok(self.reading.read(&mut self.link, after, limit)?)
    }

    fn checkpoint(&mut self, feed: &str) -> Result<Option<Arc<str>>, JournalError> {
        let reply = self
            .link
            .with(|connection, _, keys| connection.call(&["HGET", &keys.checkpoints, feed]))?;
        Ok(reply.text().map(Arc::from))
    }

    fn erase(
        &mut self,
        expected_last: Position,
        student: &StudentId,
        suppress: bool,
    ) -> Result<Position, JournalError> {
        let run = self.settle()?;
        if run.tail.position != expected_last {
            self.settled = false;
            return Err(JournalError::Conflict { last: run.tail.position });
        }
        let pseudonym = self.identity.key.pseudonym(student);
        let erasure =
            erasure::append(&mut self.link, &self.identity, &self.writer, pseudonym, suppress)?;
        self.settled = false;
        self.await_replicas()?;
        erasure::sweep(&mut self.link, &self.identity, &[(pseudonym, erasure)])?;
        Ok(erasure)
    }

    fn purge(&mut self) -> Result<bool, JournalError> {
        Ok(erasure::rewrite(&mut self.link)?)
    }
}

/// The request that appends `batch`.
fn append(
    scripts: &Scripts,
    keys: &Keys,
    tail: EntryId,
    (term, writer): (u64, &str),
    batch: &Batch,
) -> Cmd {
    let mut request = scripts.request(Script::Append, keys, &[|keys| &keys.checkpoints]);
    request.arg(tail.to_string()).arg(term).arg(writer).arg(batch.checkpoints.len());
    for Checkpoint { feed, last_event_id } in &batch.checkpoints {
        request.arg(feed.as_bytes()).arg(last_event_id.as_bytes());
    }
    for entry in &batch.entries {
        entry::write(&mut request, entry);
    }
    request
}

/// Refuses a journal that is gone or another one than before: it must not be begun anew unasked.
fn check_identity(state: &State, identity: &Identity, known: Position) -> Result<(), RedisError> {
    if state.key.as_deref() == Some(&entry::hex(&identity.key.0)) {
        return Ok(());
    }
    let is = if state.key.is_some() { "another one than before" } else { "gone" };
    Err(RedisError::Lost(format!(
        "the journal in Redis is {is}, and was known up to position {known}: restore it, or restart \
         every process to begin anew"
    )))
}

/// Opens or makes the journal that `url` names, and says what tells it from others.
///
/// # Errors
/// [`JournalError::Unavailable`] while Redis cannot be reached, [`JournalError::Broken`] when the
/// URL, Redis' settings or the journal are wrong.
pub fn open(url: RedisUrl) -> Result<Identity, JournalError> {
    let link = &mut Link::new(url)?;
    let candidate = entry::hex(&rand::random());
    let create = if link.url().options.create { "1" } else { "0" };
    let now = jiff::Timestamp::now().to_string();
    let reply = link.run(Script::Open, &[], &[&candidate, create, &now])?;
    let [format, key, made] = reply.array() else {
        return Err(RedisError::Refused(format!(
            "there is no journal `{}`, and the URL says create=no",
            link.url().options.name
        ))
        .into());
    };
    if !format.integer().is_some_and(|format| FORMATS.contains(&format)) {
        return Err(RedisError::Refused(format!(
            "the journal `{}` has format {}, and this program reads formats {} to {}: use the \
             version that wrote it, or a newer one",
            link.url().options.name,
            format.text().unwrap_or("?"),
            FORMATS.start(),
            FORMATS.end()
        ))
        .into());
    }
    if made.integer() == Some(1) {
        tracing::warn!(journal = %link.url(), "there was no journal: a new one begins");
    }
    let key = key.text().and_then(entry::from_hex).ok_or_else(|| odd("key of the journal"))?;
    Ok(Identity { key: PseudonymKey(key), epoch: None })
}
