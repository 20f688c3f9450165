//! The append-only record of accepted scores and erasures: what everything else is rebuilt from.
//!
//! One contract, [`Journal`]; one file per engine. The suite in `tests/it/journal_contract.rs` runs
//! on every engine.

mod memory;
pub mod redis;
mod sqlite;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use gradebook_core::{Entry, Position, PseudonymKey, StudentId};

pub use memory::MemoryJournal;
pub use sqlite::{BackupError, OpenError, SqliteJournal};

/// The most entries that [`Journal::append`] is given and [`Journal::read`] is asked for at once.
pub const BATCH_ENTRIES_MAX: usize = 10_000;

/// A journal: entries with dense positions from 1, and how far each feed has been read.
///
/// All calls block, and are made from one thread that does nothing else.
pub trait Journal: Send {
    /// The engine, as `/feeds` names it: `memory`, `sqlite`, `redis`.
    fn kind(&self) -> &'static str;

    /// What tells this journal from every other, and keys its pseudonyms.
    fn identity(&self) -> Identity;

    /// The position of the last entry; [`Position::START`] when there is none.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] or [`JournalError::Broken`].
    fn last(&mut self) -> Result<Position, JournalError>;

    /// Appends `entries` at the positions after `expected_last`, together with `checkpoints`: all
    /// of it, durably, or nothing. Returns the position of the last entry.
    ///
    /// # Errors
    /// [`JournalError::Conflict`] when the last position is another than `expected_last`: somebody
    /// else has written. Otherwise as [`Journal::last`].
    fn append(
        &mut self,
        expected_last: Position,
        entries: &[Entry],
        checkpoints: &[Checkpoint],
    ) -> Result<Position, JournalError>;

    /// The entries after `after`, in order, at most `limit` of them. Positions of entries that were
    /// physically erased are missing.
    ///
    /// # Errors
    /// As [`Journal::last`].
    fn read(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry)>, JournalError>;

    /// How far `feed` has been read: the last event id that was appended with its scores.
    ///
    /// # Errors
    /// As [`Journal::last`].
    fn checkpoint(&mut self, feed: &str) -> Result<Option<Arc<str>>, JournalError>;

    /// Appends an [`Entry::Erased`] for `student` and physically removes every entry that names
    /// them. Returns the position of the new entry. With `suppress`, later scores of the same
    /// student are not to count.
    ///
    /// # Errors
    /// As [`Journal::append`].
    fn erase(
        &mut self,
        expected_last: Position,
        student: &StudentId,
        suppress: bool,
    ) -> Result<Position, JournalError>;

    /// Finishes what erasures have left for later, such as copies in a log that a reader still
    /// needs; true when no trace of an erased student is left. The writer calls it after every
    /// erasure, and now and again until it is true.
    ///
    /// # Errors
    /// As [`Journal::last`].
    fn purge(&mut self) -> Result<bool, JournalError> {
        Ok(true)
    }
}

/// What tells one journal from every other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Made at random with the journal, and kept in it. Pseudonyms and cursors are keyed with it.
    pub key: PseudonymKey,
    /// Stands in front of every position a client sees when positions die with the process (the
    /// memory journal); `None` when they are durable.
    pub epoch: Option<u32>,
}

/// How far a feed has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the feed: its URL without credentials.
    pub feed: Arc<str>,
    /// The id of the last event whose score is in the journal (WHATWG HTML §9.2.4).
    pub last_event_id: Arc<str>,
}

/// Why a journal could not do what it was asked.
#[derive(Debug)]
pub enum JournalError {
    /// Somebody else has appended: `last` is the last position now.
    Conflict {
        /// The position of the last entry.
        last: Position,
    },
    /// Another worker leads and writes: this one must not go on.
    Superseded,
    /// For now: a full disk, a lost connection. The same call may work later.
    Unavailable(Box<dyn Error + Send + Sync>),
    /// For good: a damaged file, a foreign or newer journal. A person has to look.
    Broken(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for JournalError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { last } => {
                write!(formatter, "somebody else has written to the journal, up to position {last}")
            }
            Self::Superseded => formatter.write_str("another worker leads and writes the journal"),
            Self::Unavailable(cause) => write!(formatter, "the journal is unavailable: {cause}"),
            Self::Broken(cause) => write!(formatter, "the journal cannot be used: {cause}"),
        }
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Conflict { .. } | Self::Superseded => None,
            Self::Unavailable(cause) | Self::Broken(cause) => cause.source(),
        }
    }
}
