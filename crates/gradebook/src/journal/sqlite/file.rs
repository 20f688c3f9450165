//! The file as a whole: whether it is sound, and copies of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};

use super::{Failure, SqliteJournal};
use crate::journal::JournalError;

/// How many faults of the file are told.
const FAULTS_MAX: u32 = 20;

/// Pages that are copied before progress is told.
const BACKUP_PAGES: i32 = 1_024;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Nothing is overwritten.
    #[error("{} is already there", .0.display())]
    Exists(PathBuf),
    /// The target cannot be written.
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// SQLite cannot copy.
    #[error("cannot copy to {}", .0.display())]
    Copy(PathBuf, #[source] rusqlite::Error),
}

impl SqliteJournal {
    /// What SQLite finds wrong with the structure of the file: nothing, or a line for each fault,
    /// at most [`FAULTS_MAX`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn faults(&self) -> Result<Vec<String>, JournalError> {
        let sql = format!("PRAGMA integrity_check({FAULTS_MAX})");
        let mut check = self.connection.prepare(&sql)?;
        let mut faults = Vec::new();
        for line in check.query_map([], |row| row.get::<_, String>(0))? {
            match line {
                Ok(line) if line == "ok" => {}
                Ok(line) => faults.push(line),
                // Some damage keeps SQLite from looking any further.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                    faults.push(Failure(error).to_string());
                    return Ok(faults);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if !faults.is_empty() {
            return Ok(faults);
        }
        let twice = "SELECT count(*) FROM entries JOIN erasures USING (position)";
        let twice: u64 = self.connection.query_row(twice, [], |row| row.get(0))?;
        if twice > 0 {
            faults.push(format!("{twice} positions have both a score and an erasure"));
        }
        Ok(faults)
    }

    /// How many entries the erasures have removed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn removed(&self) -> Result<u64, JournalError> {
        let sql = "SELECT ifnull(sum(removed), 0) FROM erasures";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// Copies the journal, as it is at this moment, to a new file at `target`. Whoever writes to it
    /// meanwhile is not held up. `progress` is told how many of how many pages are copied.
    ///
    /// # Errors
    /// See [`BackupError`]; then there is nothing at `target`.
    pub fn back_up(
        &self,
        target: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), BackupError> {
        let wrote = |error| BackupError::Write(target.to_owned(), error);
        if target.try_exists().map_err(wrote)? {
            return Err(BackupError::Exists(target.to_owned()));
        }
        let mut part = target.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // What an earlier attempt has left would be taken for a database.
        OpenOptions::new().write(true).create(true).truncate(true).open(&part).map_err(wrote)?;
        let copied = self.copy(&part, progress);
        copied.map_err(|error| BackupError::Copy(target.to_owned(), error))?;
        File::open(&part).and_then(|file| file.sync_all()).map_err(wrote)?;
        fs::rename(&part, target).map_err(wrote)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new("."))).and_then(|it| it.sync_all()).map_err(wrote)
    }

    fn copy(&self, part: &Path, progress: &mut dyn FnMut(u64, u64)) -> rusqlite::Result<()> {
        // One transaction around all steps: otherwise every commit of the writer would make SQLite
        // begin anew, and beside a busy feed it would never end.
        let transaction = self.connection.unchecked_transaction()?;
        transaction.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
        let mut copy = Connection::open(part)?;
        {
            let backup = Backup::new(&self.connection, &mut copy)?;
            while backup.step(BACKUP_PAGES)? == StepResult::More {
                let reached = backup.progress();
                let pages = |count| u64::try_from(count).unwrap_or_default();
                let all = pages(reached.pagecount);
                progress(all - pages(reached.remaining), all);
            }
        }
        copy.close().map_err(|(_, error)| error)
    }
}
