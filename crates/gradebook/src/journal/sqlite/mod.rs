//! The journal of a single process: a SQLite file, which is the user's own.
//!
//! docs/journal.md tells what is in the file and what may be relied on.

mod file;
mod holder;
mod open;
mod read;
mod students;
mod write;

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use gradebook_core::{Entry, Position, StudentId};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _};

use super::{Checkpoint, Identity, Journal, JournalError};
use holder::Holder;
use students::Students;

pub use file::BackupError;
pub use open::OpenError;

/// A journal in a SQLite file.
pub struct SqliteJournal {
    // Closed before the file is let go: fields are dropped in order.
    connection: Connection,
    students: Students,
    identity: Identity,
    /// Whether what was erased may still be in the write-ahead log.
    unpurged: bool,
    holder: Option<Holder>,
}

/// Entries that this program would never have written.
#[derive(Debug, thiserror::Error)]
#[error("the entry at position {position} has no valid {member}")]
pub struct InvalidEntry {
    /// Where.
    pub position: i64,
    /// Which of its parts.
    pub member: &'static str,
}

/// Only the process that holds a journal writes to it.
#[derive(Debug, thiserror::Error)]
#[error("the journal was opened for reading only")]
struct ReadOnly;

impl SqliteJournal {
    /// Opens the journal at `path` and holds it; makes it if there is none.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let mut journal = Self::from(open::for_writing(path)?);
        // Whatever an erasure before a crash has left in the log goes into the file now.
        journal.unpurged = true;
        Ok(journal)
    }

    /// Opens the journal at `path` for reading, whether or not a process holds it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_for_reading(path: &Path) -> Result<Self, OpenError> {
        open::for_reading(path).map(Self::from)
    }

    fn writable(&self) -> Result<(), JournalError> {
        match self.holder {
            Some(_) => Ok(()),
            None => Err(JournalError::Broken(Box::new(ReadOnly))),
        }
    }
}

impl From<open::Opened> for SqliteJournal {
    fn from(opened: open::Opened) -> Self {
        let open::Opened { connection, students, identity, holder } = opened;
        Self { connection, students, identity, unpurged: false, holder }
    }
}

impl Journal for SqliteJournal {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn last(&mut self) -> Result<Position, JournalError> {
        Ok(read::last(&self.connection)?)
    }

    fn append(
        &mut self,
        expected_last: Position,
        entries: &[Entry],
        checkpoints: &[Checkpoint],
    ) -> Result<Position, JournalError> {
        self.writable()?;
        let known = self.students.len();
        let Self { connection, students, .. } = self;
        let outcome = write::append(connection, students, expected_last, entries, checkpoints);
        if outcome.is_err() {
            // Students that are not in the file must not be taken for known.
            self.students.truncate(known);
        }
        outcome
    }

    fn read(
        &mut self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<(Position, Entry)>, JournalError> {
        let mut entries = Vec::with_capacity(limit.min(super::BATCH_ENTRIES_MAX));
        read::entries(&self.connection, &mut self.students, after, limit, &mut entries)?;
        Ok(entries)
    }

    fn checkpoint(&mut self, feed: &str) -> Result<Option<Arc<str>>, JournalError> {
        let sql = "SELECT last_event_id FROM checkpoints WHERE feed = ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        Ok(select.query_row([feed], |row| row.get(0)).optional()?)
    }

    fn erase(
        &mut self,
        expected_last: Position,
        student: &StudentId,
        suppress: bool,
    ) -> Result<Position, JournalError> {
        self.writable()?;
        let erasure = write::Erasure {
            student,
            number: self.students.number(student),
            pseudonym: self.identity.key.pseudonym(student),
            suppress,
        };
        let last = write::erase(&mut self.connection, expected_last, &erasure)?;
        self.students.erase(student);
        self.unpurged = true;
        Ok(last)
    }

    fn purge(&mut self) -> Result<bool, JournalError> {
        if self.unpurged && self.holder.is_some() {
            self.unpurged = !write::purge(&self.connection)?;
        }
        Ok(!self.unpurged)
    }
}

/// What SQLite said, once: the source of its error says the same again.
#[derive(Debug)]
struct Failure(rusqlite::Error);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)?;
        match self.0.sqlite_error() {
            Some(error) => write!(formatter, " (SQLite code {})", error.extended_code),
            None => Ok(()),
        }
    }
}

impl Error for Failure {}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        let failure = |error| Box::new(Failure(error));
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::OutOfMemory,
            ) => Self::Unavailable(failure(error)),
            _ => Self::Broken(failure(error)),
        }
    }
}

impl From<InvalidEntry> for JournalError {
    fn from(error: InvalidEntry) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl From<open::Damage> for JournalError {
    fn from(damage: open::Damage) -> Self {
        Self::Broken(Box::new(damage))
    }
}
